"""Slots of cron in a time zone: where the clock is changed, and on days that not every year has."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mkt.contract import Schedule
from mkt.contract.schedule import jitter, span

CHANGES = {
    "Europe/Berlin": (date(2026, 3, 29), date(2026, 10, 25)),
    "Europe/London": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "America/St_Johns": (date(2026, 3, 8), date(2026, 11, 1)),
    "America/Havana": (date(2026, 3, 8), date(2026, 11, 1)),
    "America/Santiago": (date(2026, 4, 5), date(2026, 9, 6)),
    "Africa/Casablanca": (date(2026, 2, 15), date(2026, 3, 22)),
    "Antarctica/Troll": (date(2026, 3, 29), date(2026, 10, 25)),
    "Asia/Kolkata": (date(2026, 6, 1), date(2026, 6, 1)),
}
"""Zones with the days on which their clocks are changed, by an hour or by two, at midnight or later, or never."""
DAYS = st.sampled_from([(zone, day) for zone, days in CHANGES.items() for day in days])
FIXED = ["30 0 * * *", "0 0 * * *", "15 1 * * *", "45 1 * * *", "0 2 * * *", "30 2 * * *", "0 3 * * *", "@daily"]
REAL = ["0 * * * *", "*/15 * * * *", "* * * * *", "*/30 2 * * *", "* 1 * * *", "10 */2 * * *", "@hourly"]
MINUTES = st.integers(-36 * 60, 36 * 60)


def _noon(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _slots(schedule: Schedule, start: datetime, end: datetime) -> Iterator[datetime]:
    def following() -> Iterator[datetime]:
        slot = start
        while True:
            slot = schedule.next_after(slot)
            yield slot

    return takewhile(lambda slot: slot <= end, following())


@given(change=DAYS, cron=st.sampled_from([*FIXED, *REAL]), minutes=MINUTES, share=st.floats(0, 0.999))
@example(change=("Europe/Berlin", date(2026, 10, 25)), cron="30 2 * * *", minutes=-9 * 60 - 15, share=0.0)
def test_whenever_it_is_asked_the_next_slot_is_the_same(
    change: tuple[str, date], cron: str, minutes: int, share: float
) -> None:
    zone, day = change
    schedule, moment = Schedule(cron, zone), _noon(day, zone) + timedelta(minutes=minutes)
    slot = schedule.next_after(moment)
    assert slot > moment
    assert (slot.utcoffset(), slot.second, slot.microsecond) == (timedelta(0), 0, 0)
    assert schedule.next_after(moment + share * (slot - moment)) == slot


@given(change=DAYS, cron=st.sampled_from(FIXED))
def test_what_runs_once_a_day_runs_once_on_each_day_of_the_year(change: tuple[str, date], cron: str) -> None:
    zone, day = change
    start = _noon(day - timedelta(days=5), zone)
    slots = list(_slots(Schedule(cron, zone), start, _noon(day + timedelta(days=5), zone)))
    assert [slot.astimezone(ZoneInfo(zone)).date() for slot in slots] == [
        day + timedelta(days=number) for number in range(-4, 6)
    ]


@pytest.mark.parametrize("cron", ["0 * * * *", "*/15 * * * *", "* * * * *", "*/30 2 * * *", "* 1 * * *"])
@given(change=DAYS)
def test_what_is_meant_by_the_hour_goes_on_by_the_time_that_passes(cron: str, change: tuple[str, date]) -> None:
    zone, day = change
    start, end = _noon(day - timedelta(days=1), zone), _noon(day + timedelta(days=1), zone)
    minute, hour = cron.split()[:2]
    step = int(minute[2:]) if minute.startswith("*/") else 1
    passing = [start + timedelta(minutes=number + 1) for number in range(int((end - start) / timedelta(minutes=1)))]
    clocks = [(moment, moment.astimezone(ZoneInfo(zone))) for moment in passing]
    assert list(_slots(Schedule(cron, zone), start, end)) == [
        moment
        for moment, shown in clocks
        if (shown.minute == 0 if minute == "0" else shown.minute % step == 0)
        and (hour == "*" or shown.hour == int(hour))
    ]


@given(
    moment=st.datetimes(datetime(2025, 1, 1), datetime(2099, 1, 1)),  # noqa: DTZ001 - hypothesis wants naive bounds
    cron=st.sampled_from(["0 0 29 2 *", "0 9 * * 1-5", "@weekly", "0 0 1 * *", "15 2 31 * *"]),
    zone=st.sampled_from([*CHANGES, "UTC", "Australia/Lord_Howe"]),
)
def test_slots_are_later_and_later_and_on_the_days_that_are_named(moment: datetime, cron: str, zone: str) -> None:
    schedule, start = Schedule(cron, zone), moment.replace(tzinfo=UTC)
    slots = [start, schedule.next_after(start)]
    slots.append(schedule.next_after(slots[-1]))
    assert all(earlier < later for earlier, later in pairwise(slots))
    shown = [slot.astimezone(ZoneInfo(zone)) for slot in slots[1:]]
    if cron == "0 0 29 2 *":
        assert {(day.month, day.day) for day in shown} == {(2, 29)}
    if cron == "15 2 31 * *":
        assert {day.day for day in shown} == {31}


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2d", 172800)])
def test_a_span_is_read_as_a_person_writes_it(text: str, seconds: int) -> None:
    assert span(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "5 m", "0s", "31d", "1.5h", "٣m"])
def test_anything_else_is_no_span(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        span(text)


def test_jitter_is_nothing_or_whole_minutes() -> None:
    assert jitter(0) == jitter("0") == timedelta()
    assert jitter("5m") == timedelta(minutes=5)
    with pytest.raises(ValueError, match="whole minutes"):
        jitter("30s")
    with pytest.raises(ValueError, match="duration"):
        jitter(5)
