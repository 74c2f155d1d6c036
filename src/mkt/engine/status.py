"""Where every integration stands: problems first, with who acts and what to type next."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from mkt.configs.base import BrokenTenant
from mkt.contract import ConnectorConfiguration, ConnectorEvent, Schedule
from mkt.engine.base import Engine
from mkt.engine.broken import failure_of_broken
from mkt.engine.following import Standing, next_command
from mkt.engine.pause import is_paused, tries_left, ways_out
from mkt.engine.report import Failure, stored_failure
from mkt.engine.selection import Selection
from mkt.engine.sync.busy import LOOKED_AT, running, said_of
from mkt.engine.sync.schedule import AT_ONCE, due_at, missing_since, overdue
from mkt.engine.triage.causes import held_failure, overdue_failure
from mkt.engine.webhooks.failing import dead_failures
from mkt.engine.webhooks.silence import silence_failure, silences
from mkt.store.base import Connection, EventQuery, Hold, IntegrationState, Key

Health = Standing
ORDER: tuple[Health, ...] = (
    "broken",
    "failing",
    "held",
    "paused",
    "overdue",
    "silent",
    "deferred",
    "never",
    "ok",
    "disabled",
)
PROBLEMS: frozenset[Health] = frozenset({"broken", "failing", "held", "paused", "overdue", "silent"})
_LISTENED_TO: frozenset[Health] = frozenset({"deferred", "never", "ok"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatus:
    """One stream: live and deleted records, and as of when the partner's data is (None: no load came to its end)."""

    stream: str
    live: int
    deleted: int
    as_of: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationStatus:
    """One integration, or a tenant whose file is broken."""

    tenant: str
    integration: str | None
    connector: str | None = None
    health: Health
    why: str = ""
    remedy: str = ""
    actor: str = ""
    error_class: str = ""
    code: str = ""
    fingerprint: str = ""
    """Of the failure: what integrations that fail for the same reason share."""
    retry_at: datetime | None = None
    """Until when a deferred one is not asked for again."""
    last_run_id: str = ""
    last_finished_at: datetime | None = None
    last_ok_at: datetime | None = None
    last_change_at: datetime | None = None
    next_due_at: datetime | None = None
    overdue_by: timedelta | None = None
    """How long ago it should have run, where that is longer ago than it may be."""
    failures: int = 0
    hold_id: str = ""
    paused_at: datetime | None = None
    tries_left: int | None = None
    """How many more failures that only a person can mend pause it, where one has counted."""
    connection: Connection | None = None
    connection_since: datetime | None = None
    schedule: Schedule | None = None
    place: str = ""
    streams: tuple[StreamStatus, ...] = field(default=())
    last_action: ConnectorEvent | None = None
    """The last `operator.action`, where this is the only one that was asked for, as with the two that follow."""
    running: str = ""
    """Since when a sync is going on, and whose it is."""
    note: str = ""
    """What a person should know of the last run, as that something kept it from deleting."""

    @property
    def target(self) -> str:
        return f"{self.tenant}/{self.integration}" if self.integration else self.tenant

    @property
    def next_command(self) -> str:
        """What to type next."""
        if self.running:
            return f"mkt events {self.target} --follow"
        return next_command(
            self.target,
            self.health,
            code=self.code,
            error_class=self.error_class,
            message=self.why,
            hold_id=self.hold_id,
            run_id=self.last_run_id,
        )


def status(engine: Engine, selection: Selection) -> list[IntegrationStatus]:
    """Return the status of what is selected, problems first."""
    selected = selection.choose(engine.source.load())
    states, now = engine.store.states(selected.keys), engine.now()
    counts: dict[Key, dict[str, tuple[int, int]]] = defaultdict(dict)
    for (key, stream), count in engine.store.counts(selected.keys).items():
        counts[key][stream] = count
    holds = {hold.key: hold for hold in engine.store.holds(selected.keys, closed=False)}
    found = [_broken(tenant) for tenant in selected.broken]
    for configuration in selected.configurations:
        key = Key(configuration.tenant, configuration.name)
        state = states.get(key) or IntegrationState(key=key)
        known = _integration(configuration, state, counts[key], now)
        found.append(_held(known, holds[key]) if known.health == "held" and key in holds else known)
    found = _with_deliveries(engine, found, selected.keys, now)
    if len(found) == 1:
        found = [_closely(engine, found[0])]
    return sorted(found, key=lambda s: (ORDER.index(s.health), s.target))


def _with_deliveries(
    engine: Engine, found: list[IntegrationStatus], keys: Collection[Key] | None, now: datetime
) -> list[IntegrationStatus]:
    """Tell of what is otherwise well where deliveries are dead, and where partners have stopped to call."""
    dead, silent = dead_failures(engine.store, keys, now), silences(engine.store, keys, now)
    told: list[IntegrationStatus] = []
    for each in found:
        key = Key(each.tenant, each.integration or "")
        if key in dead and each.health in _LISTENED_TO:
            told.append(replace(each, health="failing", **_told(dead[key])))
        elif key in silent and each.health in _LISTENED_TO:
            told.append(replace(each, health="silent", **_told(silence_failure(silent[key], now))))
        else:
            told.append(each)
    return told


