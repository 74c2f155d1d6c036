"""Verdicts over Supabase: given once, whoever asks how often, and about the own tenant alone."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.store.conftest import KEY, Clock, Syncs, gone, row
from tests.store.supabase.conftest import OpenOn, twice
from tests.supalocal.stack import LocalSupabase

from mkt.contract import Complete
from mkt.errors import LeaseLost, Refused, StoreError
from mkt.store.base import Batch, Hold, IntegrationState, Key, Lease, Row
from mkt.store.supabase import holds
from mkt.store.supabase.store import SupabaseStore

STATE = IntegrationState(key=KEY, last_outcome="ok")


@pytest.fixture
def syncs(open_on: OpenOn, tmp_path: Path) -> Syncs:
    """Three people and a cursor."""
    found = Syncs(open_on(tmp_path / ".mkt"), Clock())
    found.load(row("1", "a"), row("2", "b"), row("3", "c"), cursor=1)
    return found


def _held(syncs: Syncs, *rows: Row, cursor: Any = 2) -> Hold:
    writer = syncs.open()
    writer.write(Batch(rows=list(rows), completes=[Complete("people", "", "snapshot")], cursors={"people": cursor}))
    return writer.hold(connector="scripted", reasons=["too much"], as_of=syncs.clock.now())


def _store(syncs: Syncs) -> SupabaseStore:
    assert isinstance(syncs.store, SupabaseStore)
    return syncs.store


def _lease(syncs: Syncs) -> Lease:
    assert syncs.lease is not None
    return syncs.lease


def test_an_approval_whose_answer_was_lost_is_given_once(syncs: Syncs) -> None:
    hold = _held(syncs, row("1", "A"), row("4", "d"))
    closed = twice(_store(syncs)).approve(_lease(syncs), hold.id, state=STATE, reason="asked")
    assert (closed.state, closed.reason) == ("approved", "asked")
    assert [record.seq for record in syncs.records()] == [4, 5, 6, 7], "one created, one updated, two deleted"
    with pytest.raises(Refused, match="was approved already"):
        syncs.store.approve(_lease(syncs), hold.id, state=STATE)


def test_a_part_whose_answer_was_lost_is_applied_once(syncs: Syncs) -> None:
    hold, store = _held(syncs, row("1", "A"), row("4", "d")), twice(_store(syncs))
    left = store.approve_part(_lease(syncs), hold.id, ["created"], state=STATE)
    assert (left.changes["people"].created, left.changes["people"].live) == (0, 4)
    again = store.approve_part(_lease(syncs), hold.id, ["updated"], state=STATE)
    assert (again.changes["people"].updated, again.changes["people"].unchanged) == (0, 2)
    assert syncs.live() == {"1": "A", "2": "b", "3": "c", "4": "d"}


def test_a_rejection_whose_answer_was_lost_is_given_once(syncs: Syncs) -> None:
    hold = _held(syncs, row("1", "A"))
    assert twice(_store(syncs)).reject(_lease(syncs), hold.id).state == "rejected"
    assert syncs.live() == {"1": "a", "2": "b", "3": "c"}


def test_an_answer_that_comes_after_the_lease_has_gone_is_still_the_same(syncs: Syncs) -> None:
    hold, lease = _held(syncs, row("1", "A")), _lease(syncs)
    given = {"tenant": KEY.tenant, "integration": KEY.integration, "epoch": lease.epoch, "attempt": "a"}
    given |= {"hold_id": hold.id, "reason": ""}
    calls = _store(syncs)._calls
    first = calls.call("mkt_reject_hold", given)
    syncs.store.release(lease)
    assert calls.call("mkt_reject_hold", given) == first
    with pytest.raises(LeaseLost):
        calls.call("mkt_reject_hold", {**given, "attempt": "b"})


def test_of_many_approvers_at_once_one_is_heard_and_the_others_are_told(
    syncs: Syncs, open_on: OpenOn, tmp_path: Path
) -> None:
    hold = _held(syncs, row("1", "A"), row("4", "d"))
    heard: list[str] = []
    ready = threading.Barrier(4)

    def approve(store: SupabaseStore) -> None:
        ready.wait()
        try:
            store.approve(_lease(syncs), hold.id, state=STATE)
            heard.append("approved")
        except Refused as refusal:
            heard.append(refusal.message)

    stores = [open_on(tmp_path / f"host-{number}") for number in range(4)]
    people = [threading.Thread(target=approve, args=(store,)) for store in stores]
    for person in people:
        person.start()
    for person in people:
        person.join()
    told = f"the hold {hold.id} of northwind/roster was approved already"
    assert sorted(heard) == ["approved", told, told, told]
    assert syncs.live() == {"1": "A", "4": "d"}
    assert [record.seq for record in syncs.records()] == [4, 5, 6, 7], "one created, one updated, two deleted"


def test_what_one_approver_approves_the_other_cannot_reject(syncs: Syncs, open_on: OpenOn, tmp_path: Path) -> None:
    hold, other = _held(syncs, row("1", "A")), open_on(tmp_path / "other")
    syncs.store.release(_lease(syncs))
    theirs = other.acquire(KEY)
    assert theirs is not None
    other.reject(theirs, hold.id)
    with pytest.raises(LeaseLost):
        syncs.store.approve(_lease(syncs), hold.id, state=STATE)
    with pytest.raises(Refused, match="was rejected already"):
        other.approve(theirs, hold.id, state=STATE)


def test_a_hold_is_decided_under_its_own_tenants_lease_alone(syncs: Syncs) -> None:
    hold = _held(syncs, row("1", "A"))
    for key in (Key("southwind", "roster"), Key("northwind", "crm")):
        lease = syncs.store.acquire(key)
        assert lease is not None
        for verdict in (
            lambda lease=lease: syncs.store.approve(lease, hold.id, state=STATE),
            lambda lease=lease: syncs.store.approve_part(lease, hold.id, ["updated"], state=STATE),
            lambda lease=lease: syncs.store.reject(lease, hold.id),
        ):
            with pytest.raises(Refused, match="is not there any more"):
                verdict()
    assert syncs.store.holds() == [hold]


def test_the_state_that_an_approval_stores_is_the_lease_holders(syncs: Syncs) -> None:
    """Whatever key the state has: what is written is the row of the lease."""
    hold = _held(syncs, row("1", "A"))
    syncs.store.approve(_lease(syncs), hold.id, state=replace(STATE, key=Key("southwind", "roster")))
    assert set(syncs.store.states()) == {KEY}


def test_a_hold_whose_staging_was_deleted_by_hand_is_not_called_approved(
    syncs: Syncs, supabase: LocalSupabase
) -> None:
    hold = _held(syncs, row("1", "A"))
    supabase.sql("delete from public.integration_staging_runs")
    assert syncs.store.hold_records(hold.id, 9) == {}
    for verdict in (
        lambda: syncs.store.approve(_lease(syncs), hold.id, state=STATE),
        lambda: syncs.store.approve_part(_lease(syncs), hold.id, ["updated"], state=STATE),
    ):
        with pytest.raises(Refused, match="has lost what it would change") as refused:
            verdict()
        assert refused.value.remedy.startswith("Reject the hold")
    assert syncs.store.reject(_lease(syncs), hold.id).state == "rejected"


def test_a_record_that_was_changed_by_hand_refuses_the_approval(syncs: Syncs, supabase: LocalSupabase) -> None:
    hold = _held(syncs, row("1", "A"), row("é 5 ", "x"))
    supabase.sql("update public.integration_records set hash = '\\x00' where external_id = '2'")
    with pytest.raises(Refused, match="record 2 of northwind/roster has changed since it was shown"):
        syncs.store.approve(_lease(syncs), hold.id, state=STATE)
    left = syncs.store.approve_part(_lease(syncs), hold.id, ["updated", "created"], state=STATE)
    assert left.changes["people"].deleted == 2
    assert syncs.live() == {"1": "A", "2": "b", "3": "c", "é 5 ": "x"}


def test_a_verdict_that_fails_half_way_has_done_nothing(syncs: Syncs, supabase: LocalSupabase) -> None:
    hold, before = _held(syncs, row("1", "A"), gone("2")), syncs.records()
    supabase.sql("alter table public.integration_state add constraint no check (last_outcome <> 'ok') not valid")
    try:
        for verdict in (
            lambda: syncs.store.approve(_lease(syncs), hold.id, state=STATE),
            lambda: syncs.store.approve_part(_lease(syncs), hold.id, ["updated"], state=STATE),
        ):
            with pytest.raises(StoreError):
                verdict()
    finally:
        supabase.sql("alter table public.integration_state drop constraint no")
    assert (syncs.records(), syncs.store.holds()) == (before, [hold])
    assert len(syncs.store.hold_records(hold.id, 9)["people"]) == 3
    syncs.store.approve(_lease(syncs), hold.id, state=STATE)
    assert syncs.live() == {"1": "A"}


def test_a_large_hold_leaves_nothing_behind_when_it_is_decided(syncs: Syncs, supabase: LocalSupabase) -> None:
    many = [row(str(number), "x") for number in range(20_100)]
    for decide in (
        lambda hold: syncs.store.reject(_lease(syncs), hold.id),
        lambda hold: syncs.store.approve(_lease(syncs), hold.id, state=STATE),
    ):
        writer = syncs.open()
        for start in range(0, len(many), 2000):
            writer.write(Batch(rows=many[start : start + 2000], cursors={"people": start}))
        decide(writer.hold(connector="scripted", reasons=["much"], as_of=syncs.clock.now()))
        for table in ("integration_staging", "integration_staging_runs", "integration_staging_lists"):
            assert supabase.sql("select count(*) from public.TABLE".replace("TABLE", table)) == [(0,)]
    assert len(syncs.live()) == len(many)


def test_holds_are_read_page_by_page(syncs: Syncs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds, "_PAGE", 2)
    closed = []
    for number in range(5):
        hold = _held(syncs, row("1", number))
        closed.append(syncs.store.reject(_lease(syncs), hold.id))
    still_open = []
    for number in range(3):
        other = Syncs(syncs.store, syncs.clock, key=Key("southwind", f"crm-{number}"))
        other.load(row("1", "a"))
        still_open.append(_held(other, row("1", "b")))
    everything = [*reversed(still_open), *reversed(closed)]
    assert syncs.store.holds() == everything
    assert syncs.store.holds(closed=False) == everything[:3]
    assert syncs.store.holds([KEY]) == everything[3:]
    assert syncs.store.holds([]) == []
    assert syncs.store.find_holds("") == everything
    assert syncs.store.find_holds("%") == []


def test_another_streams_change_shows_in_its_own_place(syncs: Syncs) -> None:
    syncs.streams = ("people", "org_units")
    writer = syncs.open()
    writer.write(Batch(rows=[row("1", "b"), row("1", "unit", stream="org_units")]))
    hold = writer.hold(connector="scripted", reasons=["both"], as_of=syncs.clock.now())
    shown = syncs.store.hold_records(hold.id, 9)
    assert {stream: [each.change for each in found] for stream, found in shown.items()} == {
        "people": ["updated"],
        "org_units": ["created"],
    }
    assert list(syncs.store.hold_records(hold.id, 9, ["org_units"])) == ["org_units"]
    syncs.store.approve_part(_lease(syncs), hold.id, ["created"], state=STATE)
    assert syncs.store.hold_records(hold.id, 9)["org_units"] == []


def test_a_reason_may_be_any_text(syncs: Syncs) -> None:
    hold = _held(syncs, row("1", "A"))
    reason = "it's \"fine\" \\ '; drop table x -- \x00 é 🙂"
    assert syncs.store.reject(_lease(syncs), hold.id, reason=reason).reason == reason.replace("\x00", "\ufffd")
