"""What every store promises of a sync: direct or staged, resumed or fresh, what counts and what goes."""

import sqlite3
from datetime import UTC, datetime
from typing import Any

import pytest

from mkt.contract import Complete, Json
from mkt.store.base import Batch, StreamChanges

from .conftest import KEY, Clock, Opener, Syncs, gone, row

T0 = datetime(2026, 11, 22, 18, tzinfo=UTC)


# --- the first load


def test_the_first_load_is_visible_at_once(syncs: Syncs) -> None:
    writer = syncs.open()
    assert writer.direct
    writer.write(Batch(rows=[row("1"), row("2")]))
    assert syncs.live() == {"1": "x", "2": "x"}
    assert writer.changes()["people"] == StreamChanges(created=2, seen=2)


def test_in_the_first_load_the_last_value_wins_and_counts_once(syncs: Syncs) -> None:
    writer = syncs.open()
    writer.write(Batch(rows=[row("1", "a"), row("1", "b"), row("2")]))
    writer.write(Batch(rows=[row("1", "c"), gone("2"), gone("never"), row("3"), gone("3"), row("3", "back")]))
    assert syncs.live() == {"1": "c", "3": "back"}
    assert writer.promote(T0)["people"] == StreamChanges(created=2, seen=2)


def test_in_the_first_load_absence_deletes_nothing(syncs: Syncs) -> None:
    writer = syncs.open()
    writer.write(Batch(rows=[row("1")]))
    writer = syncs.open()
    assert writer.direct
    writer.write(Batch(rows=[row("2")], completes=[Complete("people")]))
    assert writer.promote(T0)["people"] == StreamChanges(live=1, created=1, seen=1, listed=True)
    assert syncs.live() == {"1": "x", "2": "x"}


def test_a_killed_first_load_goes_on_from_its_cursor(syncs: Syncs) -> None:
    writer = syncs.open()
    assert not writer.resumed
    writer.write(Batch(rows=[row("1", "a"), row("2", "a")], cursors={"people": 7}))
    syncs.clock.pass_by(hours=23)
    writer = syncs.open()
    assert writer.direct
    assert writer.resumed
    assert writer.cursor("people") == 7
    writer.write(Batch(rows=[row("1", "a"), row("2", "b"), row("3")]))
    writer.write(Batch(rows=[row("1", "c"), row("2", "b"), gone("3")]))
    assert writer.promote(T0)["people"] == StreamChanges(live=2, updated=2, seen=2)
    assert not syncs.open().direct


def test_a_first_load_that_goes_on_twice_counts_what_the_last_run_met(syncs: Syncs) -> None:
    syncs.open().write(Batch(rows=[row("1"), row("2", "a")], cursors={"people": 7}))
    syncs.open().write(Batch(rows=[row("2", "a"), row("3", "a")]))
    writer = syncs.open()
    assert writer.cursor("people") == 7
    writer.write(Batch(rows=[row("2", "a"), row("3", "b")]))
    assert writer.promote(T0)["people"] == StreamChanges(live=3, updated=1, unchanged=1, seen=2)


def test_a_failed_write_of_the_first_load_counts_nothing(syncs: Syncs) -> None:
    writer = syncs.open()
    broken = row("2")._replace(document=b"\xff")
    with pytest.raises((UnicodeDecodeError, sqlite3.OperationalError)):
        writer.write(Batch(rows=[row("1"), broken], cursors={"people": 7}))
    assert syncs.live() == {}
    again = syncs.open()
    assert again.cursor("people") is None
    again.write(Batch(rows=[row("1")]))
    assert again.promote(T0)["people"] == StreamChanges(created=1, seen=1)


@pytest.mark.parametrize("left", ["late", "fresh", "other streams", "discarded"])
def test_a_first_load_that_cannot_go_on_starts_again_and_keeps_its_records(syncs: Syncs, left: str) -> None:
    writer = syncs.open()
    writer.write(Batch(rows=[row("1"), row("2")], cursors={"people": 7}))
    options: dict[str, Any] = {}
    match left:
        case "late":
            syncs.clock.pass_by(hours=25)
        case "fresh":
            options = {"fresh": True}
        case "other streams":
            options = {"streams": ("people", "org_units")}
        case _:
            writer.discard()
    writer = syncs.open(**options)
    assert writer.direct
    assert not writer.resumed
    assert writer.cursor("people") is None
    writer.write(Batch(rows=[row("1"), row("2", "new")]))
    assert writer.promote(T0)["people"] == StreamChanges(live=2, updated=1, unchanged=1, seen=2)


