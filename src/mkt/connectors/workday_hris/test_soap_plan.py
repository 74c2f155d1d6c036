from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.connectors.workday_hris.soap_plan import Part, Plan
from mkt.contract import Json, Window

NOW = datetime(2026, 11, 22, 18, 0, 0, 123, tzinfo=UTC)
MOMENT = datetime(2026, 11, 22, 17, 55, tzinfo=UTC)
YESTERDAY = MOMENT - timedelta(days=1)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
parts: list[Part] = ["entered", "effective"]
plans = st.builds(Plan, moments, st.integers(1, 999), page=st.integers(1, 9999)) | st.builds(
    Plan, moments, st.integers(1, 999), moments, moments, st.sampled_from(parts), st.integers(1, 9999)
)
anything = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | moments.map(datetime.isoformat),
    lambda inner: st.dictionaries(
        st.sampled_from(["since", "full", "moment", "count", "part", "page"]), inner, max_size=6
    ),
)


def plan(*cursors: Json, window: Window | None = None, now: datetime = NOW) -> Plan:
    return Plan.of(cursors, window, now, 100)


def known(since: datetime, full: datetime) -> dict[str, Json]:
    return {"since": since.isoformat(), "full": full.isoformat()}


def test_the_first_run_lists_everyone_as_of_five_minutes_ago() -> None:
    assert plan(None, None) == Plan(MOMENT, 100)
    assert plan(None).period is None
    assert plan(None).done() == known(MOMENT, MOMENT)


def test_the_next_run_asks_for_what_was_entered_and_for_what_takes_effect() -> None:
    entered = plan(known(YESTERDAY, YESTERDAY))
    assert (entered.part, entered.period) == ("entered", (YESTERDAY - timedelta(minutes=5), MOMENT))
    effective = entered.after(last=True)
    assert effective is not None
    assert (effective.part, effective.period) == ("effective", (YESTERDAY - timedelta(days=1), MOMENT))
    assert effective.after(last=True) is None
    assert entered.done() == known(MOMENT, YESTERDAY)


@pytest.mark.parametrize(("days", "everyone"), [(6, False), (7, True), (30, True), (-30, True)])
def test_everyone_is_listed_again_after_a_week_or_when_our_clock_was_set_back(days: int, *, everyone: bool) -> None:
    assert (plan(known(YESTERDAY, MOMENT - timedelta(days=days))).since is None) is everyone


def test_the_oldest_of_several_cursors_counts() -> None:
    older = YESTERDAY - timedelta(days=1)
    made = plan(known(YESTERDAY, YESTERDAY), known(older, older))
    assert (made.since, made.full) == (older, older)


def test_one_stream_without_a_cursor_lists_everyone() -> None:
    assert plan(known(YESTERDAY, YESTERDAY), None).since is None


def test_a_moment_after_now_does_not_turn_the_period_round() -> None:
    made = plan(known(NOW + timedelta(hours=1), MOMENT))
    assert made.period is not None
    assert made.period.start < made.period.end


@given(plans)
def test_a_run_goes_on_from_its_own_cursor_at_its_own_moment(stopped: Plan) -> None:
    assert Plan.of([stopped.cursor()] * 4, None, NOW, stopped.count) == stopped


def test_a_run_goes_on_at_the_oldest_page_of_its_streams() -> None:
    first, second = Plan(MOMENT, 100, page=3), Plan(MOMENT, 100, page=2)
    assert plan(first.cursor(), second.cursor()) == second
    assert plan(first.cursor(), first.done()) == first, "people was done already"


@pytest.mark.parametrize(
    "cursors",
    [
        [Plan(MOMENT, 100, page=3).cursor(), Plan(YESTERDAY, 100, page=3).cursor()],
        [Plan(MOMENT, 100, page=3).cursor(), known(YESTERDAY, YESTERDAY)],
        [Plan(MOMENT, 50, page=3).cursor()],
        [Plan(MOMENT, 100, page=3).cursor(), None],
    ],
)
def test_what_does_not_belong_to_one_run_is_not_resumed(cursors: Sequence[Json]) -> None:
    assert plan(*cursors) == Plan(MOMENT, 100)


def test_increments_of_different_runs_begin_at_the_older_ones_start() -> None:
    stopped = Plan(MOMENT, 100, YESTERDAY, YESTERDAY, "effective", 2)
    made = plan(stopped.cursor(), known(YESTERDAY, YESTERDAY))
    assert (made.since, made.part, made.page) == (YESTERDAY, "entered", 1)


def test_a_window_says_what_is_asked_for_whatever_the_cursor_says() -> None:
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    stopped = Plan(MOMENT, 100, page=3).cursor()
    made = plan(stopped, window=Window(since, until))
    assert (made.part, made.page) == ("entered", 1)
    assert made.period == (since - timedelta(minutes=5), until)
    assert made.moment == MOMENT, "as it is now: an old state must not come over a newer one"


def test_an_open_window_ends_now_and_begins_with_everything() -> None:
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    assert plan(None, window=Window(since=since)).period == (since - timedelta(minutes=5), MOMENT)
    opened = plan(None, window=Window(until=until)).period
    assert opened is not None
    assert (opened.start.year, opened.end) == (1900, until)


def test_a_window_that_ends_after_now_ends_now() -> None:
    made = plan(None, window=Window(YESTERDAY, NOW + timedelta(days=1)))
    assert made.period is not None
    assert made.period.end == MOMENT


@given(st.lists(anything, min_size=1, max_size=4))
def test_any_cursor_makes_a_plan(cursors: list[Any]) -> None:
    made = plan(*cursors)
    assert (made.since is None) == (made.part == "all")
    assert made.period is None or made.period.start < made.period.end or made.moment != MOMENT
