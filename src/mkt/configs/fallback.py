"""What mkt.toml says for a connector where a tenant's file says nothing."""

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from mkt.contract import Guard, Schedule
from mkt.contract.schedule import jitter, span
from mkt.settings import AllDefaults

schedule = lru_cache(maxsize=4096)(Schedule)
"""One `Schedule` for all that share it: judging the expression costs more than the rest of an integration."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """The defaults in force for one connector."""

    schedule: str | None
    timezone: str
    guard: Guard
    jitter: timedelta | None
    overdue_after: timedelta | None


def fallback(defaults: AllDefaults, connector_id: str) -> Fallback:
    """Return the connector's defaults."""
    given = defaults.of(connector_id)
    return Fallback(
        schedule=given.schedule,
        timezone=given.timezone or "UTC",
        guard=Guard(**given.guard.model_dump(exclude_none=True)),
        jitter=None if given.jitter is None else jitter(given.jitter),
        overdue_after=None if given.overdue_after is None else span(given.overdue_after),
    )
