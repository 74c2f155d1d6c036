"""MKT5xx: when an integration is synced. `mkt.configs` finds what is no schedule at all."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final

from mkt.configs import codes
from mkt.configs.base import Problem
from mkt.contract import Schedule
from mkt.lint.base import Rule, WrittenIntegration

RULES: Final = (
    Rule(
        code=codes.WRONG_SCHEDULE,
        name="wrong-schedule",
        summary="Not cron with the five fields minute, hour, day, month, weekday, nor @hourly, @daily, @weekly.",
        bad='schedule: "2:15"',
        good='schedule: "15 2 * * *"',
    ),
    Rule(
        code=codes.WRONG_TIMEZONE,
        name="wrong-timezone",
        summary="Not a time zone of the IANA database.",
        bad="timezone: London",
        good="timezone: Europe/London",
    ),
    Rule(
        code=codes.NOTHING_TO_SYNC,
        name="nothing-to-sync",
        summary="A schedule on a connector that has no streams: there is nothing that could be synced.",
        bad='connector: acme-sso\nschedule: "@daily"',
        good="connector: acme-sso",
    ),
    Rule(
        code=codes.TOO_OFTEN,
        name="too-often",
        summary="More often than the connector's manifest allows for its partner.",
        bad='schedule: "* * * * *"',
        good='schedule: "@hourly"',
        severity="warning",
    ),
)

_MONDAY: Final = datetime(2026, 1, 5, tzinfo=UTC)
"""Any moment does: what repeats within a day is what comes too often."""
_SLOTS: Final = 25


def judge(written: WrittenIntegration) -> Iterator[Problem]:
    """Judge the schedule against the connector."""
    cron = written.data.get("schedule")
    manifest = written.connector.manifest if written.connector else None
    if manifest is None or not isinstance(cron, str):
        return
    if not manifest.streams:
        message = f"{manifest.id} has nothing to sync, so it needs no schedule"
        yield written.problem(codes.NOTHING_TO_SYNC, message, ["schedule"], remedy="Remove the schedule.")
        return
    least, shortest = timedelta(minutes=manifest.minimum_interval_minutes), _shortest(cron)
    if shortest is not None and shortest < least:
        minutes = f"every {shortest // timedelta(minutes=1)} minutes"
        message = f"this comes {minutes} at times; {manifest.id} allows one sync in {least // timedelta(minutes=1)}"
        yield written.problem(codes.TOO_OFTEN, message, ["schedule"], remedy="Choose a wider schedule.")


@lru_cache(maxsize=4096)
def _shortest(cron: str) -> timedelta | None:
    """Return the shortest time between two slots; None for what is no schedule."""
    try:
        schedule = Schedule(cron)
    except ValueError:
        return None
    slots = [schedule.next_after(_MONDAY)]
    while len(slots) < _SLOTS:
        slots.append(schedule.next_after(slots[-1]))
    return min(later - earlier for earlier, later in pairwise(slots))
