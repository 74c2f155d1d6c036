"""Keeps the leases of this process alive while their runs go on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Final, Self

from mkt.errors import StoreError
from mkt.store.base import Lease, Store

EVERY_SECONDS: Final = 10.0
END_SECONDS: Final = 5.0
"""So long a beat that is on its way is waited for at the end: a store that is silent would take minutes."""


class Heartbeat:
    """A context manager: one thread renews every lease that is held."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: set[Lease] = set()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="mkt-heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(END_SECONDS)

    @contextmanager
    def holding(self, lease: Lease) -> Iterator[None]:
        """Renew the lease until the block ends, then give it back."""
        with self._lock:
            self._held.add(lease)
        try:
            yield
        finally:
            self.drop(lease)

    def drop(self, lease: Lease) -> None:
        """Give a lease back; later commits under it are refused. Doing it twice does no harm."""
        with self._lock:
            held = lease in self._held
            self._held.discard(lease)
        if held:
            with suppress(StoreError):  # a lease that cannot be given back expires
                self._store.release(lease)

    def _beat(self) -> None:
        while not self._ended.wait(EVERY_SECONDS):
            with self._lock:
                held = set(self._held)
            with suppress(StoreError):  # the epoch, not the heartbeat, is what keeps commits apart
                self._store.renew(held)
