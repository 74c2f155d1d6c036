"""What mkt.toml says for a connector where a tenant's file says nothing."""

from dataclasses import dataclass
from functools import lru_cache

from mkt.contract import Guard, Schedule
from mkt.settings import AllDefaults

schedule = lru_cache(maxsize=4096)(Schedule)
"""One `Schedule` for all that share it: judging the expression costs more than the rest of an integration."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """The defaults in force for one connector."""

    schedule: str | None
    timezone: str
    guard: Guard


def fallback(defaults: AllDefaults, connector_id: str) -> Fallback:
    """Return the connector's defaults."""
    given = defaults.of(connector_id)
    return Fallback(given.schedule, given.timezone or "UTC", Guard(**given.guard.model_dump(exclude_none=True)))
