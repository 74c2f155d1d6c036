"""Keeps the messages that this worker has in its hands from going to another one."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

from mkt.engine.isolation import attempt
from mkt.store.queue import Message, Queue

KEPT_SECONDS: Final = 60.0
"""So long after its last heartbeat a message is another worker's: by then the dead one's lease has expired."""


class Hands:
    """A context manager: one thread keeps every message that is held. `failed` is told what went wrong."""

    def __init__(self, queue: Queue, failed: Callable[[Exception], None], *, seconds: float = KEPT_SECONDS) -> None:
        self._queue = queue
        self._failed = failed
        self._seconds = seconds
        self._held: set[Message] = set()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="mkt-messages", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()

    def take(self) -> Message | None:
        """Read one message from the queue."""
        found = self._queue.read(1, self._seconds)
        return found[0] if found else None

    @contextmanager
    def holding(self, message: Message) -> Iterator[None]:
        """Keep the message until the block ends."""
        with self._lock:
            self._held.add(message)
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(message)

    def _beat(self) -> None:
        while not self._ended.wait(self._seconds / 3):
            with self._lock:
                held = set(self._held)
            if held:
                # What cannot be kept comes to another worker, who finds it taken or done.
                error = attempt(lambda held=held: self._queue.extend(held, self._seconds))  # type: ignore[misc]
                if error is not None:
                    self._failed(error)
