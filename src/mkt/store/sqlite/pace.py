"""What was spent of the partners' budgets, for all processes of this host.

It stands in a file of its own, so that a request waits for no promotion and delays none. A window is counted in
slots; the newest are kept, each with how many requests it has. They are times of the monotonic clock, which nobody
sets; what is ahead of any that could be, as after a reboot, is forgotten. A hold is the partner's own time and so one
of the day's clock: it counts from when it was set, so a clock that was set back ends it.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import orjson

from mkt.contract import RateLimit
from mkt.errors import StoreError
from mkt.runtime.budgets import Budget, Place, tenant_digest
from mkt.store.sqlite.connection import Database

_SLOTS: Final = 32
"""Of a window. A request counts until the end of its slot is a whole window ago: about 3 % longer than it must."""
_FURTHEST: Final = 120.0
"""Nobody waits for a place that is so many seconds ahead."""
_BACKWARDS: Final = timedelta(seconds=5)
"""So much the day's clock may be set back, as NTP does, without ending a hold."""
_TABLES: Final = (
    """create table if not exists budgets (
        per text not null,
        name text not null,
        seconds real not null,
        slots text not null,
        ends real not null,
        primary key (per, name, seconds)
    ) strict, without rowid""",
    """create table if not exists holds (
        per text not null,
        name text not null,
        set_at real not null,
        until real not null,
        primary key (per, name)
    ) strict, without rowid""",
)
_FORGET_BUDGETS: Final = "delete from budgets where ends < :now or ends > :now + 1.1 * seconds + :furthest"
_FORGET_HOLDS: Final = "delete from holds where until <= ?"
_SLOTS_OF: Final = "select slots from budgets where per = ? and name = ? and seconds = ?"
_KEEP_SLOTS: Final = "insert or replace into budgets (per, name, seconds, slots, ends) values (?, ?, ?, ?, ?)"
_HELD: Final = "select set_at, until from holds where per = ? and name = ?"
_HOLD: Final = "insert or replace into holds (per, name, set_at, until) values (?, ?, ?, ?)"
_PURGE: Final = tuple(
    f"delete from {table} where per = 'tenant' and substr(name, 1, length(:begin)) = :begin"  # noqa: S608 - constants of this file
    for table in ("budgets", "holds")
)

Slots = dict[int, int]
"""Requests by slot: the slot's number is its time, in widths of a slot."""


def find_place(spent: Slots, rate: RateLimit, now: float, *, most: int, patience: float) -> tuple[int, Place]:
    """Return the first slot that has a place, not before one that is spent already, and what may be taken of it."""
    width = rate.seconds / _SLOTS
    slot = max([int(now // width), *spent])
    while True:
        within = {earlier: count for earlier, count in spent.items() if earlier >= slot - _SLOTS}
        free = rate.requests - sum(within.values())
        if free > 0:
            break
        slot = min(within) + _SLOTS + 1
    opens = max(now, slot * width)
    if opens - now > patience:
        return slot, Place(0, opens - now)
    return slot, Place(min(free, most), opens - now, (slot + 1) * width - opens)


class SqliteBudgets:
    """The file beside the store. It is made when the first place is asked for."""

    def __init__(
        self, store: Path, now: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._file = Database(store.with_name(f"{store.name}.pace"))
        self._now = now
        self._monotonic = monotonic
        self._preparing = threading.Lock()
        self._ready = False

    def reserve(self, budget: Budget, rate: RateLimit, *, most: int, patience: float) -> Place:
        self._prepare()
        with self._file.write() as connection:
            hold = self._left(connection.execute(_HELD, budget).fetchone())
            if hold:
                return Place(0, hold, held=True)
            now, width = self._monotonic(), rate.seconds / _SLOTS
            row = connection.execute(_SLOTS_OF, (*budget, rate.seconds)).fetchone()
            spent = _possible(dict(orjson.loads(row[0])) if row else {}, now, width)
            slot, place = find_place(spent, rate, now, most=most, patience=patience)
            if place.requests:
                spent[slot] = spent.get(slot, 0) + place.requests
                ends = (slot + _SLOTS + 1) * width
                kept = orjson.dumps(list(spent.items())).decode()
                connection.execute(_KEEP_SLOTS, (*budget, rate.seconds, kept, ends))
            return place

    def held(self, budget: Budget) -> float:
        self._prepare()
        with self._file.read() as connection:
            return self._left(connection.execute(_HELD, budget).fetchone())

    def hold(self, budget: Budget, until: datetime) -> None:
        """Of two holds at once the longer one stays: both were answers to requests that were on their way."""
        self._prepare()
        now = self._now()
        with self._file.write() as connection:
            left = self._left(connection.execute(_HELD, budget).fetchone())
            last = max(until, now + timedelta(seconds=left))
            connection.execute(_HOLD, (*budget, now.timestamp(), last.timestamp()))

    def purge(self, tenant: str) -> None:
        """Forget the budgets of a tenant."""
        if not self._file.path.exists():
            return
        self._prepare()
        with self._file.write() as connection:
            for statement in _PURGE:
                connection.execute(statement, {"begin": tenant_digest(tenant)})

    def close(self) -> None:
        self._file.close()

    def _left(self, hold: tuple[float, float] | None) -> float:
        """Return how many seconds are left of a hold, 0 where it is over or of a clock that was set back since."""
        now = self._now().timestamp()
        if hold is None or now < hold[0] - _BACKWARDS.total_seconds():
            return 0
        return max(0.0, hold[1] - now)

    def _prepare(self) -> None:
        """Make the file the first time, and forget what is over: so it does not grow."""
        with self._preparing:
            if self._ready:
                return
            with _local_faults(self._file.path):
                os.close(os.open(self._file.path, os.O_RDWR | os.O_CREAT, 0o600))
            self._file.make_wal()
            with self._file.write() as connection:
                for table in _TABLES:
                    connection.execute(table)
                connection.execute(_FORGET_BUDGETS, {"now": self._monotonic(), "furthest": _FURTHEST})
                connection.execute(_FORGET_HOLDS, (self._now().timestamp(),))
            self._ready = True


def _possible(spent: Slots, now: float, width: float) -> Slots:
    """Return what still counts; nothing where a slot is so far ahead that it is of another clock."""
    if spent and max(spent) * width > now + _FURTHEST + width:
        return {}
    return {slot: count for slot, count in spent.items() if slot >= now // width - _SLOTS}


@contextmanager
def _local_faults(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"the budgets in {path} cannot be used: {error.strerror}",
            remedy="Give the user that runs mkt the right to write that folder, and space on its disk.",
            code="local.store",
        ) from error
