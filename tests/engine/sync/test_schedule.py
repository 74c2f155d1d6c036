"""When an integration is due, case by case."""

from datetime import UTC, datetime, timedelta

import pytest

from mkt.contract import ConnectorConfiguration, Schedule
from mkt.engine.report import Failure, Result
from mkt.engine.sync.schedule import AT_ONCE, delay, due_at, is_due, missing_since, next_due, overdue
from mkt.store.base import IntegrationState, Key

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY = Key("northwind", "roster")


def configuration(
    cron: str | None = "15 2 * * *",
    zone: str = "UTC",
    *,
    name: str = "roster",
    jitter: timedelta | None = timedelta(),
    overdue_after: timedelta | None = None,
) -> ConnectorConfiguration:
    return ConnectorConfiguration(
        tenant="northwind",
        name=name,
        connector="workday-hris",
        schedule=Schedule(cron, zone) if cron else None,
        jitter=jitter,
        overdue_after=overdue_after,
    )


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
    assert due_at(configuration(), None, NOON) == AT_ONCE
    assert is_due(configuration(), None, NOON)


def test_without_a_schedule_nothing_is_ever_due() -> None:
    assert not is_due(configuration(None), None, NOON)


def test_after_a_run_the_first_slot_is_next_whatever_came_of_it() -> None:
    slot = datetime(2026, 11, 23, 2, 15, tzinfo=UTC)
    assert next_due(configuration(), result("ok"), 0, NOON) == slot
    for error_class in ("auth", "permission", "config", "partner", "bug"):
        assert next_due(configuration(), result("failed", error_class), 1, NOON) == slot


@pytest.mark.parametrize("error_class", ["transient", "local"])
@pytest.mark.parametrize(("failures", "minutes"), [(1, 5), (2, 15), (3, 60)])
def test_a_failure_that_passes_is_tried_again_soon(failures: int, minutes: int, error_class: str) -> None:
    due = next_due(configuration(), result("failed", error_class), failures, NOON)
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


@pytest.mark.parametrize("said", [None, NOON, NOON - timedelta(hours=1)])
def test_a_partner_that_says_nothing_of_use_is_asked_again_in_five_minutes(said: datetime | None) -> None:
    assert next_due(configuration(), result("deferred", "rate_limit", said), 0, NOON) == NOON + timedelta(minutes=5)


def test_nobody_puts_a_sync_off_for_more_than_a_day() -> None:
    century = result("deferred", "rate_limit", NOON + timedelta(days=36500))
    assert next_due(configuration(), century, 0, NOON) == NOON + timedelta(days=1)


def test_a_time_without_a_zone_is_taken_as_utc() -> None:
    naive = (NOON + timedelta(hours=1)).replace(tzinfo=None)
    assert next_due(configuration(), result("deferred", "rate_limit", naive), 0, NOON) == NOON + timedelta(hours=1)


def test_what_was_interrupted_is_due_at_once() -> None:
    assert next_due(configuration(), result("deferred"), 0, NOON) == NOON


def test_missed_slots_run_once() -> None:
    long_ago = state(last_finished_at=NOON - timedelta(days=30), next_due_at=NOON - timedelta(days=29))
    assert is_due(configuration(), long_ago, NOON)
    assert next_due(configuration(), result("ok"), 0, NOON) == datetime(2026, 11, 23, 2, 15, tzinfo=UTC)


def test_a_changed_schedule_holds_from_now_on() -> None:
    known = state(last_finished_at=NOON, next_due_at=NOON + timedelta(hours=14))
    assert due_at(configuration("*/5 * * * *"), known, NOON) == NOON + timedelta(minutes=5)


def test_a_changed_schedule_does_not_ask_a_partner_earlier_than_agreed() -> None:
    later = NOON + timedelta(hours=14)
    known = state(last_finished_at=NOON, next_due_at=later, last_outcome="deferred")
    assert due_at(configuration("*/5 * * * *"), known, NOON) == later


def test_an_open_hold_is_not_due() -> None:
    held = state(last_finished_at=NOON, next_due_at=NOON, hold_id="h")
    assert due_at(configuration(), held, NOON) is None
    assert not overdue(configuration(), held, NOON + timedelta(days=30))


def test_overdue_is_one_interval_late_and_a_day_at_most() -> None:
    hourly = configuration("@hourly")
    known = IntegrationState(key=KEY, last_finished_at=NOON, next_due_at=NOON, schedule=str(hourly.schedule))
    assert not overdue(hourly, known, NOON + timedelta(minutes=59))
    assert overdue(hourly, known, NOON + timedelta(minutes=61))
    weekly = configuration("@weekly")
    known = IntegrationState(key=KEY, last_finished_at=NOON, next_due_at=NOON, schedule=str(weekly.schedule))
    assert overdue(weekly, known, NOON + timedelta(hours=25))


def test_overdue_after_is_the_operators_word() -> None:
    patient = configuration("@hourly", overdue_after=timedelta(days=3))
    known = IntegrationState(key=KEY, last_finished_at=NOON, next_due_at=NOON, schedule=str(patient.schedule))
    assert not overdue(patient, known, NOON + timedelta(hours=71))
    assert overdue(patient, known, NOON + timedelta(hours=73))


def test_the_delay_is_at_most_a_tenth_of_the_interval_and_ten_minutes() -> None:
    slot = datetime(2026, 11, 23, 2, tzinfo=UTC)
    names = [f"n{number}" for number in range(300)]
    nightly = {delay(configuration("0 2 * * *", name=name, jitter=None), slot) for name in names}
    hourly = {delay(configuration("0 * * * *", name=name, jitter=None), slot) for name in names}
    quick = {delay(configuration("*/5 * * * *", name=name, jitter=None), slot) for name in names}
    assert sorted(nightly) == [timedelta(minutes=minutes) for minutes in range(11)]
    assert sorted(hourly) == [timedelta(minutes=minutes) for minutes in range(7)]
    assert quick == {timedelta()}, "cron looks once a minute: half a minute would cost a whole one"


def test_the_delay_of_an_integration_stays_and_is_off_at_zero() -> None:
    slot = datetime(2026, 11, 23, 2, tzinfo=UTC)
    one = configuration("0 2 * * *", jitter=timedelta(hours=2))
    assert delay(one, slot) == delay(one, slot + timedelta(days=1)) <= timedelta(hours=2)
    assert next_due(one, result("ok"), 0, NOON) == slot + delay(one, slot)
    assert delay(configuration("0 2 * * *"), slot) == timedelta()


def test_no_delay_reaches_the_following_slot() -> None:
    wild = [configuration("*/7 * * * *", name=f"n{number}", jitter=timedelta(days=1)) for number in range(99)]
    slot = datetime(2026, 11, 23, 2, 56, tzinfo=UTC)
    assert {delay(one, slot) for one in wild} == {timedelta(minutes=minutes) for minutes in range(4)}


def test_what_is_deferred_again_and_again_is_overdue_since_its_last_good_run() -> None:
    hourly = configuration("@hourly")
    known = IntegrationState(
        key=KEY,
        last_ok_at=NOON,
        last_finished_at=NOON + timedelta(days=2),
        next_due_at=NOON + timedelta(days=2, minutes=5),
        last_outcome="deferred",
        schedule=str(hourly.schedule),
    )
    assert overdue(hourly, known, NOON + timedelta(days=2))
    assert not overdue(hourly, known, NOON + timedelta(minutes=90))
    assert missing_since(hourly, known, NOON + timedelta(days=2)) == NOON + timedelta(hours=1)
