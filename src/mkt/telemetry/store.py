"""Events into the store: what `mkt events` shows later."""

import threading
from typing import Final, Protocol, runtime_checkable

from mkt.contract import ConnectorEvent
from mkt.errors import StoreError
from mkt.store.base import Store
from mkt.telemetry.notices import notice

FULL: Final = 500
MOST: Final = 20 * FULL
"""So many events may wait while a store does not answer; who emits more than that waits with them."""
SECONDS: Final = 1.0


@runtime_checkable
class Postponing(Protocol):
    """A store that keeps events elsewhere while it cannot be reached, and has a word on it for the operator."""

    def take_word(self) -> str: ...


class StoreSink:
    """Writes events in batches: when `FULL` have come together, when the first has waited a second, at close.

    A thread of its own writes, one batch after the other: a store that does not answer keeps no run waiting. The
    store's error is raised where the next event comes in, so that `Telemetry` sees it.
    """

    def __init__(self, store: Store, *, seconds: float = SECONDS) -> None:
        self._store = store
        self._seconds = seconds
        self._changed = threading.Condition()
        self._waiting: list[ConnectorEvent] = []
        self._thread: threading.Thread | None = None
        self._closing = False
        self._error: StoreError | None = None
        self._told = False
        """Whether an error was raised since the last event came in: what fails of the same is no news."""

    def __str__(self) -> str:
        return "the store (what `mkt events` shows)"

    def __call__(self, event: ConnectorEvent) -> None:
        with self._changed:
            self._raise_error()
            while len(self._waiting) >= MOST and self._thread:
                self._changed.wait()
            self._waiting.append(event)
            self._told = False
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_all, name="mkt-stored-events", daemon=True)
                self._thread.start()
            elif len(self._waiting) in (1, FULL):
                self._changed.notify_all()

    def close(self) -> None:
        """Return when everything is written."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            thread = self._thread
        if thread:
            thread.join()
        self._write_all()  # what is left where a bug of ours has ended it
        self._raise_error()

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error:
            self._told = True
            raise error

    def _write_all(self) -> None:
        try:
            while batch := self._next():
                self._write(batch)
        finally:
            with self._changed:  # also a bug of ours ends it: the next event begins another
                self._thread = None
                self._changed.notify_all()

    def _next(self) -> list[ConnectorEvent]:
        """Wait for a batch; an empty one is the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            self._changed.wait_for(lambda: len(self._waiting) >= FULL or self._closing, self._seconds)
            batch, self._waiting = self._waiting[:FULL], self._waiting[FULL:]
            self._changed.notify_all()
        return batch

    def _write(self, batch: list[ConnectorEvent]) -> None:
        try:
            self._store.add_events(batch)
        except StoreError as error:
            with self._changed:
                self._error = None if self._told else error
        self._pass_on()

    def _pass_on(self) -> None:
        word = self._store.take_word() if isinstance(self._store, Postponing) else ""
        if word:
            notice(word)  # no event: those are what cannot be stored
