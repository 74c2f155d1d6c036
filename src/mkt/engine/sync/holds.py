"""What a person decides about a hold: apply exactly what it shows, a part of it, or none of it."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from mkt.contract import ConnectorConfiguration, ConnectorEvent, EventName
from mkt.engine.base import Engine
from mkt.engine.operator import Action, report_action
from mkt.engine.report import Result, StreamCounts
from mkt.engine.sync.busy import LOOKED_AT, running, said_of
from mkt.engine.sync.heartbeat import Heartbeat
from mkt.engine.sync.job import counts_of, next_state
from mkt.errors import Refused
from mkt.store.base import Hold, IntegrationState, Key, Lease, Part, Run, Store

_SHOWN: Final = 5
_LIST: Final = "See `mkt holds list`."


def find_hold(store: Store, part: str) -> Hold:
    """Return the hold whose id contains `part`; raise `Refused` unless it is one. A part of one open hold will do."""
    found = store.find_holds(part) if part else []
    if not found:
        raise Refused(f"there is no hold whose id contains {part!r}", remedy=_LIST)
    still_open = [hold for hold in found if hold.state == "open"]
    chosen = still_open or found
    if len(chosen) > 1:
        some = ", ".join(hold.id for hold in chosen[:_SHOWN])
        raise Refused(f"{part} is part of {len(chosen)} ids: {some}", remedy="Give more of the id.")
    return chosen[0]


def counted(hold: Hold) -> Mapping[str, StreamCounts]:
    """Return the changes that are still in a hold, by stream."""
    return {stream: counts_of(change) for stream, change in hold.changes.items()}


def approve(engine: Engine, part: str, *, only: Collection[Part] = (), reason: str = "") -> tuple[Hold, StreamCounts]:
    """Apply what the hold shows, or `only` these kinds of changes; return it as it is then, and what was applied.

    Raise `Refused`, with nothing applied, where that cannot be.
    """
    found = _open(engine.store, part)
    configuration = _configuration(engine, found)
    with _alone(engine, found.key) as lease:
        hold = _open(engine.store, found.id)
        _require_some(hold, only)
        applied = {stream: _applied(counts, only) for stream, counts in counted(hold).items()}
        state = _state_after(engine, configuration, hold, applied, whole=not only)
        if only:
            hold = engine.store.approve_part(lease, hold.id, only, state=state)
        else:
            hold = engine.store.approve(lease, hold.id, state=state, reason=reason)
    totals = _result(hold, applied).totals
    details = {"created": totals.created, "updated": totals.updated, "deleted": totals.deleted}
    _report(engine, hold, "hold.approved", {**details, "only": sorted(only)} if only else details)
    _record(engine, hold, "approve", reason)
    return hold, totals


def reject(engine: Engine, part: str, *, reason: str = "") -> Hold:
    """Forget what the hold would change and return it; raise `Refused` where it is not open any more."""
    found = _open(engine.store, part)
    with _alone(engine, found.key) as lease:
        hold = engine.store.reject(lease, found.id, reason=reason)
    _report(engine, hold, "hold.rejected", {})
    _record(engine, hold, "reject", reason)
    return hold


def _open(store: Store, part: str) -> Hold:
    hold = find_hold(store, part)
    if hold.state != "open":
        target = "/".join(hold.key)
        again = f"Where the partner sends the same again, `mkt sync {target} --now` opens it again."
        raise Refused(
            f"the hold {hold.id} of {target} was {hold.state} already",
            remedy=again if hold.state == "rejected" else _LIST,
        )
    return hold


@contextmanager
def _alone(engine: Engine, key: Key) -> Iterator[Lease]:
    """Hold the lease: no sync and no other person at the same time."""
    lease = engine.store.acquire(key)
    if lease is None:
        target = "/".join(key)
        raise Refused(
            f"{target} is busy: a sync or somebody else's verdict is going on{_whose(engine.store, key)},"
            " so nothing was decided",
            remedy=f"Look again in a moment: `mkt holds list {target}`.",
        )
    with Heartbeat(engine.store) as heartbeat, heartbeat.holding(lease):
        yield lease


def _whose(store: Store, key: Key) -> str:
    said = said_of(running(store.runs([key], limit=LOOKED_AT)), store.holder(key))
    return f" ({said})" if said else ""


def _configuration(engine: Engine, hold: Hold) -> ConnectorConfiguration:
    """Return the integration as it is configured now: when it is due next depends on it."""
    configs = engine.source.load()
    broken = next((b for b in configs.broken if b.tenant == hold.key.tenant), None)
    if broken:
        raise Refused(f"the file of {hold.key.tenant} cannot be read", remedy="Mend it first: `mkt lint`.")
    target = "/".join(hold.key)
    for configuration in configs.configurations:
        if configuration.target == target:
            return configuration
    raise Refused(
        f"{target} is not configured any more, so nothing was applied", remedy="Reject the hold, or bring it back."
    )


def _require_some(hold: Hold, only: Collection[Part]) -> None:
    """Refuse to apply a part of which the hold has nothing: it would look like a decision, and be none."""
    if only and not any(getattr(counts, kind) for counts in counted(hold).values() for kind in only):
        raise Refused(
            f"nothing of the hold {hold.id[-8:]} was {' or '.join(sorted(only))}, so nothing was applied",
            remedy=f"All of it: `mkt holds approve {hold.id[-8:]}`; none of it: `mkt holds reject {hold.id[-8:]}`.",
        )


def _applied(counts: StreamCounts, only: Collection[Part]) -> StreamCounts:
    if only:
        return StreamCounts(**{kind: getattr(counts, kind) for kind in only})
    return replace(counts, deleted=counts.deleted + counts.absent, absent=0)


def _state_after(
    engine: Engine,
    configuration: ConnectorConfiguration,
    hold: Hold,
    applied: Mapping[str, StreamCounts],
    *,
    whole: bool,
) -> IntegrationState:
    """Return the state as after a run that has finished now; a part, and a window, are no turn of the schedule."""
    previous = engine.store.states([hold.key]).get(hold.key) or IntegrationState(key=hold.key)
    now, result = engine.now(), _result(hold, applied)
    if not whole or hold.windowed:
        return replace(previous, last_change_at=now if result.totals.changes else previous.last_change_at)
    entry = Run(
        id=hold.run_id, command="sync", key=hold.key, connector=hold.connector, started_at=now, finished_at=now
    )
    return replace(next_state(previous, configuration, result, entry), fingerprint=hold.fingerprint)


def _result(hold: Hold, applied: Mapping[str, StreamCounts]) -> Result:
    tenant, integration = hold.key
    return Result(tenant=tenant, integration=integration, run_id=hold.run_id, outcome="ok", streams=applied)


def _report(engine: Engine, hold: Hold, name: EventName, details: Mapping[str, object]) -> None:
    found = engine.registry.get(hold.connector)
    engine.telemetry.emit(
        ConnectorEvent(
            event=name,
            message=f"{name.partition('.')[2]} what was held for review",
            timestamp=engine.now(),
            tenant=hold.key.tenant,
            integration=hold.key.integration,
            connector=hold.connector,
            category=found.manifest.category if found and found.manifest else None,
            run_id=hold.run_id,
            details={"hold_id": hold.id, **details},
        )
    )


def _record(engine: Engine, hold: Hold, action: Action, reason: str) -> None:
    report_action(engine.telemetry, engine.now, action, "/".join(hold.key), reason=reason)
