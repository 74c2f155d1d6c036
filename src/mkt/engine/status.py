"""Where every integration stands: problems first, with who acts and what to type next."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from mkt.configs.base import BrokenTenant
from mkt.contract import ConnectorConfiguration, ConnectorEvent, Schedule
from mkt.engine.base import Engine
from mkt.engine.pause import is_paused
from mkt.engine.schedule import AT_ONCE, due_at, missing_since, overdue
from mkt.engine.selection import Selection
from mkt.store.base import Connection, EventQuery, Hold, IntegrationState, Key

Health = Literal["broken", "failing", "held", "paused", "overdue", "deferred", "never", "ok", "disabled"]
ORDER: tuple[Health, ...] = ("broken", "failing", "held", "paused", "overdue", "deferred", "never", "ok", "disabled")
PROBLEMS: frozenset[Health] = frozenset({"broken", "failing", "held", "paused", "overdue"})
_ENDS_PAUSE: Final = "Until `mkt verify {}` passes, no sync asks again."
_DECIDE: Final = "Ask the partner or the customer whether this is meant, then approve or reject it."
_NOBODY_SYNCS: Final = "See that something runs `mkt sync` here: cron or a timer; `mkt doctor` looks at the rest."


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
    fingerprint: str = ""
    """Of the failure: what integrations that fail for the same reason share."""
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
    connection: Connection | None = None
    connection_since: datetime | None = None
    schedule: Schedule | None = None
    place: str = ""
    streams: tuple[StreamStatus, ...] = field(default=())
    last_action: ConnectorEvent | None = None
    """The last `operator.action`, where this is the only one that was asked for."""

    @property
    def target(self) -> str:
        return f"{self.tenant}/{self.integration}" if self.integration else self.tenant

    @property
    def next_command(self) -> str:
        """What to type next."""
        commands: dict[Health, str] = {
            "broken": "mkt lint",
            "failing": f"mkt verify {self.target}",
            "held": f"mkt holds show {self.hold_id[-8:]}",
            "paused": f"mkt verify {self.target}",
            "overdue": f"mkt sync {self.target} --now",
            "never": f"mkt verify {self.target}",
            "deferred": f"mkt runs show {self.last_run_id[-8:]}",
        }
        return commands.get(self.health, "")


def status(engine: Engine, selection: Selection) -> list[IntegrationStatus]:
    """Return the status of what is selected, problems first."""
    selected = selection.choose(engine.source.load())
    states, now = engine.store.states(), engine.now()
    counts: dict[Key, dict[str, tuple[int, int]]] = defaultdict(dict)
    for (key, stream), count in engine.store.counts().items():
        counts[key][stream] = count
    holds = {hold.key: hold for hold in engine.store.holds(closed=False)}
    found = [_broken(tenant) for tenant in selected.broken]
    for configuration in selected.configurations:
        key = Key(configuration.tenant, configuration.name)
        state = states.get(key) or IntegrationState(key=key)
        known = _integration(configuration, state, counts[key], now)
        found.append(_held(known, holds[key]) if known.health == "held" and key in holds else known)
    if len(found) == 1:
        found = [replace(found[0], last_action=_last_action(engine, found[0]))]
    return sorted(found, key=lambda s: (ORDER.index(s.health), s.target))


def _last_action(engine: Engine, status: IntegrationStatus) -> ConnectorEvent | None:
    """Find what a person last did with the integration, or with its tenant."""
    keys = {Key(status.tenant, status.integration or ""), Key(status.tenant, "")}
    return next(engine.store.events(EventQuery(keys=keys, names=["operator.action"], limit=1)), None)


def _broken(broken: BrokenTenant) -> IntegrationStatus:
    first = broken.problems[0]
    return IntegrationStatus(
        tenant=broken.tenant,
        integration=None,
        health="broken",
        why=f"{first.position}: {first.message}",
        remedy=first.remedy,
        actor="us",
        place=str(first.position),
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
    why, remedy, actor = _why(configuration, state, health)
    return IntegrationStatus(
        tenant=configuration.tenant,
        integration=configuration.name,
        connector=configuration.connector,
        health=health,
        why=why,
        remedy=remedy,
        actor=actor,
        fingerprint=str((state.last_error or {}).get("fingerprint", "")) if why else "",
        last_run_id=state.last_run_id,
        last_finished_at=state.last_finished_at,
        last_ok_at=state.last_ok_at,
        last_change_at=state.last_change_at,
        next_due_at=now if due == AT_ONCE else due,
        overdue_by=late,
        failures=state.failures,
        paused_at=state.paused_at if health == "paused" else None,
        connection=state.connection,
        connection_since=state.connection_since,
        schedule=configuration.schedule,
        place=configuration.place(),
        streams=_streams(state, counts),
    )


def _held(status: IntegrationStatus, hold: Hold) -> IntegrationStatus:
    return replace(status, why="; ".join(hold.reasons), remedy=_DECIDE, actor="us", fingerprint="", hold_id=hold.id)


def _why(configuration: ConnectorConfiguration, state: IntegrationState, health: Health) -> tuple[str, str, str]:
    """Return why it stands so, what to do about it, and who does that."""
    error = state.last_error or {}
    if health == "disabled":
        return _why_disabled(configuration), "", ""
    if error:
        remedy = str(error.get("remedy", ""))
        if health == "paused":
            remedy = f"{remedy} {_ENDS_PAUSE.format(configuration.target)}".strip()
        return str(error.get("message", "")), remedy, str(error.get("actor", ""))
    if health == "overdue":
        return "it was due, and no sync has run it since", _NOBODY_SYNCS, "us"
    return "", "", ""


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
