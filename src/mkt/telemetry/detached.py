"""A sink whose writing nobody waits for: a reader of our output that has stopped to read must not stop the server."""

import threading
from collections import deque
from typing import Final

from mkt.contract import ConnectorEvent
from mkt.telemetry.base import Sink

MOST: Final = 10_000
_CLOSING_SECONDS: Final = 2.0


class DetachedSink:
    """Passes events on in a thread of its own. While too many wait, the oldest are left out: the store has them."""

    def __init__(self, sink: Sink, *, most: int = MOST) -> None:
        self._sink = sink
        self._waiting: deque[ConnectorEvent] = deque(maxlen=most)
        self._changed = threading.Condition()
        self._closed = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._write, name="mkt-events", daemon=True)
        self._thread.start()

    def __str__(self) -> str:
        return str(self._sink)

    def __call__(self, event: ConnectorEvent) -> None:
        """Raise what the sink raised, so that `Telemetry` leaves it out."""
        with self._changed:
            if self._error is not None:
                raise self._error
            self._waiting.append(event)
            self._changed.notify()

    def close(self) -> None:
        """Write what waits, unless nobody reads it."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(_CLOSING_SECONDS)

    def _write(self) -> None:
        while (event := self._next()) is not None:
            try:
                self._sink(event)
            except (OSError, ValueError) as error:
                self._error = error
                return
        self._sink.close()

    def _next(self) -> ConnectorEvent | None:
        with self._changed:
            while not (self._waiting or self._closed):
                self._changed.wait()
            return self._waiting.popleft() if self._waiting else None
