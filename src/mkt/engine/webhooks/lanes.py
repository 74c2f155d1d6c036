"""Deliveries that wait in memory to be handled: a lane for each integration, and no more than there is room for."""

import threading
from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from mkt.store.base import Key
from mkt.store.deliveries import Delivery

MOST: Final = 5000
MOST_BYTES: Final = 64_000_000
MOST_OF_ONE: Final = 1000
"""Deliveries in memory, all together and of one integration; the others wait in the ledger."""


class Lanes:
    """Deliveries that wait in memory, a lane for each integration. Who takes one has the lane until `done`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._lanes: dict[Key, deque[Delivery]] = {}
        self._ready: deque[Key] = deque()
        self._number = 0
        self._bytes = 0
        self._closed = False
        self._behind: dict[Key, int] = {}
        """Integrations of which some wait in the ledger, and how many went there."""
        self._storing: Counter[Key] = Counter()
        """Of these, how many are on the way there now."""

    @contextmanager
    def place(self, key: Key) -> Iterator[bool]:
        """Tell, while a delivery of the integration is being stored, whether it may wait here.

        It may not while an older one waits in the ledger: that one comes first.
        """
        with self._changed:
            room = not self._full() and key not in self._behind and len(self._lanes.get(key, ())) < MOST_OF_ONE
            if not room:
                self._behind[key] = self._behind.get(key, 0) + 1
                self._storing[key] += 1
        try:
            yield room
        finally:
            if not room:
                with self._changed:
                    self._storing[key] -= 1

    def behind(self, full: Collection[Key]) -> dict[Key, int]:
        """Return the integrations of which some wait in the ledger: all of it, but of those that are `full`."""
        with self._changed:
            known = self._behind.items()
            return {key: last for key, last in known if key not in full and not self._storing[key]}

    def catch_up(self, behind: Mapping[Key, int]) -> None:
        """Note that of these nothing waits in the ledger, unless something went there meanwhile."""
        with self._changed:
            for key, last in behind.items():
                if self._behind.get(key) == last:
                    del self._behind[key], self._storing[key]

    def full_ones(self) -> list[Key] | None:
        """Return the integrations that have no room here; None where there is none for any."""
        with self._changed:
            full = [key for key, lane in self._lanes.items() if len(lane) >= MOST_OF_ONE]
            return None if self._full() else full

    def _full(self) -> bool:
        return self._closed or self._number >= MOST or self._bytes >= MOST_BYTES

    def put(self, delivery: Delivery) -> None:
        with self._changed:
            lane = self._lanes.get(delivery.key)
            if lane is None:
                lane = self._lanes[delivery.key] = deque()
                self._ready.append(delivery.key)
                self._changed.notify()
            lane.append(delivery)
            self._number += 1
            self._bytes += len(delivery.body or b"")

    def take(self) -> Delivery | None:
        """Wait for a delivery; None when there will be no more."""
        with self._changed:
            while not (self._ready or self._closed):
                self._changed.wait()
            if self._closed:
                return None
            delivery = self._lanes[self._ready.popleft()].popleft()
            self._number -= 1
            self._bytes -= len(delivery.body or b"")
            return delivery

    def done(self, key: Key) -> None:
        """Give the lane back."""
        with self._changed:
            if self._lanes.get(key):
                self._ready.append(key)
                self._changed.notify()
            else:
                self._lanes.pop(key, None)

    def close(self) -> list[Delivery]:
        """Let nobody take any more, and return what is left."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            return [delivery for lane in self._lanes.values() for delivery in lane]
