"""What mkt.toml says for a connector where a tenant's file says nothing."""

from dataclasses import dataclass
from functools import lru_cache

from mkt.contract import Guard, Schedule
from mkt.errors import StartError
from mkt.settings import AllDefaults


@dataclass(frozen=True, slots=True)
class Fallback:
    """The defaults in force for one connector."""

    schedule: str | None
    timezone: str
    guard: Guard


def fallback(defaults: AllDefaults, connector_id: str) -> Fallback:
    """Return the connector's defaults; raise `StartError` for a schedule or a zone that does not exist."""
    given = defaults.of(connector_id)
    timezone = given.timezone or "UTC"
    schedule(given.schedule or "@daily", timezone)
    return Fallback(given.schedule, timezone, Guard(**given.guard.model_dump(exclude_none=True)))


@lru_cache(maxsize=4096)
def schedule(cron: str, timezone: str) -> Schedule:
    """Return the schedule: tenants share few. What a file says was judged before, so a fault is in the defaults."""
    try:
        return Schedule(cron, timezone)
    except ValueError as error:
        raise StartError(
            f"the default schedule is wrong: {error}", remedy="Correct [defaults] in mkt.toml."
        ) from None