@pytest.mark.parametrize("discarded", [True, False])
def test_a_first_load_with_other_settings_is_taken_away_first(syncs: Syncs, *, discarded: bool) -> None:
    writer = syncs.open()
    writer.write(Batch(rows=[row("old-1"), row("old-2", scope="a")], cursors={"people": 7}))
    if discarded:
        writer.discard()
    writer = syncs.open(fingerprint="f2")
    assert writer.cursor("people") is None
    assert syncs.live() == {}
    assert syncs.store.scopes(KEY, "people") == set()
    writer.write(Batch(rows=[row("new")]))
    writer.promote(T0)
    assert syncs.live() == {"new": "x"}
    assert syncs.store.counts() == {(KEY, "people"): (1, 2)}


def test_the_24_hours_count_from_the_end_of_the_run(syncs: Syncs) -> None:
    from mkt.store.base import Run  # noqa: PLC0415

    writer = syncs.open()
    writer.write(Batch(cursors={"people": 7}))
    syncs.clock.pass_by(hours=20)
    run = Run(
        id="run-roster-001", command="sync", key=KEY, connector="c", started_at=T0, finished_at=T0, outcome="failed"
    )
    syncs.store.finish_run(run, None, syncs.lease)
    syncs.clock.pass_by(hours=20)
    assert syncs.open().cursor("people") == 7


# --- staged runs


def test_a_staged_run_is_invisible_until_it_is_promoted(syncs: Syncs) -> None:
    syncs.load(row("1", "a"), row("2", "a"), row("3", "a"), cursor=1)
    before = syncs.records()
    writer = syncs.open()
    assert not writer.direct
    assert writer.cursor("people") == 1
    writer.write(Batch(rows=[row("1", "b"), row("2", "a"), gone("3"), row("4")], cursors={"people": 2}))
    expected = StreamChanges(live=3, created=1, updated=1, unchanged=1, deleted=1, seen=3)
    assert writer.changes()["people"] == expected
    assert syncs.records() == before
    assert syncs.store.states()[KEY].streams["people"].cursor == 1
    assert writer.promote(T0)["people"] == expected
    assert syncs.live() == {"1": "b", "2": "a", "4": "x"}
    assert syncs.store.states()[KEY].streams["people"].cursor == 2


def test_an_unchanged_record_is_not_touched(syncs: Syncs) -> None:
    syncs.load(row("1"), row("2"))
    before = syncs.records()
    syncs.clock.pass_by(hours=1)
    changes = syncs.load(row("1"), row("2"), listing="snapshot")
    assert changes == StreamChanges(live=2, unchanged=2, seen=2, listed=True)
    assert syncs.records() == before


def test_in_a_staged_run_the_last_value_wins_and_counts_once(syncs: Syncs) -> None:
    syncs.load(row("1", "a"), row("2", "a"), row("3", "a"), row("4", "a"))
    writer = syncs.open()
    writer.write(Batch(rows=[row("1", "b"), row("2", "b"), gone("3"), row("4", "b"), row("5"), row("6")]))
    writer.write(Batch(rows=[row("1", "a"), row("2", "c"), row("3", "a"), gone("4"), gone("5"), row("6", "z")]))
    changes = writer.promote(T0)["people"]
    assert changes == StreamChanges(live=4, created=1, updated=1, unchanged=2, deleted=1, seen=4)
    assert syncs.live() == {"1": "a", "2": "c", "3": "a", "6": "z"}


def test_a_killed_run_goes_on_from_its_staging(syncs: Syncs) -> None:
    syncs.load(row("1", "a"), row("2", "a"), cursor=1)
    syncs.open().write(Batch(rows=[row("1", "b"), row("3")], cursors={"people": 5}, invalid={"people": 2}))
    syncs.clock.pass_by(hours=23)
    writer = syncs.open()
    assert writer.resumed
    assert writer.cursor("people") == 5
    writer.write(Batch(rows=[row("2", "a")], completes=[Complete("people")]))
    expected = StreamChanges(live=2, created=1, updated=1, unchanged=1, invalid=2, seen=3, listed=True)
    assert writer.promote(T0)["people"] == expected


def test_a_staged_cursor_of_none_means_from_the_start(syncs: Syncs) -> None:
    syncs.load(row("1"), cursor=1)
    syncs.open().write(Batch(cursors={"people": None}))
    assert syncs.open().cursor("people") is None


