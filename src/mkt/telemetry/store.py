"""Events into the store: what `mkt events` shows later."""

import sys
import threading
from typing import Final, Protocol, runtime_checkable

from mkt.contract import ConnectorEvent
from mkt.errors import StoreError
from mkt.store.base import Store

FULL: Final = 500
SECONDS: Final = 1.0


@runtime_checkable
class Postponing(Protocol):
    """A store that keeps events elsewhere while it cannot be reached, and has a word on it for the operator."""

    def take_word(self) -> str: ...


class StoreSink:
    """Writes events in batches: when `FULL` have come together, when the first has waited a second, at close.

    The store's error is raised where the next event comes in, so that `Telemetry` sees it.
    """

    def __init__(self, store: Store, *, seconds: float = SECONDS) -> None:
        self._store = store
        self._seconds = seconds
        self._lock = threading.Lock()
        self._waiting: list[ConnectorEvent] = []
        self._timer: threading.Timer | None = None
        self._error: StoreError | None = None

    def __str__(self) -> str:
        return "the store (what `mkt events` shows)"

    def __call__(self, event: ConnectorEvent) -> None:
        with self._lock:
            error, self._error = self._error, None
            if error:
                raise error
            self._waiting.append(event)
            if len(self._waiting) >= FULL:
                self._write()
            elif self._timer is None:
                self._timer = threading.Timer(self._seconds, self._when_late)
                self._timer.daemon = True
                self._timer.start()

    def close(self) -> None:
        with self._lock:
            self._write()

    def _when_late(self) -> None:
        with self._lock:
            try:
                self._write()
            except StoreError as error:
                self._error = error

    def _write(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._store.add_events(waiting)
            self._pass_on()

    def _pass_on(self) -> None:
        word = self._store.take_word() if isinstance(self._store, Postponing) else ""
        if word:
            print(f"mkt: {word}", file=sys.stderr)  # noqa: T201 - no event: those are what cannot be stored
