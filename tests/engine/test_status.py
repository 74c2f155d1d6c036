"""Where every integration stands."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from tests.engine.rig import Rig, configuration, people

from mkt.contract import AuthError, Disabled, Record, Schedule
from mkt.engine.operator import report_action
from mkt.engine.selection import Selection
from mkt.engine.status import IntegrationStatus, status
from mkt.telemetry.base import Telemetry
from mkt.telemetry.store import StoreSink

NIGHTLY = configuration(schedule=Schedule("15 2 * * *"))


def _one(rig: Rig) -> IntegrationStatus:
    (found,) = status(rig.engine, Selection())
    return found


def _fails(rig: Rig) -> None:
    def refused(_: object) -> list[object]:
        raise AuthError("refused", remedy="Send a new key.")

    rig.script.changes = refused  # type: ignore[assignment]


@pytest.fixture(autouse=True)
def _scheduled(rig: Rig) -> None:
    rig.source.configurations = [NIGHTLY]


def test_what_never_ran_is_due_and_no_problem(rig: Rig) -> None:
    found = _one(rig)
    assert (found.health, found.next_due_at, found.overdue_by, found.streams) == ("never", rig.clock, None, ())


def test_a_healthy_one_says_as_of_when_its_data_is(rig: Rig) -> None:
    rig.yields(*people("anna", "ben"))
    rig.sync(all=True)
    began = rig.clock
    rig.pass_time(hours=3)
    found = _one(rig)
    people_now = next(stream for stream in found.streams if stream.stream == "people")
    assert (found.health, people_now.live, people_now.as_of, found.last_change_at) == ("ok", 2, began, began)


def test_an_unfinished_first_load_has_records_and_no_date(rig: Rig) -> None:
    def half(_: object) -> object:
        yield from people("anna", cursor="half")
        raise AuthError("refused")

    rig.script.changes = half  # type: ignore[assignment]
    rig.sync(all=True)
    assert all(stream.as_of is None for stream in _one(rig).streams)


def test_a_failing_one_says_why_who_acts_and_what_to_type(rig: Rig) -> None:
    _fails(rig)
    rig.sync(all=True)
    found = _one(rig)
    assert (found.health, found.why, found.remedy, found.actor) == (
        "failing",
        "refused",
        "Send a new key.",
        "customer",
    )
    assert found.next_command == "mkt verify acme/roster"


def test_one_that_nobody_syncs_is_overdue_by_the_time_since_it_was_due(rig: Rig) -> None:
    rig.sync(all=True)
    rig.pass_time(days=2)
    found = _one(rig)
    assert found.health == "overdue"
    assert found.overdue_by == rig.clock - rig.clock.replace(day=23, hour=2, minute=15)
    assert (found.actor, found.next_command) == ("us", "mkt sync acme/roster --now")
    assert "cron" in found.remedy


def test_one_that_fails_and_is_overdue_says_both(rig: Rig) -> None:
    _fails(rig)
    rig.sync(all=True)
    rig.pass_time(days=3)
    found = _one(rig)
    assert (found.health, found.why) == ("failing", "refused")
    assert (found.overdue_by or timedelta()) > timedelta(days=2)


def test_a_disabled_one_says_until_when_and_why(rig: Rig) -> None:
    disabled = Disabled(until=date(2027, 1, 7), reason="school holidays")
    rig.source.configurations = [replace(NIGHTLY, disabled=disabled)]
    rig.pass_time(days=3)
    found = _one(rig)
    assert (found.health, found.why, found.overdue_by) == ("disabled", "until 2027-01-07: school holidays", None)


@pytest.mark.parametrize("target", ["acme/roster", "acme"])
def test_a_single_one_knows_what_a_person_last_did(rig: Rig, target: str) -> None:
    telemetry = Telemetry([StoreSink(rig.store)])
    for action in ("enable", "disable"):
        report_action(telemetry, rig.engine.now, action, target, reason="because")  # type: ignore[arg-type]
    report_action(telemetry, rig.engine.now, "enable", "globex")
    telemetry.close()
    last = _one(rig).last_action
    assert last is not None
    assert (last.message, last.details["reason"]) == (f"disable {target}", "because")


def test_a_single_one_knows_the_sync_that_is_going_on(rig: Rig) -> None:
    meanwhile: list[IntegrationStatus] = []

    def looked_at(_: object) -> object:
        meanwhile.append(_one(rig))
        yield from people("anna")

    rig.script.changes = looked_at  # type: ignore[assignment]
    (result,) = rig.sync(all=True).results
    assert meanwhile[0].running.startswith(
        f"since {rig.clock:%Y-%m-%d %H:%M:%S} UTC, run {(result.run_id or '')[-8:]}, "
    )
    assert meanwhile[0].next_command == "mkt events acme/roster --follow"
    assert _one(rig).running == ""


def test_a_single_one_knows_what_kept_its_last_sync_from_deleting(rig: Rig) -> None:
    everybody = people(*(f"person {number}" for number in range(200)))
    rig.yields(*everybody)
    rig.sync(all=True)
    assert _one(rig).note == ""
    rig.pass_time(days=1)
    rig.yields(Record("people", "bad", {"given_name": 5}), *everybody[1:])
    rig.sync(all=True)
    assert _one(rig).note.startswith("a record of people could not be read, so what is no longer listed is kept")


def test_of_several_the_last_action_is_not_looked_for(rig: Rig) -> None:
    telemetry = Telemetry([StoreSink(rig.store)])
    report_action(telemetry, rig.engine.now, "disable", "acme")
    telemetry.close()
    rig.source.configurations = [configuration("acme"), configuration("globex")]
    assert [found.last_action for found in status(rig.engine, Selection())] == [None, None]