@pytest.mark.parametrize("first_load", [True, False])
def test_the_last_cursor_stands_nowhere_before_the_promotion(syncs: Syncs, *, first_load: bool) -> None:
    if not first_load:
        syncs.load(row("1"), cursor=1)
    killed = syncs.open()
    killed.write(Batch(rows=[row("2")], cursors={"people": 5}))
    killed.write(Batch(rows=[row("3")], completes=[Complete("people", "", "offset")]))
    killed.end({"people": 9})
    writer = syncs.open()
    assert (writer.resumed, writer.cursor("people")) == (True, 5)
    writer.end({"people": 9})
    writer.promote(T0)
    assert syncs.open().cursor("people") == 9


@pytest.mark.parametrize("cursor", ["a\0b", {"token": ["\0", "\\u0000"]}, {"json": '"\\u0000"'}, [], 0, "7", True])
@pytest.mark.parametrize("first_load", [True, False])
def test_any_json_is_a_cursor(syncs: Syncs, cursor: Json, *, first_load: bool) -> None:
    if not first_load:
        syncs.load(row("1"), cursor=1)
    syncs.open().write(Batch(rows=[row("1")], cursors={"people": cursor}))
    writer = syncs.open()
    assert (writer.resumed, writer.cursor("people")) == (True, cursor)
    writer.promote(T0)
    assert syncs.store.states()[KEY].streams["people"].cursor == cursor


def test_the_end_of_a_window_moves_no_cursor(syncs: Syncs) -> None:
    syncs.load(row("1"), cursor=1)
    writer = syncs.open(windowed=True)
    writer.end({"people": 9})
    writer.promote(T0)
    assert syncs.open().cursor("people") == 1


@pytest.mark.parametrize("left", ["late", "fresh", "other settings", "other streams", "discarded"])
def test_a_staging_that_cannot_be_resumed_is_forgotten(syncs: Syncs, left: str) -> None:
    syncs.load(row("1"), row("2"), cursor=1)
    writer = syncs.open()
    writer.write(Batch(rows=[row("1", "stale"), gone("2"), row("3")], cursors={"people": 5}))
    options: dict[str, Any] = {}
    match left:
        case "late":
            syncs.clock.pass_by(hours=25)
        case "fresh":
            options = {"fresh": True}
        case "other settings":
            options = {"fingerprint": "f2"}
        case "other streams":
            options = {"streams": ("people", "org_units")}
        case _:
            writer.discard()
    writer = syncs.open(**options)
    assert not writer.resumed
    assert writer.cursor("people") == (None if left in {"fresh", "other settings"} else 1)
    writer.write(Batch(rows=[row("1")]))
    assert writer.promote(T0)["people"] == StreamChanges(live=2, unchanged=1, seen=1)
    assert syncs.live() == {"1": "x", "2": "x"}


def test_a_full_run_that_was_killed_stays_a_full_run(syncs: Syncs) -> None:
    syncs.streams = ("people", "org_units")
    syncs.load(row("1"), cursor=1)
    syncs.open(fresh=True).write(Batch(cursors={"org_units": 3}))
    writer = syncs.open()
    assert (writer.resumed, writer.cursor("people"), writer.cursor("org_units")) == (True, None, 3)


def test_a_cursor_made_with_other_settings_does_not_outlive_them(syncs: Syncs) -> None:
    syncs.load(row("1"), cursor=1)
    syncs.open(fingerprint="f2").promote(T0)
    assert syncs.store.states()[KEY].streams["people"].cursor is None


def test_a_promoted_run_leaves_no_staging(syncs: Syncs) -> None:
    syncs.load(row("1"))
    writer = syncs.open()
    writer.write(Batch(rows=[row("1", "b")]))
    writer.promote(T0)
    assert not syncs.open().resumed


def test_all_streams_are_promoted_together(syncs: Syncs) -> None:
    syncs.streams = ("people", "org_units")
    syncs.load(row("1"))
    writer = syncs.open()
    writer.write(Batch(rows=[row("u", stream="org_units")], completes=[Complete("people")]))
    changes = writer.promote(T0)
    assert changes["org_units"] == StreamChanges(created=1, seen=1)
    assert changes["people"] == StreamChanges(live=1, deleted=1, listed=True)
    assert syncs.live() == {"u": "x"}


# --- dry runs and windows


