"""What a run of Get_Workers lists, and where it begins: everything, or what changed since a moment.

A finished run leaves the cursor `{since, full}`: the moment up to which all is known, and that of the last listing of
everyone. A page leaves `{since, full, moment, count, part, page}`: the run goes on there, at the same moment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple, get_args

from mkt.contract import Json, Window

Part = Literal["all", "entered", "effective"]
_PARTS: Final[tuple[Part, ...]] = get_args(Part)
_LAG: Final = timedelta(minutes=5)
"""A moment later than Workday's own now is refused, and clocks differ."""
_OVERLAP: Final = timedelta(minutes=5)
_DAY: Final = timedelta(days=1)
"""What is effective on a date begins at the tenant's own midnight, which Workday does not tell: a day covers it."""
_EVER: Final = datetime(1900, 1, 2, tzinfo=UTC)
_WEEK: Final = timedelta(days=7)


class Period(NamedTuple):
    """From and through, both inclusive, as Workday's criteria want them."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Plan:
    """One run, frozen at `moment`: all its pages are of that moment, also those that another process asks for.

    Without `since` everyone is listed, else what changed since: once by when it was entered and once by when it takes
    effect, for a change that was entered before and takes effect now is in the second listing alone.
    """

    moment: datetime
    count: int
    """Workers per page: a page of another size begins elsewhere."""
    since: datetime | None = None
    full: datetime | None = None
    """When everyone was listed last."""
    part: Part = "all"
    page: int = 1
    until: datetime | None = None
    """Up to when changes are asked for, where it is not the moment."""

    @classmethod
    def of(cls, cursors: Sequence[Json], window: Window | None, now: datetime, count: int) -> "Plan":
        """Go on where an earlier run stopped, or begin at the oldest cursor; a week later everyone is listed."""
        moment = (now - _LAG).replace(microsecond=0)
        if window:
            return cls._within(window, moment, count)
        places = [_Place.read(cursor) for cursor in cursors]
        return _resumed(places, count) or cls._begun(places, moment, count)

    @classmethod
    def _within(cls, window: Window, moment: datetime, count: int) -> "Plan":
        """List what changed in a window, as it is now: an old state must not come over a newer one."""
        until = min(window.until or moment, moment).astimezone(UTC)
        since = min(window.since or _EVER, until).astimezone(UTC)
        return cls(moment, count, since, moment, "entered", until=until)

    @classmethod
    def _begun(cls, places: Sequence["_Place"], moment: datetime, count: int) -> "Plan":
        known = [(place.since, place.full) for place in places if place.since and place.full]
        if not known or len(known) < len(places):
            return cls(moment, count)
        since, full = min(since for since, _ in known), min(full for _, full in known)
        if abs(moment - full) >= _WEEK:  # later than now: our clock was set back, and nothing is certain
            return cls(moment, count)
        return cls(moment, count, min(since, moment), full, "entered")

    @property
    def period(self) -> Period | None:
        """What has to be entered, or take effect, in between; None is everyone."""
        if self.since is None:
            return None
        return Period(self.since - (_OVERLAP if self.part == "entered" else _DAY), self.until or self.moment)

    def after(self, *, last: bool) -> "Plan | None":
        """Return the place after this page; None after the last one of the last part."""
        if not last:
            return replace(self, page=self.page + 1)
        return replace(self, part="effective", page=1) if self.part == "entered" else None

    def cursor(self) -> Json:
        """Return the cursor of a run that is to go on here."""
        moments = {"since": self.since, "full": self.full, "moment": self.moment}
        said = {name: moment.isoformat() for name, moment in moments.items() if moment}
        return {**said, "count": self.count, "part": self.part, "page": self.page}

    def done(self) -> Json:
        """Return the cursor of a run that has come to its end."""
        full = self.full if self.since and self.full else self.moment
        return {"since": self.moment.isoformat(), "full": full.isoformat()}


class _Place(NamedTuple):
    """A stream's cursor; what is none of ours is the start."""

    since: datetime | None = None
    full: datetime | None = None
    plan: Plan | None = None

    @classmethod
    def read(cls, cursor: Json) -> "_Place":
        if not isinstance(cursor, Mapping):
            return cls()
        since, full, moment = (_moment(cursor.get(name)) for name in ("since", "full", "moment"))
        part = next((part for part in _PARTS if part == cursor.get("part")), None)
        page, count = cursor.get("page"), cursor.get("count")
        if (
            moment
            and part
            and (part == "all") == (since is None)
            and isinstance(page, int)
            and isinstance(count, int)
        ):
            return cls(since, full, Plan(moment, count, since, full, part, page))
        return cls(since, full)


def _resumed(places: Sequence[_Place], count: int) -> Plan | None:
    """Return the oldest place where all streams are in one run, or already at its end."""
    plans = [place.plan for place in places if place.plan]
    if not plans:
        return None
    oldest = min(plans, key=lambda plan: (_PARTS.index(plan.part), plan.page))
    same = all(replace(oldest, part=plan.part, page=plan.page) == plan for plan in plans)
    ended = all(place.since == oldest.moment for place in places if place.plan is None)
    return oldest if same and ended and oldest.count == count else None


def _moment(value: Json) -> datetime | None:
    """Read a moment; of a cursor of another kind, none."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None
