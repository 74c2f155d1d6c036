"""Nobody waits for a detached sink."""

import threading
from datetime import UTC, datetime

import pytest

from mkt.contract import ConnectorEvent
from mkt.telemetry.detached import DetachedSink


def event(message: str) -> ConnectorEvent:
    return ConnectorEvent(event="connector.message", message=message, timestamp=datetime(2026, 11, 22, tzinfo=UTC))


class Slow:
    """A sink that waits until it may write."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.began, self.may = threading.Event(), threading.Event()

    def __call__(self, given: ConnectorEvent) -> None:
        self.began.set()
        self.may.wait(20)
        self.written.append(given.message)

    def close(self) -> None:
        self.written.append("closed")


def test_events_are_written_in_order_and_all_of_them_before_the_end() -> None:
    slow = Slow()
    slow.may.set()
    sink = DetachedSink(slow)
    for number in range(100):
        sink(event(str(number)))
    sink.close()
    assert slow.written == [*map(str, range(100)), "closed"]


def test_a_sink_that_is_stuck_holds_up_nobody_and_loses_the_oldest() -> None:
    slow = Slow()
    sink = DetachedSink(slow, most=3)
    sink(event("stuck"))
    assert slow.began.wait(20)
    for number in range(10):
        sink(event(str(number)))
    slow.may.set()
    sink.close()
    assert slow.written == ["stuck", "7", "8", "9", "closed"]


def test_what_the_sink_raises_is_raised_at_the_next_event() -> None:
    class Full(Slow):
        def __call__(self, given: ConnectorEvent) -> None:
            del given
            self.began.set()
            raise OSError("no space")

    full = Full()
    sink = DetachedSink(full)
    sink(event("1"))
    assert full.began.wait(20)
    sink._thread.join(20)
    with pytest.raises(OSError, match="no space"):
        sink(event("2"))
    sink.close()
