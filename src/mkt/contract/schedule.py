"""When an integration is to be synced: cron in a time zone. And how a span of time is written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

_ALIASES: Final = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0"}
_FIELDS: Final = 5
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A five-field cron expression, or @hourly, @daily, @weekly, in an IANA time zone.

    At a change of daylight saving time a slot is neither skipped nor doubled, as in Debian's cron: a fixed time that
    the clock leaps over comes right after the leap, one that it shows twice comes the first time; what is meant by
    the hour or the minute ("*") goes on by the time that really passes. (On Lord Howe, where the clock is set by half
    an hour, some of the latter are left out in that night.)
    """

    cron: str
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        """Raise ValueError, in words for a person, for an expression or a zone that does not exist."""
        try:
            zone = ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{self.timezone!r} is no IANA time zone such as Europe/London") from None
        if self.cron.startswith("@") and self.cron not in _ALIASES:
            raise ValueError(f"{self.cron!r} is none of {', '.join(_ALIASES)}")
        if len(self._expression.split()) != _FIELDS:
            raise ValueError(f"{self.cron!r} does not have the five fields minute hour day month weekday")
        try:
            next(CronSim(self._expression, datetime.now(zone)))
        except CronSimError as error:
            raise ValueError(f"{self.cron!r} is not cron: {str(error).lower()}") from None
        except StopIteration:
            raise ValueError(f"{self.cron!r} never comes: no such day in any month") from None

    @property
    def _expression(self) -> str:
        return _ALIASES.get(self.cron, self.cron)

    def next_after(self, moment: datetime) -> datetime:
        """Return the first slot later than `moment`, in UTC."""
        return _following(self, moment.astimezone(UTC).replace(second=0, microsecond=0))

    def interval(self, slot: datetime) -> timedelta:
        """Return how long after a slot the following one comes."""
        return self.next_after(slot) - slot

    def slots(self, moment: datetime) -> Iterator[datetime]:
        """Yield slots from about `moment` on: within an hour that the clock shows twice, some lie before it."""
        zone = ZoneInfo(self.timezone)
        yield from (slot.astimezone(UTC) for slot in CronSim(self._expression, moment.astimezone(zone)))

    def __str__(self) -> str:
        return f"{self.cron} ({self.timezone})"


@lru_cache(maxsize=4096)
def _following(schedule: Schedule, minute: datetime) -> datetime:
    """Return the slot after a whole minute: many integrations have one schedule and end in the same minute."""
    return next(slot for slot in schedule.slots(minute) if slot > minute)


def span(text: str) -> timedelta:
    """Read "90s", "30m", "1h30m", "2d"; raise ValueError for what is none, or over 30 days."""
    if not re.fullmatch(r"([0-9]+[smhd])+", text):
        raise ValueError(f"{text!r} is no duration such as 90s, 30m or 1h30m")
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"([0-9]+)([smhd])", text))
    if not 0 < seconds <= _LONGEST.total_seconds():
        raise ValueError("a duration is between 1 second and 30 days")
    return timedelta(seconds=seconds)


def jitter(text: str | int) -> timedelta:
    """Read 0 or whole minutes; raise ValueError for anything else. Cron looks once a minute."""
    if text in (0, "0"):
        return timedelta()
    found = span(str(text))
    if found % timedelta(minutes=1):
        raise ValueError("it is 0 or whole minutes, such as 5m")
    return found
