"""Deliveries into the ledger before they are answered: those that come together share one commit."""

import threading
from dataclasses import dataclass, field

from mkt.engine.isolation import attempt
from mkt.store.base import Store
from mkt.store.deliveries import Delivery


@dataclass(slots=True)
class _Waiting:
    """One delivery and what became of it; `turn` is free when that is known, or when it is this one's turn."""

    delivery: Delivery
    came_of_it: Delivery | Exception | None = None
    turn: threading.Lock = field(default_factory=threading.Lock)


class Acceptance:
    """Whoever comes while nobody commits does it for all who wait, then passes the turn on to one who came meanwhile.

    So a wait for the disk is shared by all who come during the one before.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._committing = False
        self._waiting: list[_Waiting] = []

    def add(self, delivery: Delivery) -> Delivery:
        """Return what became of it when it is on the disk; raise what the store raised."""
        mine = _Waiting(delivery)
        mine.turn.acquire()
        with self._lock:
            self._waiting.append(mine)
            first = not self._committing
            self._committing = True
        if not first:
            mine.turn.acquire()
        if mine.came_of_it is None:
            self._commit(mine)
        if isinstance(mine.came_of_it, Delivery):
            return mine.came_of_it
        assert mine.came_of_it is not None  # noqa: S101 - it was in the group that was committed
        raise mine.came_of_it

    def _commit(self, mine: _Waiting) -> None:
        with self._lock:
            group, self._waiting = self._waiting, []
        stored = attempt(lambda: self._store.add_deliveries([each.delivery for each in group]))
        for number, each in enumerate(group):
            each.came_of_it = stored if isinstance(stored, Exception) else stored[number]
            if each is not mine:
                each.turn.release()
        with self._lock:
            if self._waiting:
                self._waiting[0].turn.release()
            else:
                self._committing = False
