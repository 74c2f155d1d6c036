"""Silence: told when a partner has stopped, and not of nights, weekends, new ones, or after an outage."""

from datetime import UTC, date, datetime, timedelta

import pytest
from tests.engine.rig import Rig

from mkt.contract import uuid7
from mkt.engine.selection import Selection
from mkt.engine.status import status
from mkt.engine.webhooks.silence import silence
from mkt.store.base import Key
from mkt.store.deliveries import Delivery, DeliveryDay, DeliveryHistory

MONDAY = date(2026, 11, 2)
HOUR = 3600.0


def history(days: list[tuple[int, int, float]], last_hour: int = 18) -> DeliveryHistory:
    """Days after the Monday, each with its number and its longest pause in hours."""
    found = [DeliveryDay(MONDAY + timedelta(days=day), number, gap * HOUR) for day, number, gap in days]
    end = datetime.combine(found[-1].day, datetime.min.time(), UTC) + timedelta(hours=last_hour)
    return DeliveryHistory(last_at=end, days=found)


DAILY = history([(day, 40, 9) for day in range(14)])
WEEKDAYS = history([(day, 40, 64 if day % 7 == 0 else 15) for day in range(19) if day % 7 < 5])


@pytest.mark.parametrize(("past", "hours"), [(DAILY, 25), (WEEKDAYS, 97)])
def test_who_has_stopped_is_silent(past: DeliveryHistory, hours: int) -> None:
    found = silence(past, past.last_at + timedelta(hours=hours))
    assert found is not None
    assert found.usual == 40


@pytest.mark.parametrize(("past", "hours"), [(DAILY, 23), (WEEKDAYS, 64), (WEEKDAYS, 90)])
def test_a_night_and_a_weekend_are_no_silence(past: DeliveryHistory, hours: int) -> None:
    assert silence(past, past.last_at + timedelta(hours=hours)) is None


def test_one_outage_does_not_make_the_next_one_usual() -> None:
    outage = history([(day, 40, 120 if day == 5 else 9) for day in range(20)])
    assert silence(outage, outage.last_at + timedelta(hours=30)) is not None


@pytest.mark.parametrize(
    "days",
    [
        [(day, 40, 9) for day in range(6)],  # known for less than a week
        [(day, 40, 9) for day in range(0, 12, 3)],  # on four days only
        [(day, 1, 9) for day in range(14)],  # fourteen deliveries
    ],
)
def test_a_new_or_a_rare_one_has_no_usual_yet(days: list[tuple[int, int, float]]) -> None:
    past = history(days)
    assert silence(past, past.last_at + timedelta(hours=80)) is None


def test_who_has_been_silent_for_a_month_is_called_by_nobody_any_more() -> None:
    assert silence(DAILY, DAILY.last_at + timedelta(days=29)) is None


def test_status_says_what_is_usual_and_since_when_there_is_none(rig: Rig) -> None:
    rig.sync_one()
    for day in range(10):
        rig.store.add_deliveries([_delivery(rig.clock - timedelta(days=10 - day, hours=6 * n)) for n in range(4)])
    rig.pass_time(hours=3)
    (found,) = status(rig.engine, Selection())
    assert found.health == "silent"
    assert found.why == "usually 4 deliveries a day, none for 27 h"
    assert found.next_command == "mkt webhooks list acme/roster"


def _delivery(at: datetime) -> Delivery:
    return Delivery(
        id=uuid7(),
        received_at=at,
        key=Key("acme", "roster"),
        method="POST",
        path="/hooks/acme/roster",
        verdict="handled",
        status=202,
    )
