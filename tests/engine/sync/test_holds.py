"""A sync that would change too much, and what a person decides about it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.engine.rig import NOW, Rig, configuration, people

from mkt.configs.base import BrokenTenant, Position, Problem
from mkt.contract import Checkpoint, Complete, Guard, Record, Schedule
from mkt.engine.report import Result
from mkt.engine.selection import Selection
from mkt.engine.status import IntegrationStatus, status
from mkt.engine.sync.holds import approve, find_hold, reject
from mkt.errors import Refused
from mkt.store.base import Hold, Key

KEY = Key("acme", "roster")
HOURLY = Schedule("0 * * * *")


def crowd(number: int) -> list[str]:
    return [f"p{n:03}" for n in range(number)]


def _status(rig: Rig) -> IntegrationStatus:
    [found] = status(rig.engine, Selection())
    return found


def _last(rig: Rig, name: str) -> Any:
    return next(event for event in reversed(rig.recorder.events) if event.event == name)


@pytest.fixture
def loaded(rig: Rig) -> Rig:
    """A hundred people, of whom the partner lists eighty and a new one from now on."""
    rig.source.configurations = [configuration(schedule=HOURLY, jitter=timedelta())]
    rig.yields(*people(*crowd(100), cursor="one"))
    rig.sync_one()
    rig.yields(*people(*crowd(80), "new", cursor="two"))
    return rig


@pytest.fixture
def hold(loaded: Rig) -> Hold:
    assert loaded.sync_one().outcome == "held"
    [hold] = loaded.store.holds()
    return hold


def _cursor(rig: Rig) -> Any:
    return rig.store.states()[KEY].streams["people"].cursor


def test_over_a_limit_one_hold_waits_and_nothing_is_applied(loaded: Rig) -> None:
    result = loaded.sync_one()
    [hold] = loaded.store.holds()
    assert result.held is not None
    assert (result.outcome, result.failure, result.held.hold_id) == ("held", None, hold.id)
    assert hold.reasons == ("people: 20 of 100 would be deleted (20 %, limit 10 %)",)
    assert (hold.run_id, hold.connector) == (result.run_id, "scripted")
    assert len(loaded.names()) == 100
    assert _cursor(loaded) == "one"
    event = _last(loaded, "sync.held")
    assert (event.level, event.details["outcome"], event.details["hold_id"]) == ("error", "held", hold.id)
    assert event.details["reasons"] == list(hold.reasons)
    run = loaded.store.runs()[0]
    assert (run.outcome, run.error, run.details["hold_id"]) == ("held", None, hold.id)


@pytest.mark.usefixtures("hold")
def test_while_it_is_open_no_schedule_runs_it(loaded: Rig) -> None:
    loaded.pass_time(days=3)
    report = loaded.sync()
    assert report.results == ()
    assert (report.exit_code, report.not_due[0].next_due_at) == (0, None)


@pytest.mark.parametrize("asked", [{"all": True}, {"now": True}])
def test_who_asks_for_it_is_told_and_the_partner_is_not_asked(loaded: Rig, hold: Hold, asked: Any) -> None:
    def never(_: Any) -> Any:
        raise AssertionError

    loaded.script.changes = never
    loaded.pass_time(hours=2)
    report = loaded.sync("acme", **asked)
    [result] = report.results
    assert report.exit_code == 1
    assert result.held is not None
    assert (result.held.hold_id, result.held.standing, result.held.opened_at) == (hold.id, "open", hold.opened_at)
    assert _last(loaded, "sync.held").level == "info"
    assert len(loaded.store.runs()) == 2, "it was no run"


def test_others_are_synced_beside_it(loaded: Rig) -> None:
    loaded.sync_one()
    loaded.source.configurations.append(configuration("globex"))
    report = loaded.sync(all=True)
    assert (report.exit_code, report.count("held"), report.count("ok")) == (3, 1, 1)


def test_an_approval_applies_exactly_what_was_shown(loaded: Rig, hold: Hold) -> None:
    loaded.yields(*people("somebody else"))
    loaded.pass_time(hours=5, minutes=30)
    closed, applied = approve(loaded.engine, hold.id[-8:], reason="asked the customer")
    assert (applied.created, applied.updated, applied.deleted) == (1, 0, 20)
    assert loaded.names() == sorted([*crowd(80), "new"])
    assert (closed.state, closed.reason, _cursor(loaded)) == ("approved", "asked the customer", "two")
    approved, action = _last(loaded, "hold.approved"), _last(loaded, "operator.action")
    assert (approved.tenant, approved.integration, approved.run_id) == ("acme", "roster", hold.run_id)
    assert approved.details == {"hold_id": hold.id, "created": 1, "updated": 0, "deleted": 20}
    assert (action.details["what"], action.details["target"]) == ("approve", "acme/roster")
    assert action.details["reason"] == "asked the customer"


def test_after_it_the_integration_stands_as_after_a_finished_run(loaded: Rig, hold: Hold) -> None:
    loaded.pass_time(hours=5, minutes=30)
    approve(loaded.engine, hold.id)
    state = loaded.store.states()[KEY]
    assert (state.last_outcome, state.failures, state.hold_id) == ("ok", 0, "")
    assert state.last_ok_at == state.last_change_at == state.last_finished_at == loaded.clock
    assert state.next_due_at is not None
    assert state.next_due_at > loaded.clock
    assert state.streams["people"].as_of == NOW, "the data is as of when the held run began"
    assert _status(loaded).health == "ok"
    loaded.pass_time(hours=2)
    assert loaded.sync().results[0].totals.unchanged == 81


def test_an_absence_is_deleted_by_the_approval(loaded: Rig) -> None:
    loaded.yields(*people(*crowd(80), listing="offset"))
    result = loaded.sync_one()
    assert (result.totals.deleted, result.totals.absent) == (0, 20)
    _, applied = approve(loaded.engine, loaded.store.holds()[0].id)
    assert (applied.deleted, applied.absent) == (20, 0)
    assert loaded.names() == crowd(80)


def test_a_part_is_applied_and_the_rest_is_still_held(loaded: Rig, hold: Hold) -> None:
    left, applied = approve(loaded.engine, hold.id, only={"created", "updated"})
    assert (left.state, applied.created, applied.deleted) == ("open", 1, 0)
    assert len(loaded.names()) == 101
    assert _cursor(loaded) == "one"
    assert _last(loaded, "hold.approved").details["only"] == ["created", "updated"]
    state = loaded.store.states()[KEY]
    assert (state.last_outcome, state.hold_id, state.last_change_at) == ("held", hold.id, loaded.clock)
    assert loaded.sync("acme", now=True).results[0].outcome == "held"
    approve(loaded.engine, hold.id)
    assert len(loaded.names()) == 81


def test_a_rejection_discards_it_and_the_next_sync_looks_anew(loaded: Rig, hold: Hold) -> None:
    closed = reject(loaded.engine, hold.id[-8:], reason="their mistake")
    assert (closed.state, closed.reason) == ("rejected", "their mistake")
    assert _last(loaded, "hold.rejected").details == {"hold_id": hold.id}
    assert _last(loaded, "operator.action").details["what"] == "reject"
    loaded.yields(*people(*crowd(99)))
    assert loaded.sync_one().totals.deleted == 1


def test_the_same_again_opens_the_same_hold_without_a_new_alarm(loaded: Rig, hold: Hold) -> None:
    reject(loaded.engine, hold.id)
    loaded.pass_time(hours=1, minutes=10)
    [result] = loaded.sync().results
    assert result.held is not None
    assert (result.held.hold_id, result.held.standing) == (hold.id, "reopened")
    event = _last(loaded, "sync.held")
    assert (event.level, event.details["reopened"]) == ("info", True)
    assert [each.reopened for each in loaded.store.holds()] == [1]


def test_what_is_not_the_same_again_is_a_new_alarm(loaded: Rig, hold: Hold) -> None:
    reject(loaded.engine, hold.id)
    loaded.yields(*people(*crowd(79), "new"))
    result = loaded.sync_one()
    assert result.held is not None
    assert result.held.hold_id != hold.id
    event = _last(loaded, "sync.held")
    assert event.level == "error"
    assert "reopened" not in event.details


def test_a_dry_run_says_that_it_would_be_held_and_leaves_no_hold(loaded: Rig) -> None:
    before = (list(loaded.store.records()), loaded.store.states())
    result = loaded.sync_one(dry_run=True, preview=100)
    assert result.held is not None
    assert (result.outcome, result.held.hold_id) == ("held", "")
    shown = [record.change for record in result.preview["people"]]
    assert (shown.count("deleted"), shown.count("created")) == (20, 1)
    assert loaded.store.holds() == []
    assert (list(loaded.store.records()), loaded.store.states()) == before


@pytest.mark.usefixtures("hold")
def test_a_dry_run_looks_at_the_partner_beside_an_open_hold(loaded: Rig) -> None:
    loaded.yields(*people(*crowd(99)))
    result = loaded.sync_one(dry_run=True)
    assert (result.outcome, result.totals.deleted) == ("ok", 1)
    assert "is open" in result.note
    loaded.yields(*people(*crowd(1)))
    again = loaded.sync_one(dry_run=True)
    assert again.held is not None
    assert (again.outcome, again.held.hold_id) == ("held", "")
    assert again.held.beside == loaded.store.holds(closed=False)[0].id


@pytest.mark.parametrize("part", ["", "nothing-like-it"])
def test_an_id_that_is_none_is_refused(loaded: Rig, hold: Hold, part: str) -> None:
    with pytest.raises(Refused, match="there is no hold"):
        approve(loaded.engine, part)
    assert find_hold(loaded.store, hold.id[3:9]) == hold


def test_a_part_of_two_ids_is_refused_with_both(loaded: Rig, hold: Hold) -> None:
    loaded.source.configurations = [configuration("globex")]
    loaded.yields(*people(*crowd(100)))
    loaded.sync_one()
    loaded.yields(Complete("people"), Checkpoint("people", None))
    loaded.sync_one()
    ids = [each.id for each in loaded.store.holds()]
    with pytest.raises(Refused) as refused:
        find_hold(loaded.store, "-")
    assert all(each in refused.value.message for each in ids)
    assert hold.id in ids


def test_what_was_decided_is_not_decided_again(loaded: Rig, hold: Hold) -> None:
    approve(loaded.engine, hold.id)
    for verdict in (approve, reject):
        with pytest.raises(Refused, match="was approved already"):
            verdict(loaded.engine, hold.id)
    assert loaded.events().count("hold.approved") == 1


def test_while_somebody_else_is_at_it_nothing_is_decided(loaded: Rig, hold: Hold) -> None:
    lease = loaded.store.acquire(KEY)
    assert lease is not None
    with pytest.raises(Refused, match="is busy"):
        approve(loaded.engine, hold.id)
    loaded.store.release(lease)
    approve(loaded.engine, hold.id)


def _broken() -> BrokenTenant:
    return BrokenTenant("acme", (Problem("MKT100", "no YAML", Position("configs/acme.yaml")),), "digest")


@pytest.mark.parametrize(
    ("broken", "said"), [([], "is not configured any more"), ([_broken()], "the file of acme cannot be read")]
)
def test_what_is_not_configured_can_be_rejected_only(loaded: Rig, hold: Hold, broken: Any, said: str) -> None:
    loaded.source.configurations, loaded.source.broken = [], broken
    with pytest.raises(Refused, match=said):
        approve(loaded.engine, hold.id)
    assert reject(loaded.engine, hold.id).state == "rejected"


def test_status_says_what_is_held_why_and_what_to_type(loaded: Rig, hold: Hold) -> None:
    found = _status(loaded)
    assert (found.health, found.why, found.actor) == ("held", hold.reasons[0], "us")
    assert found.remedy
    assert found.next_command == f"mkt holds show {hold.id[-8:]}"
    assert (found.next_due_at, found.overdue_by) == (None, None)
    loaded.pass_time(days=9)
    assert _status(loaded).overdue_by is None


def test_an_empty_listing_is_held_however_small_the_stream(rig: Rig) -> None:
    rig.yields(*people("anna"))
    rig.sync_one()
    rig.yields(*people())
    assert _reasons(rig.sync_one()) == ("people: the partner listed none, 1 are stored",)
    approve(rig.engine, rig.store.holds()[0].id)
    assert rig.names() == []
    assert rig.sync_one().outcome == "ok", "it is empty already"


def _titled(names: Sequence[str]) -> list[Any]:
    return [*(Record("people", name, {"title": "x"}) for name in names), Complete("people"), Checkpoint("people", 1)]


def test_settings_that_have_changed_waive_the_change_limit_until_a_run_has_finished(loaded: Rig) -> None:
    loaded.source.configurations = [configuration(settings={"mode": "b"})]
    loaded.yields(*_titled(crowd(50)))
    result = loaded.sync_one()
    assert _reasons(result) == ("people: 50 of 100 would be deleted (50 %, limit 10 %)",)
    assert "the change limit was waived once" in result.note
    approve(loaded.engine, loaded.store.holds()[0].id)
    loaded.yields(*people(*crowd(50)))
    assert _reasons(loaded.sync_one()) == ("people: 50 of 50 would be changed (100 %, limit 75 %)",)


def test_a_raised_limit_decides_about_the_next_sync_and_not_about_the_hold(loaded: Rig, hold: Hold) -> None:
    loaded.source.configurations = [
        replace(each, guard=Guard(max_delete_percent=50)) for each in loaded.source.configurations
    ]
    assert loaded.sync_one().outcome == "held"
    reject(loaded.engine, hold.id)
    assert loaded.sync_one().totals.deleted == 20


def _reasons(result: Result) -> Sequence[str]:
    assert result.held is not None
    return result.held.reasons