def test_a_dry_run_shows_and_leaves_nothing(syncs: Syncs) -> None:
    writer = syncs.open(dry_run=True)
    assert not writer.direct
    writer.write(Batch(rows=[row("1")], cursors={"people": 9}, memory=[("m", 1, None)]))
    assert writer.changes()["people"] == StreamChanges(created=1, seen=1)
    with pytest.raises(RuntimeError):
        writer.promote(T0)
    writer = syncs.open()
    assert (writer.direct, writer.resumed, writer.cursor("people")) == (True, False, None)
    assert syncs.records() == []
    assert syncs.store.states() == {}
    assert syncs.store.memory_get(KEY, "m", T0) is None


@pytest.mark.parametrize("first_load", [True, False])
def test_a_dry_run_leaves_a_killed_run_to_be_resumed(syncs: Syncs, *, first_load: bool) -> None:
    if not first_load:
        syncs.load(row("1"))
    syncs.open().write(Batch(rows=[row("2")], cursors={"people": 5}))
    syncs.open(dry_run=True).write(Batch(cursors={"people": 9}))
    writer = syncs.open()
    assert (writer.resumed, writer.cursor("people")) == (True, 5)


def test_a_window_moves_no_cursor_and_ignores_completes(syncs: Syncs) -> None:
    syncs.load(row("1"), row("2"), cursor=1)
    before = syncs.store.states()
    changes = syncs.load(row("1", "b"), cursor=9, listing="snapshot", windowed=True)
    assert changes == StreamChanges(live=2, updated=1, seen=1)
    assert syncs.live() == {"1": "b", "2": "x"}
    assert syncs.store.states() == before
    assert syncs.open().cursor("people") == 1


def test_a_window_is_no_first_load(syncs: Syncs) -> None:
    syncs.open().write(Batch(rows=[row("1")], cursors={"people": 5}))
    syncs.load(row("2"), cursor=9, windowed=True)
    writer = syncs.open()
    assert (writer.direct, writer.resumed, writer.cursor("people")) == (True, True, 5)


def test_a_killed_window_is_not_resumed(syncs: Syncs) -> None:
    syncs.load(row("1"))
    syncs.open(windowed=True).write(Batch(rows=[row("1", "b")]))
    writer = syncs.open()
    assert not writer.resumed
    assert writer.changes()["people"] == StreamChanges(live=1)


# --- deleting


@pytest.mark.parametrize("listing", ["snapshot", "keyset"])
def test_what_a_whole_listing_lacks_is_deleted(syncs: Syncs, listing: str) -> None:
    syncs.load(row("1"), row("2"), row("3"))
    assert syncs.load(row("1"), listing=listing) == StreamChanges(live=3, unchanged=1, deleted=2, seen=1, listed=True)
    assert syncs.live() == {"1": "x"}
    again = syncs.load(row("1"), listing=listing)
    assert again == StreamChanges(live=1, unchanged=1, seen=1, listed=True)


def test_without_a_complete_nothing_is_deleted(syncs: Syncs) -> None:
    syncs.load(row("1"), row("2"))
    syncs.load(row("1"))
    assert set(syncs.live()) == {"1", "2"}


def test_a_record_that_comes_back_counts_as_created(syncs: Syncs, clock: Clock) -> None:
    syncs.load(row("1"), row("2"))
    syncs.load(gone("1"))
    clock.pass_by(hours=1)
    assert syncs.load(row("1")).created == 1
    (back,) = syncs.records(since_seq=3)
    assert (back.external_id, back.deleted, back.first_seen_at, back.changed_at) == ("1", False, T0, clock.now())


def test_in_a_listing_by_offset_a_record_goes_when_absent_twice_in_a_row(syncs: Syncs) -> None:
    syncs.load(row("1"), row("2"), row("3"))
    before = syncs.records()
    first = syncs.load(row("1"), listing="offset")
    assert (first.absent, first.deleted) == (2, 0)
    assert syncs.records() == before, "the mark is not in the record's row"
    second = syncs.load(row("1"), row("2"), listing="offset")
    assert (second.absent, second.deleted) == (0, 1)
    assert set(syncs.live()) == {"1", "2"}
    third = syncs.load(row("1"), listing="offset")
    assert (third.absent, third.deleted) == (1, 0), "seen in between: the count begins anew"


def test_a_resumed_listing_is_trusted_only_twice(syncs: Syncs) -> None:
    syncs.load(row("1"), row("2"))
    syncs.open().write(Batch(rows=[row("1")], cursors={"people": 5}))
    writer = syncs.open()
    writer.write(Batch(completes=[Complete("people")]))
    changes = writer.promote(T0)["people"]
    assert (changes.absent, changes.deleted) == (1, 0)
    assert syncs.load(row("1"), listing="snapshot").deleted == 1


