"""Events into the store, in batches."""

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mkt.contract import ConnectorEvent
from mkt.errors import StoreError
from mkt.store.base import EventQuery
from mkt.store.sqlite import SqliteStore
from mkt.telemetry import store as sink_file
from mkt.telemetry.base import Telemetry
from mkt.telemetry.store import FULL, StoreSink


class WatchedStore(SqliteStore):
    """A store that tells when events came in, and can be made to fail or to be silent."""

    came: threading.Event
    may: threading.Event
    error: Exception | None = None

    def add_events(self, events: Sequence[ConnectorEvent]) -> None:
        self.came.set()
        assert self.may.wait(20)
        if self.error:
            raise self.error
        super().add_events(events)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WatchedStore]:
    opened = WatchedStore.open(tmp_path / "mkt.db")
    assert isinstance(opened, WatchedStore)
    opened.came, opened.may = threading.Event(), threading.Event()
    opened.may.set()
    yield opened
    opened.close()


def _event(message: str = "x") -> ConnectorEvent:
    return ConnectorEvent(event="sync.completed", message=message, timestamp=datetime.now(UTC))


def _messages(store: SqliteStore) -> list[str]:
    return [event.message for event in store.events(EventQuery())]


def test_events_wait_until_the_sink_is_closed(store: WatchedStore) -> None:
    sink = StoreSink(store, seconds=3600)
    sink(_event("a"))
    sink(_event("b"))
    assert _messages(store) == []
    sink.close()
    assert _messages(store) == ["a", "b"]


def test_a_full_batch_is_written_at_once(store: WatchedStore) -> None:
    sink = StoreSink(store, seconds=3600)
    for _ in range(FULL):
        sink(_event())
    assert store.came.wait(timeout=10)
    sink.close()
    assert len(_messages(store)) == FULL


def test_a_lone_event_is_written_when_it_has_waited_long_enough(store: WatchedStore) -> None:
    sink = StoreSink(store, seconds=0.01)
    sink(_event("lone"))
    assert store.came.wait(timeout=10)
    sink.close()
    assert _messages(store) == ["lone"]


def test_a_store_that_fails_does_not_fail_the_run(store: WatchedStore, capsys: pytest.CaptureFixture[str]) -> None:
    store.error = StoreError("the disk is full")
    telemetry = Telemetry([StoreSink(store, seconds=0.01)])
    telemetry.emit(_event())
    assert store.came.wait(timeout=10)
    telemetry.emit(_event())
    telemetry.close()
    assert (
        "mkt: the store (what `mkt events` shows) gets no events for 60 s: the disk is full"
        in capsys.readouterr().err
    )


def test_who_emits_does_not_wait_for_a_store_that_is_silent(store: WatchedStore) -> None:
    store.may.clear()
    sink = StoreSink(store, seconds=0.01)
    sink(_event("0"))
    assert store.came.wait(timeout=10)
    for number in range(1, 3 * FULL):
        sink(_event(str(number)))
    store.may.set()
    sink.close()
    assert _messages(store) == [str(number) for number in range(3 * FULL)]


def test_events_of_many_threads_are_all_written_each_thread_in_its_order(store: WatchedStore) -> None:
    sink = StoreSink(store, seconds=0.001)

    def emit(who: str) -> None:
        for number in range(2 * FULL):
            sink(_event(f"{who}{number}"))

    threads = [threading.Thread(target=emit, args=(who,)) for who in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sink.close()
    written = _messages(store)
    for who in "abc":
        assert [each for each in written if each[0] == who] == [f"{who}{number}" for number in range(2 * FULL)]


def test_a_store_that_stays_silent_does_not_fill_the_memory(
    store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink_file, "MOST", 3)
    store.may.clear()
    sink = StoreSink(store, seconds=0.01)
    sink(_event("0"))
    assert store.came.wait(timeout=10)
    for number in range(1, 4):
        sink(_event(str(number)))
    more = threading.Thread(target=sink, args=(_event("4"),))
    more.start()
    more.join(0.1)
    assert more.is_alive()
    store.may.set()
    more.join(20)
    sink.close()
    assert _messages(store) == ["0", "1", "2", "3", "4"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_in_the_store_costs_the_batch_that_met_it_alone(store: WatchedStore) -> None:
    store.error = ZeroDivisionError("a bug")
    store.may.clear()
    sink = StoreSink(store, seconds=0.01)
    sink(_event("met it"))
    assert store.came.wait(timeout=10)
    sink(_event("waited"))
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "mkt-stored-events"]
    store.may.set()
    thread.join(20)
    store.error = None
    sink.close()
    assert _messages(store) == ["waited"]


def test_batches_that_fail_one_after_the_other_are_told_once(
    store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waited with the first does not silence the sink a second time, when the store may be well again."""
    turns = threading.Semaphore(0)

    def fail(_: Sequence[ConnectorEvent]) -> None:
        turns.acquire()
        raise StoreError("the disk is full", remedy="")

    monkeypatch.setattr(sink_file, "FULL", 1)
    monkeypatch.setattr(store, "add_events", fail)
    sink = StoreSink(store, seconds=0)
    sink(_event("first"))
    sink(_event("second"))
    turns.release()
    with sink._changed:
        assert sink._changed.wait_for(lambda: sink._error, 20)
    with pytest.raises(StoreError):
        sink(_event("third"))
    turns.release()
    sink.close()
