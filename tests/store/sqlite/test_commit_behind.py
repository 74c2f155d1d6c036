"""A batch is committed while the run reads on."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.store.conftest import KEY, Clock, Syncs, row

from mkt.store.base import Batch, SyncWriter
from mkt.store.sqlite import SqliteStore
from mkt.store.sqlite.connection import Database

SECONDS = 30


class Gate:
    """Keeps the commits that threads do until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self._opened = threading.Event(), threading.Event()
        commit = Database._commit

        def wait(database: Database, connection: object, held: ExitStack) -> None:
            self.reached.set()
            assert self._opened.wait(SECONDS)
            commit(database, connection, held)  # type: ignore[arg-type]

        monkeypatch.setattr(Database, "_commit", wait)

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


EACH: dict[str, Callable[[SyncWriter], object]] = {
    "cursor": lambda writer: writer.cursor("people"),
    "changes": lambda writer: writer.changes(),
    "preview": lambda writer: writer.preview(5),
    "hold": lambda writer: writer.hold(connector="scripted", reasons=["much"], as_of=Clock().now()),
    "promote": lambda writer: writer.promote(Clock().now()),
    "discard": lambda writer: writer.discard(),
    "write": lambda writer: writer.write(Batch(rows=[row("2")])),
}


@pytest.mark.parametrize("name", EACH)
def test_every_other_call_waits_for_what_is_on_its_way(
    syncs: Syncs, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    writer, gate = _begun(syncs, first=False), Gate(monkeypatch)
    writer.write(Batch(rows=[row("1")], cursors={"people": 1}))
    done = threading.Event()
    asking = threading.Thread(target=lambda: (EACH[name](writer), done.set()))
    asking.start()
    assert gate.reached.wait(SECONDS)
    assert not done.wait(0.05)
    gate.open()
    assert done.wait(SECONDS)
    asking.join()


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


def test_a_batch_is_not_left_to_a_thread_that_cannot_be_had(
    syncs: Syncs, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(thread: threading.Thread) -> None:
        del thread
        raise RuntimeError("can't start new thread")

    writer = _begun(syncs, first=True)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", none)
        with pytest.raises(RuntimeError, match="new thread"):
            writer.write(Batch(rows=[row("1")], cursors={"people": 1}))
    assert sorted(syncs.live()) == ["0"]
    writer.write(Batch(rows=[row("1")], cursors={"people": 1}))
    writer.settle()
    assert sorted(syncs.live()) == ["0", "1"]
    store.memory_put(KEY, "m", 1, None)
    assert store.memory_get(KEY, "m", syncs.clock.now()) == 1
