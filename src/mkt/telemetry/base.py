"""One event goes to every sink; a failing sink never fails a run."""

import sys
import threading
from collections.abc import Sequence
from typing import Protocol

from mkt.contract import ConnectorEvent


class Sink(Protocol):
    """Takes events from any thread, one at a time."""

    def __call__(self, event: ConnectorEvent) -> None: ...

    def close(self) -> None:
        """Write what is still buffered."""
        ...


class Telemetry:
    """Sends each event to every sink, in order of arrival."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = list(sinks)
        self._lock = threading.Lock()

    def emit(self, event: ConnectorEvent) -> None:
        with self._lock:
            for sink in list(self._sinks):
                self._try(sink, event)

    def close(self) -> None:
        with self._lock:
            for sink in list(self._sinks):
                self._try(sink, None)
            self._sinks = []

    def _try(self, sink: Sink, event: ConnectorEvent | None) -> None:
        try:
            if event is None:
                sink.close()
            else:
                sink(event)
        except Exception as error:  # noqa: BLE001 - isolates a sink from the run
            self._sinks.remove(sink)
            print(f"mkt: {type(sink).__name__} failed and was left out: {error}", file=sys.stderr)  # noqa: T201