def test_a_listing_that_ended_before_the_resume_is_trusted(syncs: Syncs) -> None:
    syncs.load(row("1"), row("2"))
    syncs.open().write(Batch(rows=[row("1")], completes=[Complete("people")], cursors={"people": 5}))
    assert syncs.open().changes()["people"].deleted == 1


@pytest.mark.parametrize("listing", ["snapshot", "offset"])
def test_a_stream_with_a_bad_record_deletes_and_marks_nothing(syncs: Syncs, listing: Any) -> None:
    syncs.load(row("1"), row("2"))
    writer = syncs.open()
    writer.write(Batch(rows=[row("1")], invalid={"people": 1}, completes=[Complete("people", "", listing)]))
    changes = writer.promote(T0)["people"]
    assert (changes.absent, changes.deleted, changes.invalid) == (0, 0, 1)
    assert syncs.load(row("1"), listing="offset").absent == 1


def test_an_empty_listing_is_seen_by_the_guard(syncs: Syncs) -> None:
    syncs.load(row("1"), row("2"))
    writer = syncs.open()
    writer.write(Batch(completes=[Complete("people")]))
    assert writer.changes()["people"] == StreamChanges(live=2, deleted=2, seen=0, listed=True)


# --- scopes


def test_a_completed_scope_takes_out_of_that_scope_only(syncs: Syncs) -> None:
    syncs.load(row("1", scope="a"), row("1", scope="b"), row("2", scope="a"), row("3", scope="b"), row("4"))
    changes = syncs.load(listing="snapshot", scope="a")
    assert changes.deleted == 1
    assert set(syncs.live()) == {"1", "3", "4"}
    assert syncs.store.scopes(KEY, "people") == {"", "b"}
    assert syncs.load(listing="snapshot", scope="b").deleted == 2
    assert set(syncs.live()) == {"4"}
    assert syncs.load(listing="snapshot").deleted == 1


def test_a_new_scope_of_an_unchanged_record_is_no_change(syncs: Syncs) -> None:
    syncs.load(row("1", scope="a"), row("2"))
    before = syncs.records()
    changes = syncs.load(row("1"), row("2", scope="a"))
    assert changes == StreamChanges(live=2, unchanged=2, seen=2)
    assert syncs.records() == before
    assert syncs.load(listing="snapshot").deleted == 0, "both still stand in a"
    assert syncs.load(listing="snapshot", scope="a").deleted == 2


def test_a_record_that_moves_between_scopes_stays(syncs: Syncs) -> None:
    syncs.load(row("1", scope="a"))
    writer = syncs.open()
    writer.write(Batch(rows=[row("1", scope="b")], completes=[Complete("people", "a"), Complete("people", "b")]))
    assert writer.promote(T0)["people"].deleted == 0
    assert syncs.store.scopes(KEY, "people") == {"b"}


def test_a_record_in_two_scopes_counts_as_absent_when_both_lack_it(syncs: Syncs) -> None:
    syncs.load(row("1", scope="a"), row("1"))
    assert syncs.load(listing="offset", scope="a").absent == 0
    assert syncs.load(listing="offset").absent == 1
    changes = syncs.load(listing="offset", scope="a")
    assert (changes.absent, changes.deleted) == (0, 0)
    assert syncs.load(listing="offset").deleted == 1


def test_a_deleted_record_leaves_every_scope(syncs: Syncs) -> None:
    syncs.load(row("1", scope="a"), row("1", scope="b"))
    syncs.load(gone("1"))
    assert syncs.store.scopes(KEY, "people") == set()
    syncs.load(row("1", scope="c"))
    assert syncs.store.scopes(KEY, "people") == {"c"}


def test_two_processes_sync_two_integrations_at_once(syncs: Syncs, open_store: Opener) -> None:
    other = Syncs(open_store(), syncs.clock, KEY._replace(integration="crm"))
    ours, theirs = syncs.open(), other.open()
    ours.write(Batch(rows=[row("1")]))
    theirs.write(Batch(rows=[row("1", "y")]))
    ours.write(Batch(rows=[row("2")]))
    ours.promote(T0)
    theirs.promote(T0)
    assert (syncs.live(), other.live()) == ({"1": "x", "2": "x"}, {"1": "y"})
