"""MKT5xx: when an integration is synced. `mkt.configs` finds what is no schedule at all."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final

from mkt.configs import codes
from mkt.configs.base import Problem
from mkt.contract import Manifest, Schedule
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
    """Judge the schedule in force, the file's or the default, against the connector."""
    manifest = written.connector.manifest if written.connector else None
    if manifest is None:
        return
    own = "schedule" in written.data
    cron = written.data.get("schedule") if own else written.fallback(manifest.id).schedule
    if not isinstance(cron, str):
        return
    if manifest.streams:
        yield from _too_often(written, cron, manifest, "schedule" if own else "connector")
    elif own:
        message = f"{manifest.id} has nothing to sync, so it needs no schedule"
        yield written.problem(codes.NOTHING_TO_SYNC, message, ["schedule"], remedy="Remove the schedule.")


def _too_often(written: WrittenIntegration, cron: str, manifest: Manifest, key: str) -> Iterator[Problem]:
    least, shortest = timedelta(minutes=manifest.minimum_interval_minutes), _shortest(cron)
    if shortest is None or shortest >= least:
        return
    whose = "this comes" if key == "schedule" else "the default schedule of mkt.toml comes"
    often = f"every {shortest // timedelta(minutes=1)} minutes at times"
    message = f"{whose} {often}; {manifest.id} allows one sync in {manifest.minimum_interval_minutes}"
    yield written.problem(codes.TOO_OFTEN, message, [key], remedy="Choose a wider schedule.")


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
