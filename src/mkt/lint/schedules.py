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
        why="The whole file is refused: a sync at the wrong time would be noticed by the customer first.",
        bad='schedule: "2:15"',
        good='schedule: "15 2 * * *"',
    ),
    Rule(
        code=codes.WRONG_TIMEZONE,
        name="wrong-timezone",
        summary="Not a time zone of the IANA database.",
        why="The whole file is refused: an hour off would be noticed by the customer first.",
        bad="timezone: London",
        good="timezone: Europe/London",
    ),
    Rule(
        code=codes.NOTHING_TO_SYNC,
        name="nothing-to-sync",
        summary="A schedule on a connector that has no streams: there is nothing that could be synced.",
        why="Whoever reads it waits for records that never come.",
        bad='connector: acme-sso\nschedule: "@daily"',
        good="connector: acme-sso",
    ),
    Rule(
        code=codes.TOO_OFTEN,
        name="too-often",
        summary="More often than the connector's manifest allows for its partner.",
        why="The partner slows down or locks out whoever asks too often.",
        bad='schedule: "* * * * *"',
        good='schedule: "@hourly"',
        severity="warning",
    ),
    Rule(
        code=codes.ALL_AT_ONCE,
        name="all-at-once",
        summary="Many tenants have one schedule, and `jitter` is 0 in mkt.toml: all of them begin in one minute.",
        bad='schedule: "0 2 * * *"    # in 40 files, and jitter = 0',
        good='schedule: "0 2 * * *"    # without jitter = 0: spread over minutes, each tenant always by the same',
        severity="warning",
        why="They wait for each other and for the partner, and the partner sees a peak every night.",
    ),
)

_MONDAY: Final = datetime(2026, 1, 5, tzinfo=UTC)
"""Any moment does: what repeats within a day is what comes too often."""
_SLOTS: Final = 25
_AN_HOUR: Final = timedelta(hours=1)


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


def start_of(written: WrittenIntegration) -> tuple[str, str] | None:
    """Return schedule and zone of an integration that begins in the very minute; None for one that is spread."""
    given = written.fallback(str(written.data.get("connector")))
    if given.jitter is None or given.jitter or written.data.get("enabled") is False or written.mapping("disabled"):
        return None
    cron = written.data.get("schedule") if "schedule" in written.data else given.schedule
    zone = written.data.get("timezone") or given.timezone
    return (" ".join(cron.split()), str(zone)) if isinstance(cron, str) else None


def _too_often(written: WrittenIntegration, cron: str, manifest: Manifest, key: str) -> Iterator[Problem]:
    least = timedelta(minutes=manifest.minimum_interval_minutes)
    if cron.partition(" ")[0].isdigit() and least <= _AN_HOUR:  # one minute of the hour; spares most the search
        return
    shortest = _shortest(cron)
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
