"""A sync over a network: answers that are lost, deliveries in between, batches that are large."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from tests.store.conftest import KEY, Clock, Syncs, document, gone, row
from tests.supalocal.stack import LocalSupabase

from mkt.contract import Complete, Json
from mkt.errors import LeaseLost, StoreError
from mkt.runtime.supabase import SupabaseClient
from mkt.runtime.supabase_access import find_access
from mkt.store.base import Batch, ChangedRecord, StreamChanges
from mkt.store.supabase import packing
from mkt.store.supabase.packing import packed
from mkt.store.supabase.store import SupabaseStore


class Forgetful(SupabaseClient):
    """Of each call of a sync that may be repeated the first answer is lost; `calls` are those that were sent."""

    forgets = True

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.calls: list[tuple[str, Mapping[str, Any]]] = []

    def rpc(self, function: str, arguments: Mapping[str, Any] | None = None, **options: Any) -> Json:
        self.calls.append((function, arguments or {}))
        if self.forgets and options["repeatable"] and function.startswith("mkt_sync_"):
            super().rpc(function, arguments, **options)
        return super().rpc(function, arguments, **options)


@pytest.fixture
def client(supabase: LocalSupabase, tmp_path: Path) -> Iterator[Forgetful]:
    found = Forgetful(find_access(tmp_path, supabase.environment))
    yield found
    found.close()


@pytest.fixture
def syncs(client: Forgetful, supabase: LocalSupabase, tmp_path: Path) -> Iterator[Syncs]:
    clock = Clock(moved=supabase.hold_clock)
    clock.moved(clock.time)
    yield Syncs(SupabaseStore(client, tmp_path / ".mkt"), clock)
    supabase.free_clock()


def _deliver(supabase: LocalSupabase, *rows: Any) -> dict[str, int]:
    """Let a delivery bring these rows, as `mkt serve` on another host would."""
    given = packed(rows)
    statement = "select mkt_private.deliver(%s, %s, %s::text::jsonb, %s)"
    ((counts,),) = supabase.sql(statement, *KEY, json.dumps(given.batch), given.documents())
    found: dict[str, int] = counts
    return found


# --- answers that are lost


def test_a_first_load_whose_answers_are_lost_counts_each_record_once(syncs: Syncs) -> None:
    writer = syncs.open()
    writer.write(Batch(rows=[row("1"), row("2")], cursors={"people": 7}, invalid={"people": 1}))
    writer.write(Batch(rows=[row("2", "b"), row("3"), gone("1")]))
    assert writer.promote(syncs.clock.now())["people"] == StreamChanges(created=2, invalid=1, seen=2)
    assert syncs.live() == {"2": "b", "3": "x"}
    assert syncs.store.states()[KEY].streams["people"].cursor == 7


def test_a_staged_run_whose_answers_are_lost_is_applied_once(syncs: Syncs) -> None:
    syncs.load(row("1", "a"), row("2", "a"), row("3", "a"), cursor=1)
    changes = syncs.load(row("1", "b"), row("2", "a"), row("4"), cursor=2, listing="snapshot")
    assert changes == StreamChanges(live=3, created=1, updated=1, unchanged=1, deleted=1, seen=3, listed=True)
    assert [record.seq for record in syncs.records()] == [2, 4, 5, 6]
    assert syncs.live() == {"1": "b", "2": "a", "4": "x"}


def test_a_bad_record_whose_answer_is_lost_is_counted_once(syncs: Syncs) -> None:
    syncs.load(row("1"))
    writer = syncs.open()
    writer.write(Batch(invalid={"people": 2}))
    writer.write(Batch(invalid={"people": 1}))
    assert writer.changes()["people"].invalid == 3


def test_a_hold_whose_answer_is_lost_is_one_hold(syncs: Syncs, supabase: LocalSupabase) -> None:
    syncs.load(row("1", "a"), row("2", "a"))
    writer = syncs.open()
    writer.write(Batch(rows=[row("1", "b")], completes=[Complete("people")], cursors={"people": 4}))
    writer.end({"people": 9})
    hold = writer.hold(connector="workday-hris", reasons=["too much"], as_of=syncs.clock.now())
    assert (hold.key, hold.state, hold.reasons, hold.reopened) == (KEY, "open", ("too much",), 0)
    assert hold.changes["people"] == StreamChanges(live=2, updated=1, deleted=1, seen=1, listed=True)
    assert supabase.sql("select id, run_id from integration_holds") == [(hold.id, hold.run_id)]
    assert supabase.sql("select cursor from integration_staging_streams") == [(9,)]
    assert syncs.live() == {"1": "a", "2": "a"}
    assert not syncs.open().resumed


def test_a_run_that_was_overtaken_is_told_so_at_its_next_word(syncs: Syncs) -> None:
    syncs.load(row("1"))
    late = syncs.open()
    late.write(Batch(rows=[row("1", "late")]))
    syncs.open(fresh=True).promote(syncs.clock.now())
    for word in (lambda: late.write(Batch()), lambda: late.promote(syncs.clock.now()), late.changes, late.discard):
        with pytest.raises(LeaseLost):
            word()
    assert syncs.live() == {"1": "x"}


# --- deliveries in the middle of a run


def test_what_a_delivery_brings_counts_at_once_and_over_what_was_staged(
    syncs: Syncs, supabase: LocalSupabase
) -> None:
    syncs.load(row("1", "a"), row("2", "a"), row("3", "a"))
    writer = syncs.open()
    writer.write(Batch(rows=[row("1", "old"), row("3", "b")]))
    assert _deliver(supabase, row("1", "new"), gone("2"), row("4", "d")) == {"created": 1, "updated": 1, "deleted": 1}
    assert syncs.live() == {"1": "new", "3": "a", "4": "d"}
    writer.write(Batch(completes=[Complete("people")]))
    writer.promote(syncs.clock.now())
    assert syncs.live() == {"1": "new", "3": "b", "4": "d"}


def test_what_was_found_out_before_a_delivery_is_found_out_again(syncs: Syncs, supabase: LocalSupabase) -> None:
    syncs.load(row("1", "a"), row("2", "a"))
    writer = syncs.open()
    writer.write(Batch(rows=[row("1", "b")], completes=[Complete("people")]))
    assert writer.changes()["people"].deleted == 1
    _deliver(supabase, row("2", "a"), row("1", "c"))
    changes = writer.promote(syncs.clock.now())["people"]
    assert (changes.deleted, changes.updated) == (0, 0)
    assert syncs.live() == {"1": "c", "2": "a"}


def test_a_record_that_a_delivery_changes_between_question_and_answer_is_asked_for_again(
    syncs: Syncs, client: Forgetful, supabase: LocalSupabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.forgets = False
    syncs.load(row("1", "a"), row("2", "a"))
    writer = syncs.open()
    told = client.rpc
    delivered: list[str] = []

    def rpc(function: str, arguments: Mapping[str, Any] | None = None, **options: Any) -> Json:
        answer = told(function, arguments, **options)
        if isinstance(answer, dict) and "wanted" in answer and not delivered:
            delivered.append(function)
            _deliver(supabase, row("2", "delivered"))
        return answer

    monkeypatch.setattr(client, "rpc", rpc)
    writer.write(Batch(rows=[row("1", "b"), row("2", "a")]))
    assert delivered
    writer.promote(syncs.clock.now())
    assert syncs.live() == {"1": "b", "2": "a"}, "what the sync reads after the delivery counts again"


# --- what is sent


def test_an_unchanged_batch_is_one_call_without_a_document(syncs: Syncs, client: Forgetful) -> None:
    client.forgets = False
    rows = [row(str(number)) for number in range(50)]
    syncs.load(*rows)
    writer = syncs.open()
    client.calls.clear()
    writer.write(Batch(rows=rows, cursors={"people": 3}))
    [(function, given)] = client.calls
    assert (function, given["p_documents"]) == ("mkt_sync_write", "")


def test_only_the_documents_that_changed_are_sent_and_later_all_at_once(syncs: Syncs, client: Forgetful) -> None:
    client.forgets = False
    syncs.load(*(row(str(number)) for number in range(6)))
    writer = syncs.open()
    client.calls.clear()
    writer.write(Batch(rows=[row("0"), row("1", "b"), row("2", "b")]))
    writer.write(Batch(rows=[row("3", "b"), row("4"), row("5")]))
    first, second = document("b").decode(), document("x").decode()
    assert [given["p_documents"] for _, given in client.calls] == [
        "",
        f"\n{first}\n{first}",
        f"{first}\n{second}\n{second}",
    ]
    assert writer.promote(syncs.clock.now())["people"] == StreamChanges(live=6, updated=3, unchanged=3, seen=6)


def test_a_large_batch_goes_in_pieces_and_its_cursor_with_the_last(
    syncs: Syncs, client: Forgetful, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.forgets = False
    monkeypatch.setattr(packing, "PIECE_BYTES", 3 * len(document("x")))
    writer = syncs.open()
    client.calls.clear()
    rows = [row("1"), row("2"), row("3", "y" * 500), row("1"), gone("2"), row("2"), row("4")]
    writer.write(Batch(rows=rows, cursors={"people": 3}))
    assert ['"people":3' in given["p_batch"] for _, given in client.calls] == [False, False, True]
    assert writer.promote(syncs.clock.now())["people"] == StreamChanges(created=4, seen=4)


def test_a_failed_call_leaves_nothing_of_its_batch(syncs: Syncs) -> None:
    writer = syncs.open()
    broken = row("2")._replace(document=b"{no json")
    with pytest.raises(StoreError):
        writer.write(Batch(rows=[row("1"), broken], cursors={"people": 7}))
    assert syncs.live() == {}
    again = syncs.open()
    again.write(Batch(rows=[row("1")]))
    assert again.promote(syncs.clock.now())["people"] == StreamChanges(created=1, seen=1)


def test_documents_with_line_breaks_between_their_parts_are_taken(syncs: Syncs) -> None:
    writer = syncs.open()
    writer.write(Batch(rows=[row("1")._replace(document=b'{"title":\n"a"\n}'), row("2", "b")]))
    assert syncs.live() == {"1": "a", "2": "b"}


# --- much at once


def test_a_large_staging_is_removed_after_its_promotion(syncs: Syncs, client: Forgetful) -> None:
    client.forgets = False
    syncs.load(row("0"))
    writer = syncs.open()
    for first in range(0, 21_000, 3_000):
        writer.write(Batch(rows=[row(str(number)) for number in range(first + 1, first + 3_001)]))
    assert writer.promote(syncs.clock.now())["people"].created == 21_000
    assert client.calls[-1][0] == "mkt_sync_clear"
    assert not syncs.open().resumed


def test_a_preview_of_a_thousand_records_is_not_cut_short(syncs: Syncs, client: Forgetful) -> None:
    client.forgets = False
    syncs.load(row("0"))
    writer = syncs.open()
    writer.write(Batch(rows=[row(f"{number:04}") for number in range(1, 1_601)]))
    shown = writer.preview(1_500)["people"]
    assert len(shown) == 1_500
    assert shown[0] == ChangedRecord(external_id="0001", change="created", before=None, after={"title": "x"})


def test_what_works_on_much_is_waited_for_longer_than_other_calls(supabase: LocalSupabase, tmp_path: Path) -> None:
    access = find_access(tmp_path, supabase.environment)
    tried_again: list[float] = []
    limits = httpx.Timeout(0.5, connect=3)
    with closing(Forgetful(access, timeout=limits, wait=tried_again.append)) as client:
        client.forgets = False
        syncs = Syncs(SupabaseStore(client, tmp_path / ".mkt"), Clock())
        writer = syncs.open()
        writer.write(Batch(rows=[row("1")]))
        tried_again.clear()
        with psycopg.connect(supabase.dsn) as other:  # as a promotion whose answer was lost, and which still works
            other.execute("select mkt_private.lock_integration(%s, %s)", KEY)
            timer = threading.Timer(1.5, other.commit)
            timer.start()
            assert writer.promote(syncs.clock.now())["people"].created == 1
            timer.join()
    assert tried_again == []