def _closely(engine: Engine, status: IntegrationStatus) -> IntegrationStatus:
    """Look at what would take too long for a whole fleet."""
    key, last_action = Key(status.tenant, status.integration or ""), _last_action(engine, status)
    if not status.integration:
        return replace(status, last_action=last_action)
    runs = engine.store.runs([key], limit=LOOKED_AT)
    now_running = running(runs)
    holder = engine.store.holder(key) if now_running else ""
    notes = (str(run.details.get("note") or "") for run in runs if run.id == status.last_run_id)
    return replace(
        status,
        last_action=last_action,
        running=said_of(now_running, holder) if holder else "",
        note=next(notes, ""),
    )


def _last_action(engine: Engine, status: IntegrationStatus) -> ConnectorEvent | None:
    """Find what a person last did with the integration, or with its tenant."""
    keys = {Key(status.tenant, status.integration or ""), Key(status.tenant, "")}
    return next(engine.store.events(EventQuery(keys=keys, names=["operator.action"], limit=1)), None)


def _broken(broken: BrokenTenant) -> IntegrationStatus:
    return IntegrationStatus(
        tenant=broken.tenant,
        integration=None,
        health="broken",
        place=str(broken.problems[0].position),
        **_told(failure_of_broken(broken)),
    )


def _integration(
    configuration: ConnectorConfiguration,
    state: IntegrationState,
    counts: Mapping[str, tuple[int, int]],
    now: datetime,
) -> IntegrationStatus:
    due = due_at(configuration, state, now) if configuration.active(now.date()) else None
    since = missing_since(configuration, state, now) if due and overdue(configuration, state, now) else None
    late = now - since if since else None
    health = _health(configuration, state, now, late=late is not None)
    return IntegrationStatus(
        tenant=configuration.tenant,
        integration=configuration.name,
        connector=configuration.connector,
        health=health,
        last_run_id=state.last_run_id,
        last_finished_at=state.last_finished_at,
        last_ok_at=state.last_ok_at,
        last_change_at=state.last_change_at,
        next_due_at=now if due == AT_ONCE else due,
        overdue_by=late,
        failures=state.failures,
        paused_at=state.paused_at if health == "paused" else None,
        tries_left=_tries_left(state, health),
        connection=state.connection,
        connection_since=state.connection_since,
        schedule=configuration.schedule,
        place=configuration.place(),
        streams=_streams(state, counts),
        **_why(configuration, state, health),
    )


def _held(status: IntegrationStatus, hold: Hold) -> IntegrationStatus:
    failure = held_failure(status.connector or "", status.target, hold.reasons)
    return replace(status, **{**_told(failure), "why": "; ".join(hold.reasons), "hold_id": hold.id})


def _told(failure: Failure) -> dict[str, Any]:
    """Return what the status says of a failure."""
    return {
        "why": failure.message,
        "remedy": failure.remedy,
        "actor": failure.actor,
        "error_class": failure.error_class,
        "code": failure.code,
        "fingerprint": failure.fingerprint,
        "retry_at": failure.retry_at,
    }


def _why(configuration: ConnectorConfiguration, state: IntegrationState, health: Health) -> dict[str, Any]:
    """Return why it stands so, what to do about it, and who does that."""
    if health == "disabled":
        return {"why": _why_disabled(configuration)}
    if state.last_error:
        told = _told(stored_failure(state.last_error))
        ending = ways_out(configuration.target) if health == "paused" else ""
        return {**told, "remedy": f"{told['remedy']} {ending}".strip()}
    return _told(overdue_failure()) if health == "overdue" else {}


def _tries_left(state: IntegrationState, health: Health) -> int | None:
    """Return it after `mkt enable` of a paused one too: the failure stands, and its count begins anew."""
    return tries_left(state) if health == "failing" else None


def _why_disabled(configuration: ConnectorConfiguration) -> str:
    disabled = configuration.disabled
    if disabled is None:
        return ""
    until = f"until {disabled.until}" if disabled.until else ""
    return ": ".join(part for part in (until, disabled.reason) if part)


def _health(configuration: ConnectorConfiguration, state: IntegrationState, now: datetime, *, late: bool) -> Health:
    if not configuration.active(now.date()):
        return "disabled"
    if state.hold_id or is_paused(configuration, state):
        return "held" if state.hold_id else "paused"
    if state.last_outcome == "failed":
        return "failing"
    if late:
        return "overdue"
    if state.last_outcome == "deferred":
        return "deferred"
    return "ok" if state.last_ok_at else "never"


def _streams(state: IntegrationState, counts: Mapping[str, tuple[int, int]]) -> tuple[StreamStatus, ...]:
    names = sorted({*state.streams, *counts})
    found = ((name, counts.get(name, (0, 0)), state.streams.get(name)) for name in names)
    return tuple(
        StreamStatus(stream=name, live=live, deleted=deleted, as_of=known.as_of if known else None)
        for name, (live, deleted), known in found
    )
