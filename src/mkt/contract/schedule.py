"""When an integration is to be synced: cron in a time zone."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

_ALIASES: Final = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0"}
_FIELDS: Final = 5


@dataclass(frozen=True, slots=True)
class Schedule:
    """A five-field cron expression, or @hourly, @daily, @weekly, in an IANA time zone.

    At a change of daylight saving time a slot is neither skipped nor doubled: cronsim follows Debian's cron.
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
        slot = next(CronSim(self._expression, moment.astimezone(ZoneInfo(self.timezone))))
        return slot.astimezone(UTC)

    def __str__(self) -> str:
        return f"{self.cron} ({self.timezone})"
