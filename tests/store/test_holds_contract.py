"""What every store promises of holds: who owns the staging, what an approval applies, and how often."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mkt.contract import Complete
from mkt.errors import LeaseLost, Refused
from mkt.store.base import Batch, Hold, IntegrationState, Key, Retention, Row, Store, SyncWriter

from .conftest import KEY, Clock, Opener, Syncs, gone, row
from .test_sync_model import puts, runs

STATE = IntegrationState(key=KEY, last_outcome="ok")
KEPT = Retention(events=timedelta(days=90), runs=timedelta(days=365), tombstones=timedelta(days=30))


def _staged(syncs: Syncs, *rows: Row, listing: Any = "snapshot", cursor: Any = None, **options: Any) -> SyncWriter:
    writer = syncs.open(**options)
    writer.write(Batch(rows=list(rows), completes=[Complete("people", "", listing)], cursors={"people": cursor}))
    return writer


def _held(syncs: Syncs, *rows: Row, **options: Any) -> Hold:
    return _hold(syncs, _staged(syncs, *rows, **options))


def _hold(syncs: Syncs, writer: SyncWriter, reasons: Sequence[str] = ("too much",)) -> Hold:
    return writer.hold(connector="scripted", reasons=reasons, as_of=syncs.clock.now())


def _approve(syncs: Syncs, hold: Hold, **options: Any) -> Hold:
    assert syncs.lease is not None
    return syncs.store.approve(syncs.lease, hold.id, **{"state": STATE, **options})


def _shown(store: Store, hold: Hold, limit: int = 100) -> list[tuple[str, str]]:
    found = store.hold_records(hold.id, limit).get("people", [])
    return [(record.change, record.external_id) for record in found]


@pytest.fixture
def loaded(syncs: Syncs) -> Syncs:
    """Three people, and a cursor."""
    syncs.load(row("1", "a"), row("2", "b"), row("3", "c"), cursor=1)
    return syncs


def test_a_hold_applies_nothing_and_keeps_the_cursor(loaded: Syncs) -> None:
    before = loaded.records()
    hold = _held(loaded, row("1", "A"), row("4", "d"), cursor=2)
    assert loaded.records() == before
    state = loaded.store.states()[KEY]
    assert (state.streams["people"].cursor, state.hold_id) == (1, hold.id)
    assert loaded.store.holds() == loaded.store.holds([KEY], closed=False) == loaded.store.find_holds(hold.id[-6:])
    assert loaded.store.holds() == [hold]
    counts = hold.changes["people"]
    assert (counts.created, counts.updated, counts.deleted, counts.live) == (1, 1, 2, 3)


def test_a_hold_shows_what_goes_what_changes_and_what_comes(loaded: Syncs) -> None:
    hold = _held(loaded, row("1", "A"), row("4", "d"), gone("3"))
    assert _shown(loaded.store, hold) == [("deleted", "3"), ("deleted", "2"), ("updated", "1"), ("created", "4")]
    assert _shown(loaded.store, hold, 1) == [("deleted", "3")]
    assert loaded.store.hold_records(hold.id, 9, ["org_units"]) == {}
    updated = loaded.store.hold_records(hold.id, 9)["people"][2]
    assert (updated.before, updated.after) == ({"title": "a"}, {"title": "A"})


def test_an_approval_applies_exactly_that_moves_the_cursor_and_closes_the_hold(loaded: Syncs) -> None:
    hold = _held(loaded, row("1", "A"), row("4", "d"), cursor=2)
    as_of = loaded.clock.now()
    loaded.clock.pass_by(hours=30)
    closed = _approve(loaded, hold, reason="asked")
    assert loaded.live() == {"1": "A", "4": "d"}
    state = loaded.store.states()[KEY]
    assert (state.streams["people"].cursor, state.streams["people"].as_of) == (2, as_of)
    assert (state.hold_id, state.last_outcome) == ("", "ok")
    assert (closed.state, closed.reason, closed.closed_at) == ("approved", "asked", loaded.clock.now())
    assert loaded.store.holds() == [closed]
    assert loaded.store.holds(closed=False) == []
    assert _shown(loaded.store, closed) == [], "what was in it is no longer kept"


def test_an_approved_absence_is_a_delete_at_once(loaded: Syncs) -> None:
    hold = _held(loaded, row("1", "a"), listing="offset")
    assert _shown(loaded.store, hold) == [("absent", "2"), ("absent", "3")]
    assert hold.changes["people"].absent == 2
    _approve(loaded, hold)
    assert loaded.live() == {"1": "a"}
    assert loaded.load(row("1", "a"), row("2", "b"), listing="offset").created == 1


def test_nobody_approves_twice_and_nobody_rejects_what_is_approved(loaded: Syncs) -> None:
    hold = _held(loaded, row("1", "A"))
    _approve(loaded, hold)
    after = loaded.records()
    with pytest.raises(Refused, match="was approved already"):
        _approve(loaded, hold)
    assert loaded.lease is not None
    with pytest.raises(Refused, match="was approved already"):
        loaded.store.reject(loaded.lease, hold.id)
    assert loaded.records() == after


def test_a_verdict_under_a_lost_lease_is_refused(loaded: Syncs) -> None:
    hold = _held(loaded, row("1", "A"))
    lease = loaded.lease
    assert lease is not None
    loaded.store.release(lease)
    before = loaded.records()
    for verdict in (
        lambda: loaded.store.approve(lease, hold.id, state=STATE),
        lambda: loaded.store.approve_part(lease, hold.id, ["updated"], state=STATE),
        lambda: loaded.store.reject(lease, hold.id),
    ):
        with pytest.raises(LeaseLost):
            verdict()
    assert loaded.records() == before
    assert loaded.store.holds() == [hold]


def test_another_integrations_lease_decides_nothing(loaded: Syncs) -> None:
    hold = _held(loaded, row("1", "A"))
    other = loaded.store.acquire(Key("southwind", "roster"))
    assert other is not None
    with pytest.raises(Refused, match="is not there"):
        loaded.store.approve(other, "no-such-hold", state=STATE)
    with pytest.raises(Refused):
        loaded.store.reject(other, hold.id)
    assert loaded.store.holds() == [hold]


@pytest.mark.parametrize(
    ("changed", "named"), [(row("1", "elsewhere"), "1"), (gone("2"), "2"), (row("4", "before you"), "4")]
)
def test_a_record_that_is_no_longer_the_one_shown_refuses_the_approval(
    loaded: Syncs, changed: Row, named: str
) -> None:
    hold = _held(loaded, row("1", "A"), row("4", "d"))
    loaded.load(changed)
    before = loaded.records()
    with pytest.raises(Refused, match=f"record {named} of northwind/roster has changed since it was shown"):
        _approve(loaded, hold)
    assert loaded.records() == before
    assert loaded.store.holds() == [hold]


def test_a_record_that_would_go_and_was_not_shown_refuses_the_approval(loaded: Syncs) -> None:
    hold = _held(loaded, row("1", "A"))
    loaded.load(row("5", "came meanwhile"))
    with pytest.raises(Refused, match="record 5 "):
        _approve(loaded, hold)
    assert loaded.live()["5"] == "came meanwhile"


def test_a_part_is_applied_and_the_rest_waits_with_the_cursor(loaded: Syncs) -> None:
    hold = _held(loaded, row("1", "A"), row("4", "d", scope="x"), cursor=2)
    assert loaded.lease is not None
    left = loaded.store.approve_part(loaded.lease, hold.id, ["created", "updated"], state=STATE)
    assert loaded.live() == {"1": "A", "2": "b", "3": "c", "4": "d"}
    assert loaded.store.scopes(KEY, "people") == {"", "x"}
    counts = left.changes["people"]
    assert (counts.created, counts.updated, counts.unchanged, counts.deleted, counts.live) == (0, 0, 2, 2, 4)
    assert loaded.store.holds() == [left]
    assert _shown(loaded.store, left) == [("deleted", "2"), ("deleted", "3")]
    assert loaded.store.states()[KEY].streams["people"].cursor == 1
    _approve(loaded, left)
    assert loaded.live() == {"1": "A", "4": "d"}
    assert loaded.store.states()[KEY].streams["people"].cursor == 2


@pytest.mark.parametrize(("part", "live"), [("created", {"1": "a", "4": "d"}), ("updated", {"1": "A"})])
def test_one_kind_alone_can_be_applied(loaded: Syncs, part: Any, live: dict[str, str]) -> None:
    hold = _held(loaded, row("1", "A"), row("4", "d"))
    assert loaded.lease is not None
    loaded.store.approve_part(loaded.lease, hold.id, [part], state=STATE)
    assert loaded.live() == {"2": "b", "3": "c", **live}


def test_a_rejected_hold_is_closed_and_the_next_run_starts_anew(loaded: Syncs) -> None:
    hold = _held(loaded, row("1", "A"), cursor=2)
    before = loaded.records()
    assert loaded.lease is not None
    closed = loaded.store.reject(loaded.lease, hold.id, reason="a mistake of theirs")
    assert (closed.state, closed.reason) == ("rejected", "a mistake of theirs")
    assert loaded.records() == before
    assert loaded.store.states()[KEY].hold_id == ""
    writer = loaded.open()
    assert not writer.resumed
    assert writer.cursor("people") == 1


def test_the_same_change_set_opens_a_rejected_hold_again(loaded: Syncs) -> None:
    hold = _held(loaded, row("1", "A"), listing="offset")
    assert loaded.lease is not None
    loaded.store.reject(loaded.lease, hold.id, reason="no")
    loaded.clock.pass_by(days=1)
    again = _held(loaded, row("1", "A"))  # gone at once this time, and the same to a person
    assert (again.id, again.reopened, again.opened_at) == (hold.id, 1, hold.opened_at)
    assert (again.state, again.closed_at, again.reason) == ("open", None, "")
    assert again.run_id != hold.run_id
    _approve(loaded, again)
    assert loaded.live() == {"1": "A"}


@pytest.mark.parametrize("other", [("1", "AA"), ("2", "A"), ("5", "A")])
def test_another_change_set_is_another_hold(loaded: Syncs, other: tuple[str, str]) -> None:
    hold = _held(loaded, row("1", "A"))
    assert loaded.lease is not None
    loaded.store.reject(loaded.lease, hold.id)
    again = _held(loaded, row(*other))
    assert again.id != hold.id
    assert [each.state for each in loaded.store.holds()] == ["open", "rejected"]


def test_no_later_run_sees_the_staging_of_a_hold(loaded: Syncs) -> None:
    hold = _held(loaded, row("1", "A"), cursor=2)
    shown = _shown(loaded.store, hold)
    for options in ({}, {"fresh": True}, {"dry_run": True}, {"fingerprint": "f2"}):
        writer = loaded.open(**options)
        assert not writer.resumed
        assert writer.changes()["people"].updated == 0
        writer.discard()
    assert _shown(loaded.store, hold) == shown


def test_pruning_forgets_no_open_hold_and_closed_ones_after_their_time(loaded: Syncs) -> None:
    hold = _held(loaded, row("1", "A"))
    assert loaded.lease is not None
    loaded.store.release(loaded.lease)
    loaded.clock.pass_by(days=400)
    assert loaded.store.prune(KEPT, loaded.clock.now()).holds == 0
    assert loaded.store.holds() == [hold]
    assert len(_shown(loaded.store, hold)) == 3
    loaded.lease = loaded.store.acquire(KEY)
    _approve(loaded, hold)
    loaded.clock.pass_by(days=29)
    assert loaded.store.prune(KEPT, loaded.clock.now()).holds == 0
    loaded.clock.pass_by(days=2)
    assert loaded.store.prune(KEPT, loaded.clock.now(), dry_run=True).holds == 1
    assert loaded.store.prune(KEPT, loaded.clock.now()).holds == 1
    assert loaded.store.holds() == []


def test_a_purge_erases_the_tenants_holds(loaded: Syncs, store: Store) -> None:
    hold = _held(loaded, row("1", "A"))
    assert loaded.lease is not None
    store.release(loaded.lease)
    store.purge(KEY.tenant)
    assert store.holds() == []
    assert store.find_holds(hold.id) == []


def test_another_process_sees_the_hold_and_decides(loaded: Syncs, open_store: Opener) -> None:
    hold = _held(loaded, row("1", "A"))
    assert loaded.lease is not None
    loaded.store.release(loaded.lease)
    other = open_store()
    assert _shown(other, other.find_holds(hold.id)[0]) == _shown(loaded.store, hold)
    lease = other.acquire(KEY)
    assert lease is not None
    other.approve(lease, hold.id, state=STATE)
    assert loaded.live() == {"1": "A"}


def test_the_approval_of_a_window_moves_no_cursor(loaded: Syncs) -> None:
    as_of = loaded.store.states()[KEY].streams["people"].as_of
    loaded.clock.pass_by(hours=1)
    hold = _held(loaded, row("1", "A"), cursor=7, windowed=True)
    assert hold.windowed
    loaded.clock.pass_by(hours=1)
    _approve(loaded, hold)
    assert loaded.live() == {"1": "A", "2": "b", "3": "c"}
    stream = loaded.store.states()[KEY].streams["people"]
    assert (stream.cursor, stream.as_of) == (1, as_of)


def test_open_holds_come_first_then_the_newest(loaded: Syncs) -> None:
    closed = []
    for value in "xyz":
        hold = _held(loaded, row("1", value))
        assert loaded.lease is not None
        closed.append(loaded.store.reject(loaded.lease, hold.id))
        loaded.clock.pass_by(hours=1)
    other = Syncs(loaded.store, loaded.clock, key=Key("southwind", "crm"))
    other.load(row("1", "a"))
    still_open = _held(other, row("1", "b"))
    assert [hold.id for hold in loaded.store.holds()] == [still_open.id, *(hold.id for hold in reversed(closed))]
    assert loaded.store.holds([other.key]) == [still_open]
    assert [hold.id for hold in loaded.store.holds([KEY])] == [hold.id for hold in reversed(closed)]


def test_no_integrations_have_no_holds_and_a_wildcard_is_no_part_of_an_id(loaded: Syncs) -> None:
    hold = _held(loaded, row("1", "A"))
    assert loaded.store.holds([]) == []
    assert loaded.store.find_holds("%") == loaded.store.find_holds("_") == []
    assert loaded.store.find_holds("") == [hold]
    assert loaded.store.hold_records(hold.id[-6:], 9) == {}, "a part of an id is none"


def test_a_part_moves_no_cursor_and_is_in_the_feed_at_once(loaded: Syncs) -> None:
    hold = _held(loaded, row("1", "A"), row("4", "d"))
    last = max(record.seq for record in loaded.records())
    assert loaded.lease is not None
    loaded.store.approve_part(loaded.lease, hold.id, ["created"], state=STATE)
    assert [record.external_id for record in loaded.records(since_seq=last)] == ["4"]
    loaded.store.approve_part(loaded.lease, hold.id, ["created"], state=STATE)
    assert [record.external_id for record in loaded.records(since_seq=last)] == ["4"]


def test_what_an_approval_applied_counts_as_unchanged_in_the_next_run(loaded: Syncs) -> None:
    hold = _held(loaded, row("1", "A"), row("4", "d"), cursor=2)
    _approve(loaded, hold)
    changes = loaded.load(row("1", "A"), row("4", "d"), listing="snapshot")
    assert (changes.live, changes.unchanged, changes.created, changes.updated, changes.deleted) == (2, 2, 0, 0, 0)


def test_a_first_load_cannot_be_held(syncs: Syncs) -> None:
    with pytest.raises(RuntimeError, match="first load"):
        _hold(syncs, syncs.open())


def _play(syncs: Syncs, first: list[Row], lives: list[list[Batch]], *, held: bool) -> dict[str, Any]:
    """Load, play one run's lives, and end it by a promotion or by a hold that is approved."""
    store = syncs.store
    syncs.load(*first, cursor=1)
    writer = syncs.open()
    for number, life in enumerate(lives):
        writer = syncs.open() if number else writer
        for batch in life:
            writer.write(batch)
    absent: set[str] = set()
    if held:
        hold = _hold(syncs, writer)
        absent = {external_id for change, external_id in _shown(store, hold) if change == "absent"}
        _approve(syncs, hold, state=replace(STATE, key=syncs.key))
    else:
        writer.promote(syncs.clock.now())
    after = {r.external_id: (r.data, r.deleted) for r in syncs.records()}
    scopes = store.scopes(syncs.key, "people")
    return {"absent": absent, "after": after, "scopes": scopes, "next": _next(syncs) if not absent else None}


_NAMES = (f"roster-{number}" for number in count())
"""Each play has an integration of its own, so that all can share a store."""


def _next(syncs: Syncs) -> Any:
    """Return what a following listing changes: marks of absence, scopes and cursors decide it."""
    writer = _staged(syncs, row("1", "x"), listing="offset")
    return writer.cursor("people"), writer.promote(syncs.clock.now())


@given(first=st.lists(puts, max_size=8), lives=runs)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_hold_that_is_approved_ends_as_an_unguarded_promotion_does(
    store: Store, clock: Clock, first: list[Row], lives: list[list[Batch]]
) -> None:
    promoted, approved = (
        _play(Syncs(store, clock, key=Key("acme", next(_NAMES))), first, lives, held=held) for held in (False, True)
    )
    absent = approved["absent"]
    assert approved["after"] == {
        key: (data, deleted or key in absent) for key, (data, deleted) in promoted["after"].items()
    }
    if not absent:
        assert (approved["scopes"], approved["next"]) == (promoted["scopes"], promoted["next"])
