"""A batch is on its way to the database while the next one is read."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.engine.rig import NOW, Context, Rig, people
from tests.store.conftest import KEY, Clock, Syncs, document, row
from tests.supalocal.stack import LocalSupabase

from mkt.contract import Change, Checkpoint, Json, LocalError, Record, TransientError
from mkt.engine import pool
from mkt.engine.sync import collector
from mkt.errors import LeaseLost, StoreError
from mkt.runtime.supabase import SupabaseClient
from mkt.runtime.supabase_access import find_access
from mkt.store.base import Batch, StreamChanges, SyncWriter
from mkt.store.supabase import packing
from mkt.store.supabase.store import SupabaseStore

SECONDS = 30
BATCH = "mkt_sync_write"


class Line(SupabaseClient):
    """Notes what is called and what is answered; while it is shut, batches wait on it."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.told: list[str] = []
        self.forgets = False
        self.reached, self.gate = threading.Event(), threading.Event()
        self.gate.set()

    def rpc(self, function: str, arguments: Mapping[str, Any] | None = None, **options: Any) -> Json:
        self.told.append(function)
        if function == BATCH:
            self.reached.set()
            assert self.gate.wait(SECONDS)
            if self.forgets:
                super().rpc(function, arguments, **options)
        try:
            return super().rpc(function, arguments, **options)
        finally:
            self.told.append(f"{function} answered")

    def shut(self, *, seconds: float = 0.0) -> None:
        """Let batches wait, until `gate` is set or so many seconds have passed."""
        self.told.clear()
        self.reached.clear()
        self.gate.clear()
        if seconds:
            threading.Timer(seconds, self.gate.set).start()


@pytest.fixture
def line(supabase: LocalSupabase, tmp_path: Path) -> Iterator[Line]:
    with closing(Line(find_access(tmp_path, supabase.environment))) as line:
        yield line


@pytest.fixture
def syncs(line: Line, supabase: LocalSupabase, tmp_path: Path) -> Iterator[Syncs]:
    clock = Clock(moved=supabase.hold_clock)
    clock.moved(clock.time)
    yield Syncs(SupabaseStore(line, tmp_path / ".mkt"), clock, settles=False)
    supabase.free_clock()


# --- the writer


def _write(writer: SyncWriter) -> None:
    writer.write(Batch(rows=[row("9")]))


def _end(writer: SyncWriter) -> None:
    writer.end({"people": 1}, Batch())


CALLS: dict[str, Callable[[SyncWriter], object]] = {
    "write": _write,
    "end": _end,
    "settle": lambda writer: writer.settle(),
    "cursor": lambda writer: writer.cursor("people"),
    "changes": lambda writer: writer.changes(),
    "promote": lambda writer: writer.promote(NOW),
    "discard": lambda writer: writer.discard(),
}
STAGED: dict[str, Callable[[SyncWriter], object]] = {
    **CALLS,
    "preview": lambda writer: writer.preview(5),
    "hold": lambda writer: writer.hold(connector="scripted", reasons=["much"], as_of=NOW),
}
EACH = [(first, name) for first, calls in ((True, CALLS), (False, STAGED)) for name in calls]


@pytest.mark.parametrize("first", [True, False])
def test_a_batch_is_on_its_way_while_the_next_is_read_and_is_answered_before_that_is_sent(
    syncs: Syncs, line: Line, *, first: bool
) -> None:
    if not first:
        syncs.load(row("0"), row("1"))
    writer = syncs.open()
    line.shut()
    writer.write(Batch(rows=[row("0"), row("1")], cursors={"people": 1}))
    assert line.reached.wait(SECONDS)
    assert line.told == [BATCH]
    threading.Timer(0.1, line.gate.set).start()
    writer.write(Batch(rows=[row("2")], cursors={"people": 2}))
    writer.settle()
    sent = [one for one in line.told if one.startswith(BATCH)]
    assert sent == [BATCH, f"{BATCH} answered"] * (2 if first else 3), "a staged one is sent again with its document"
    assert writer.cursor("people") == 2
    writer.promote(syncs.clock.now())
    assert sorted(syncs.live()) == ["0", "1", "2"]


@pytest.mark.parametrize("name", ["cursor", "changes", "promote", "discard", "settle", "end"])
def test_every_other_call_waits_for_what_is_on_its_way(syncs: Syncs, line: Line, name: str) -> None:
    writer = syncs.open()
    line.shut(seconds=0.1)
    writer.write(Batch(rows=[row("1")], cursors={"people": 1}))
    CALLS[name](writer)
    assert line.told[:2] == [BATCH, f"{BATCH} answered"]
    writer.settle()


@pytest.mark.parametrize(("first", "name"), EACH)
def test_the_failure_of_a_batch_on_its_way_is_raised_by_the_next_call(
    syncs: Syncs, line: Line, name: str, *, first: bool
) -> None:
    if not first:
        syncs.load(row("0"))
    writer = syncs.open()
    line.shut()
    writer.write(Batch(rows=[row("1")._replace(document=b"{no json"), row("2")], cursors={"people": 1}))
    line.gate.set()
    with pytest.raises(StoreError, match="22P02"):
        (CALLS if first else STAGED)[name](writer)
    after = [one for one in line.told if "answered" not in one and one != BATCH]
    assert after == (["mkt_sync_discard"] if name == "discard" else []), "no more is sent of a run that has failed"
    assert sorted(syncs.live()) == ([] if first else ["0"])
    again = syncs.open()
    assert again.resumed == (name != "discard")
    assert again.cursor("people") is None


