from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.contract import ConnectorConfiguration, Schedule
from mkt.engine.report import Failure, Result
from mkt.engine.schedule import AT_ONCE, due_at, is_due, next_due, overdue
from mkt.store.base import IntegrationState, Key

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY = Key("northwind", "roster")


def configuration(cron: str | None = "15 2 * * *", zone: str = "UTC") -> ConnectorConfiguration:
    schedule = Schedule(cron, zone) if cron else None
    return ConnectorConfiguration(tenant="northwind", name="roster", connector="workday-hris", schedule=schedule)


def result(outcome: str, error_class: str = "", retry_at: datetime | None = None) -> Result:
    failure = None
    if error_class:
        failure = Failure(
            error_class=error_class,  # type: ignore[arg-type]
            code="",
            message="",
            remedy="",
            actor="us",
            fingerprint="",
            retry_at=retry_at,
        )
    return Result(tenant="northwind", integration="roster", outcome=outcome, failure=failure)  # type: ignore[arg-type]


def state(**fields: object) -> IntegrationState:
    return IntegrationState(key=KEY, schedule=str(configuration().schedule), **fields)  # type: ignore[arg-type]


def test_what_never_ran_is_due_at_once() -> None:
    assert due_at(configuration(), None) == AT_ONCE
    assert is_due(configuration(), None, NOON)


def test_without_a_schedule_nothing_is_ever_due() -> None:
    assert not is_due(configuration(None), None, NOON)


def test_after_a_run_the_first_slot_is_next_whatever_came_of_it() -> None:
    slot = datetime(2026, 11, 23, 2, 15, tzinfo=UTC)
    assert next_due(configuration(), result("ok"), 0, NOON) == slot
    assert next_due(configuration(), result("failed", "auth"), 1, NOON) == slot
    assert next_due(configuration(), result("failed", "config"), 1, NOON) == slot


@pytest.mark.parametrize(("failures", "minutes"), [(1, 5), (2, 15), (3, 60)])
def test_a_transient_failure_is_tried_again_soon(failures: int, minutes: int) -> None:
    due = next_due(configuration(), result("failed", "transient"), failures, NOON)
    assert due == NOON + timedelta(minutes=minutes)


def test_after_three_retries_it_waits_for_the_slot() -> None:
    due = next_due(configuration(), result("failed", "transient"), 4, NOON)
    assert due == datetime(2026, 11, 23, 2, 15, tzinfo=UTC)


def test_a_retry_never_comes_after_the_next_slot() -> None:
    due = next_due(configuration("*/2 * * * *"), result("failed", "transient"), 3, NOON)
    assert due == NOON + timedelta(minutes=2)


def test_deferred_comes_back_when_the_partner_said() -> None:
    later = NOON + timedelta(minutes=42)
    assert next_due(configuration(), result("deferred", "rate_limit", later), 0, NOON) == later


def test_what_was_interrupted_is_due_at_once() -> None:
    assert next_due(configuration(), result("deferred"), 0, NOON) == NOON


def test_missed_slots_run_once() -> None:
    long_ago = state(last_finished_at=NOON - timedelta(days=30), next_due_at=NOON - timedelta(days=29))
    assert is_due(configuration(), long_ago, NOON)
    assert next_due(configuration(), result("ok"), 0, NOON) == datetime(2026, 11, 23, 2, 15, tzinfo=UTC)


def test_a_changed_schedule_holds_from_now_on() -> None:
    known = state(last_finished_at=NOON, next_due_at=NOON + timedelta(hours=14))
    assert due_at(configuration("*/5 * * * *"), known) == NOON + timedelta(minutes=5)


def test_overdue_is_one_interval_late_and_a_day_at_most() -> None:
    hourly = configuration("@hourly")
    known = IntegrationState(key=KEY, last_finished_at=NOON, next_due_at=NOON, schedule=str(hourly.schedule))
    assert not overdue(hourly, known, NOON + timedelta(minutes=59))
    assert overdue(hourly, known, NOON + timedelta(minutes=61))
    weekly = configuration("@weekly")
    known = IntegrationState(key=KEY, last_finished_at=NOON, next_due_at=NOON, schedule=str(weekly.schedule))
    assert overdue(weekly, known, NOON + timedelta(hours=25))


def test_the_hour_that_does_not_exist_still_runs_and_the_doubled_one_runs_once() -> None:
    schedule = Schedule("30 2 * * *", "Europe/Berlin")
    spring = schedule.next_after(datetime(2026, 3, 28, 12, 0, tzinfo=UTC))
    assert spring.date() == datetime(2026, 3, 29, tzinfo=UTC).date()
    autumn = schedule.next_after(datetime(2026, 10, 24, 12, 0, tzinfo=UTC))
    assert schedule.next_after(autumn) - autumn >= timedelta(hours=23)


@given(
    moment=st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 - hypothesis wants naive bounds
    cron=st.sampled_from(["*/5 * * * *", "15 2 * * *", "0 9 * * 1-5", "@weekly", "0 0 1 * *"]),
    zone=st.sampled_from(["UTC", "Europe/London", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
)
def test_the_next_slot_is_always_later_and_on_a_minute(moment: datetime, cron: str, zone: str) -> None:
    start = moment.replace(tzinfo=UTC)
    slot = Schedule(cron, zone).next_after(start)
    assert slot > start
    assert slot.second == slot.microsecond == 0
    assert slot.utcoffset() == timedelta(0)
