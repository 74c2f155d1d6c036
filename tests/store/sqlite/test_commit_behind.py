"""A batch is committed while the run reads on."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from tests.store.conftest import KEY, Clock, Syncs, row

from mkt.store.base import Batch, SyncWriter
from mkt.store.sqlite import SqliteStore
from mkt.store.sqlite.connection import Database, Values

SECONDS = 30


class Gate:
    """Keeps the commits that threads do until it is opened; where it is `broken`, they fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, broken: bool = False) -> None:
        self.reached, self._opened = threading.Event(), threading.Event()
        commit = Database._commit

        def wait(
            database: Database, connection: sqlite3.Connection, kept: list[tuple[str, Values]], held: ExitStack
        ) -> None:
            self.reached.set()
            self._opened.wait(SECONDS)
            if broken:
                connection.execute("pragma defer_foreign_keys = on")
                connection.execute("update integration_records set source = -1")
            commit(database, connection, kept, held)

        monkeypatch.setattr(Database, "_commit", wait)
        if broken:
            self._opened.set()

    def open(self, *, after: float = 0.0) -> None:
        threading.Timer(after, self._opened.set).start()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore.open(tmp_path / "mkt.db") as store:
        yield store


@pytest.fixture
def syncs(store: SqliteStore) -> Syncs:
    return Syncs(store, Clock(), settles=False)


def _begun(syncs: Syncs, *, first: bool) -> SyncWriter:
    """Open a run that has written a batch before: the very first one comes with the run's header."""
    if not first:
        syncs.load(row("0"))
    writer = syncs.open()
    writer.write(Batch(rows=[row("0")], cursors={"people": 0}))
    writer.settle()
    return writer


@pytest.mark.parametrize("first", [True, False])
def test_a_batch_is_on_its_way_when_write_returns_and_stored_when_it_is_settled(
    syncs: Syncs, monkeypatch: pytest.MonkeyPatch, *, first: bool
) -> None:
    writer, gate = _begun(syncs, first=first), Gate(monkeypatch)
    writer.write(Batch(rows=[row("1")], cursors={"people": 1}))
    assert gate.reached.wait(SECONDS)
    assert "1" not in syncs.live()
    gate.open()
    writer.settle()
    writer.promote(syncs.clock.now())
    assert sorted(syncs.live()) == ["0", "1"]


CALLS: dict[str, Callable[[SyncWriter], object]] = {
    "cursor": lambda writer: writer.cursor("people"),
    "changes": lambda writer: writer.changes(),
    "preview": lambda writer: writer.preview(5),
    "end": lambda writer: writer.end({"people": None}, Batch(rows=[row("3")])),
    "promote": lambda writer: writer.promote(Clock().now()),
    "discard": lambda writer: writer.discard(),
    "write": lambda writer: writer.write(Batch(rows=[row("2")])),
}
STAGED: dict[str, Callable[[SyncWriter], object]] = {
    **CALLS,
    "hold": lambda writer: writer.hold(connector="scripted", reasons=["much"], as_of=Clock().now()),
}
EACH = [(first, name) for first, calls in ((True, CALLS), (False, STAGED)) for name in calls]


@pytest.mark.parametrize(("first", "name"), EACH)
def test_every_other_call_waits_for_what_is_on_its_way(
    syncs: Syncs, monkeypatch: pytest.MonkeyPatch, name: str, *, first: bool
) -> None:
    writer, gate = _begun(syncs, first=first), Gate(monkeypatch)
    writer.write(Batch(rows=[row("1")], cursors={"people": 1}))
    done = threading.Event()
    asking = threading.Thread(target=lambda: (STAGED[name](writer), done.set()))
    asking.start()
    assert gate.reached.wait(SECONDS)
    waited = not done.wait(0.05)
    gate.open()
    assert done.wait(SECONDS)
    asking.join()
    assert waited


@pytest.mark.parametrize(("first", "name"), EACH)
def test_a_commit_that_fails_is_raised_by_the_next_call_and_stores_nothing(
    syncs: Syncs, monkeypatch: pytest.MonkeyPatch, name: str, *, first: bool
) -> None:
    writer = _begun(syncs, first=first)
    with monkeypatch.context() as patched:
        Gate(patched, broken=True)
        writer.write(Batch(rows=[row("0", "new"), row("1")], cursors={"people": 1}))
        with pytest.raises(sqlite3.IntegrityError):
            STAGED[name](writer)
    assert syncs.live() == {"0": "x"}
    again = syncs.open()
    assert again.resumed == (name != "discard")
    assert again.cursor("people") == (None if name == "discard" else 0)
    again.write(Batch(rows=[row("1")]))
    again.promote(syncs.clock.now())
    assert sorted(syncs.live()) == ["0", "1"]


def test_another_write_and_the_end_of_the_store_wait_for_what_is_on_its_way(
    syncs: Syncs, store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, gate = _begun(syncs, first=True), Gate(monkeypatch)
    writer.write(Batch(rows=[row("1")], cursors={"people": 1}))
    gate.open(after=0.05)
    store.memory_put(KEY, "m", 1, None)
    assert sorted(syncs.live()) == ["0", "1"]
    writer.write(Batch(rows=[row("2")], cursors={"people": 2}))
    store.close()
    with SqliteStore.open(tmp_path / "mkt.db") as again:
        assert again.counts() == {(KEY, "people"): (3, 0)}


def test_a_batch_is_stored_at_once_where_no_thread_can_be_had(syncs: Syncs, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(thread: threading.Thread) -> None:
        del thread
        raise RuntimeError("can't start new thread")

    writer = _begun(syncs, first=True)
    monkeypatch.setattr(threading.Thread, "start", none)
    writer.write(Batch(rows=[row("1")], cursors={"people": 1}))
    assert sorted(syncs.live()) == ["0", "1"]
    writer.write(Batch(rows=[row("2")], cursors={"people": 2}))
    writer.settle()
    assert sorted(syncs.live()) == ["0", "1", "2"]


def test_a_row_that_cannot_be_written_is_raised_by_the_next_call_and_nothing_of_its_batch_is_stored(
    syncs: Syncs, tmp_path: Path
) -> None:
    writer = _begun(syncs, first=True)
    with closing(sqlite3.connect(tmp_path / "mkt.db")) as other:
        other.execute(
            "create trigger refuse before insert on integration_records when new.external_id = '2'"
            " begin select raise(abort, 'refused'); end"
        )
    writer.write(Batch(rows=[row("1"), row("2")], cursors={"people": 1}))
    with pytest.raises(sqlite3.IntegrityError, match="refused"):
        writer.changes()
    assert syncs.live() == {"0": "x"}
    assert syncs.open().cursor("people") == 0