@pytest.mark.parametrize(("first", "name"), EACH)
def test_a_run_that_was_taken_over_with_a_batch_on_its_way_is_told_so(
    syncs: Syncs, line: Line, name: str, *, first: bool
) -> None:
    if not first:
        syncs.load(row("0"))
    late = syncs.open()
    line.shut()
    late.write(Batch(rows=[row("1", "late")]))
    assert line.reached.wait(SECONDS)
    syncs.open(fresh=True).promote(syncs.clock.now())
    line.gate.set()
    with pytest.raises(LeaseLost):
        (CALLS if first else STAGED)[name](late)
    assert "1" not in syncs.live()


def test_a_run_whose_answers_are_lost_while_it_reads_on_counts_each_record_once(syncs: Syncs, line: Line) -> None:
    line.forgets = True
    for value, counts in (
        ("a", StreamChanges(created=40, seen=40)),
        ("a", StreamChanges(live=40, unchanged=40, seen=40)),
        ("b", StreamChanges(live=40, updated=40, seen=40)),
    ):
        writer = syncs.open()
        for start in range(0, 40, 8):
            writer.write(Batch(rows=[row(str(n), value) for n in range(start, start + 8)], cursors={"people": start}))
        writer.end({"people": 40}, Batch(rows=[row("39", value)]))
        assert writer.promote(syncs.clock.now())["people"] == counts
        assert set(syncs.live().values()) == {value}


def test_a_cursor_that_changes_after_it_was_given_is_stored_as_it_was(syncs: Syncs, line: Line) -> None:
    cursor = {"page": 1}
    writer = syncs.open()
    line.shut()
    writer.write(Batch(rows=[row("1")], cursors={"people": cursor}, memory=[("seen", cursor, None)]))
    cursor["page"] = 2
    line.gate.set()
    writer.settle()
    assert syncs.open().cursor("people") == {"page": 1}
    assert syncs.store.memory_get(KEY, "seen", syncs.clock.now()) == {"page": 1}


def test_the_pieces_of_a_large_batch_follow_each_other(
    syncs: Syncs, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "PIECE_BYTES", 2 * len(document("x")))
    writer = syncs.open()
    line.told.clear()
    writer.write(Batch(rows=[row(str(number)) for number in range(7)], cursors={"people": 7}))
    writer.settle()
    assert line.told == [BATCH, f"{BATCH} answered"] * 4
    assert writer.promote(syncs.clock.now())["people"].created == 7


# --- the engine


@pytest.fixture
def hosted(line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """The engine over Supabase; every checkpoint hands a batch over."""
    monkeypatch.setattr(collector, "BATCH_ROWS", 0)
    rig = Rig(tmp_path)
    rig.store.close()
    rig.engine = replace(rig.engine, store=SupabaseStore(line, tmp_path / "here"))
    return rig


def _place(told: list[str], one: str) -> int:
    return max(number for number, found in enumerate(told) if found == one)


@pytest.mark.parametrize("error", [TransientError("reset"), LocalError("the clock is wrong")])
def test_what_is_on_its_way_when_a_run_fails_is_kept_before_the_run_ends(
    hosted: Rig, line: Line, error: Exception
) -> None:
    hosted.sync_one()
    starts: list[Json] = []

    def changes(context: Context) -> Iterator[Change]:
        starts.append(context.cursor("people"))
        yield Record("people", "anna", {"given_name": "A"})
        yield Checkpoint("people", "page 2")
        line.shut(seconds=0.2)
        yield Record("people", "ben", {"given_name": "B"})
        raise error

    hosted.script.changes = changes
    assert hosted.sync_one().outcome == "failed"
    assert _place(line.told, f"{BATCH} answered") < _place(line.told, "mkt_finish_run")
    hosted.sync_one()
    assert starts == [None, "page 2"]


def test_what_is_put_is_taken_once(hosted: Rig) -> None:
    taken: list[Json] = []

    def changes(context: Context) -> Iterator[Change]:
        context.state.put("nonce", {"n": 1})
        yield Record("people", "anna", {})
        yield Checkpoint("people", 1)
        yield Record("people", "ben", {})  # the batch with the value is on its way
        taken.extend(context.state.take("nonce") for _ in range(2))
        context.state.put("later", 2)
        taken.extend(context.state.take("later") for _ in range(2))

    hosted.script.changes = changes
    assert hosted.sync_one().outcome == "ok"
    assert taken == [{"n": 1}, None, 2, None]


def test_a_store_that_falls_silent_ends_the_run_at_its_deadline_and_refuses_the_batch_that_was_on_its_way(
    hosted: Rig, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosted.sync_one()
    ended = threading.Event()
    starts: list[Json] = []

    def changes(context: Context) -> Iterator[Change]:
        starts.append(context.cursor("people"))
        try:
            for number in range(1000):
                yield Record("people", f"late {number}", {})
                yield Checkpoint("people", number)
                if number == 2:
                    line.shut()
        finally:
            ended.set()

    def again(context: Context) -> list[Change]:
        starts.append(context.cursor("people"))
        return people("anna", "ben")

    hosted.script.changes = changes
    monkeypatch.setattr(pool, "GRACE_SECONDS", 0.0)
    result = hosted.sync_one(timeout=timedelta(seconds=1))
    assert result.failure is not None
    assert result.failure.code == "transient.deadline"
    assert not ended.is_set()
    line.gate.set()
    assert ended.wait(SECONDS)
    monkeypatch.undo()
    hosted.script.changes = again
    assert hosted.sync_one().outcome == "ok"
    assert starts[1] in (0, 1), "what was stored before is gone on from"
    assert {"anna", "ben"} <= set(hosted.names()) <= {"anna", "ben", "late 0", "late 1"}
