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
from mkt.telemetry.base import Telemetry
from mkt.telemetry.store import FULL, StoreSink


class WatchedStore(SqliteStore):
    """A store that tells when events came in and can be made to fail."""

    came: threading.Event
    broken: bool = False

    def add_events(self, events: Sequence[ConnectorEvent]) -> None:
        self.came.set()
        if self.broken:
            raise StoreError("the disk is full")
        super().add_events(events)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WatchedStore]:
    opened = WatchedStore.open(tmp_path / "mkt.db")
    assert isinstance(opened, WatchedStore)
    opened.came = threading.Event()
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
    assert len(_messages(store)) == FULL
    sink.close()


def test_a_lone_event_is_written_when_it_has_waited_long_enough(store: WatchedStore) -> None:
    sink = StoreSink(store, seconds=0.01)
    sink(_event("lone"))
    assert store.came.wait(timeout=10)
    sink.close()
    assert _messages(store) == ["lone"]


def test_a_store_that_fails_does_not_fail_the_run(store: WatchedStore, capsys: pytest.CaptureFixture[str]) -> None:
    store.broken = True
    telemetry = Telemetry([StoreSink(store, seconds=0.01)])
    telemetry.emit(_event())
    assert store.came.wait(timeout=10)
    telemetry.emit(_event())
    telemetry.close()
    assert (
        "mkt: the store (what `mkt events` shows) gets no events for 60 s: the disk is full"
        in capsys.readouterr().err
    )
