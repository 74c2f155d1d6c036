"""One event goes to every sink; a failing sink never fails a run."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol, runtime_checkable

from mkt.contract import ConnectorEvent
from mkt.telemetry.notices import notice

REST_SECONDS: Final = 60.0
"""So long a sink that has failed gets no events: a full disk is not full for ever, and a server runs for months."""


class Sink(Protocol):
    """Takes events from any thread, one at a time. Its `str` is what a person calls it."""

    def __call__(self, event: ConnectorEvent) -> None: ...

    def close(self) -> None:
        """Write what is still buffered."""
        ...


@runtime_checkable
class Expecting(Protocol):
    """A sink that shows how much is still to come."""

    def expect(self, runs: int) -> None:
        """Take in that so many more runs begin now."""
        ...


class Telemetry:
    """Sends each event to every sink, in order of arrival."""

    def __init__(self, sinks: Sequence[Sink], *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._sinks = list(sinks)
        self._monotonic = monotonic
        self._resting: dict[int, float] = {}
        self._lock = threading.Lock()

    def emit(self, event: ConnectorEvent) -> None:
        with self._lock:
            for sink in self._sinks:
                if not self._rests(sink):
                    self._try(sink, event)

    def expect(self, runs: int) -> None:
        """Tell whoever counts how many more runs begin now."""
        with self._lock:
            for sink in self._sinks:
                if isinstance(sink, Expecting):
                    sink.expect(runs)

    def close(self) -> None:
        with self._lock:
            for sink in self._sinks:
                self._try(sink, None)
            self._sinks = []

    def _rests(self, sink: Sink) -> bool:
        return self._resting.get(id(sink), 0.0) > self._monotonic()

    def _try(self, sink: Sink, event: ConnectorEvent | None) -> None:
        try:
            if event is None:
                sink.close()
            else:
                sink(event)
        except Exception as error:  # noqa: BLE001 - isolates a sink from the run
            if self._rests(sink):
                return  # it was said
            self._resting[id(sink)] = self._monotonic() + REST_SECONDS
            notice(f"{sink} gets no events for {REST_SECONDS:.0f} s: {error}")
