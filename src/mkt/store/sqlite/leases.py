"""One run at a time for each integration.

Who holds a lease stands in a file beside the main one, so that heartbeats never wait for a long promotion. The
epoch stands in the main file, where every commit checks it: acquiring and releasing raise it, so what a lost or
abandoned run still tries to write is refused.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final

from mkt.errors import LeaseLost, StoreError
from mkt.store.base import LEASE_EXPIRY, Key, Lease
from mkt.store.holders import Holders
from mkt.store.sqlite.connection import Database

_NUMBER: Final = "#"
_LONG_WAIT: Final = LEASE_EXPIRY.total_seconds() / 3
_TABLE: Final = """
    create table if not exists leases (
        tenant_id text not null,
        integration text not null,
        holder text not null,
        renewed_at real not null,
        primary key (tenant_id, integration)
    ) strict, without rowid"""
_HELD: Final = "select holder, renewed_at from leases where tenant_id = ? and integration = ?"
_TAKE_FREE: Final = """
    insert into leases (tenant_id, integration, holder, renewed_at) values (?, ?, ?, ?)
    on conflict do nothing returning 1"""
_TAKE: Final = "insert or replace into leases (tenant_id, integration, holder, renewed_at) values (?, ?, ?, ?)"
_RENEW: Final = "update leases set renewed_at = ? where tenant_id = ? and integration = ? and holder = ?"
_DROP: Final = "delete from leases where tenant_id = ? and integration = ? and holder = ?"
# The first epoch is a time, in milliseconds, so that no lease from before a purge has the number of one after it.
_RAISE: Final = """
    insert into integration_leases (tenant_id, integration, epoch)
    values (?, ?, cast((julianday('now') - 2440587.5) * 86400000 as integer))
    on conflict (tenant_id, integration) do update set epoch = epoch + 1
    returning epoch"""
_END: Final = """
    update integration_leases set epoch = epoch + 1 where tenant_id = ? and integration = ? and epoch = ?"""
HOLDS: Final = """
    exists (select 1 from integration_leases where tenant_id = ? and integration = ? and epoch = ?)"""
"""As a condition, what `check_lease` finds out."""
_EPOCH: Final = "select epoch from integration_leases where tenant_id = ? and integration = ?"


def check_lease(connection: sqlite3.Connection, lease: Lease) -> None:
    """Raise `LeaseLost` when the epoch has moved on; inside the transaction that depends on it."""
    row = connection.execute(_EPOCH, lease.key).fetchone()
    if row is None or row[0] != lease.epoch:
        raise LeaseLost("/".join(lease.key))


def end_lease(connection: sqlite3.Connection, lease: Lease) -> None:
    """Let nothing more be committed under the lease; raise as `check_lease`."""
    if connection.execute(_END, (*lease.key, lease.epoch)).rowcount != 1:
        raise LeaseLost("/".join(lease.key))


class Leases:
    """This process's leases. The file is made when the first lease is asked for: reading needs none."""

    def __init__(self, main: Database, monotonic: Callable[[], float]) -> None:
        self._main = main
        self._monotonic = monotonic
        self._file = Database(main.path.with_name(f"{main.path.name}.leases"))
        self._holders = Holders(main.path.parent / "holders")
        self._preparing = threading.Lock()
        self._ready = False
        self._numbers = count()
        self._ended: set[Lease] = set()

    def acquire(self, key: Key) -> Lease | None:
        with self._local_faults():
            holder = f"{self._prepare()}{_NUMBER}{next(self._numbers)}"
            if not self._take(key, holder):
                return None
        taken = self._monotonic()
        try:
            ((epoch,),) = self._main.write_at_once(_RAISE, key)
        except BaseException:
            self._drop(Lease(key, holder, 0))
            raise
        lease = Lease(key, holder, epoch)
        if self._monotonic() - taken > _LONG_WAIT:  # for the main file: the 30 s begin now
            self.renew([lease])
        return lease

    def holder(self, key: Key) -> str:
        """Return whose the lease is."""
        with self._local_faults():
            self._prepare()
            with self._file.write() as connection:
                row = connection.execute(_HELD, key).fetchone()
            return self._holders.named(_process(row[0])) if row is not None and self._live(*row) else ""

    def renew(self, leases: Collection[Lease]) -> None:
        if not leases:
            return  # there may be no file yet
        now = self._monotonic()
        with self._file.write() as connection:
            connection.executemany(_RENEW, [(now, *lease.key, lease.holder) for lease in leases])

    def release(self, lease: Lease) -> None:
        try:
            if lease not in self._ended:
                self._main.write_at_once(_END, (*lease.key, lease.epoch))
        finally:
            self._ended.discard(lease)
            self._drop(lease)

    def ended(self, lease: Lease) -> None:
        """Note that `end_lease` was committed: to release it is then only to let others have it."""
        self._ended.add(lease)

    def close(self) -> None:
        self._file.close()
        self._holders.close()

    def _prepare(self) -> str:
        """Return this process's name; make the file the first time."""
        with self._preparing:
            if not self._ready:
                _make_private(self._file.path)
                self._file.make_wal()
                with self._file.write() as connection:
                    connection.execute(_TABLE)
                self._ready = True
            return self._holders.own()

    def _take(self, key: Key, holder: str) -> bool:
        if self._file.write_at_once(_TAKE_FREE, (*key, holder, self._monotonic())):
            return True
        with self._file.write() as connection:
            row = connection.execute(_HELD, key).fetchone()
            if row is not None and self._live(*row):
                return False
            connection.execute(_TAKE, (*key, holder, self._monotonic()))
            return True

    def _live(self, holder: str, renewed_at: float) -> bool:
        expired = self._monotonic() - renewed_at > LEASE_EXPIRY.total_seconds()
        return not expired and self._holders.alive(_process(holder))

    def _drop(self, lease: Lease) -> None:
        self._file.write_at_once(_DROP, (*lease.key, lease.holder))

    @contextmanager
    def _local_faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"the leases beside {self._main.path} cannot be used: {error.strerror}",
                remedy="Give the user that runs mkt the right to write that folder, and space on its disk.",
                code="local.store",
            ) from error


def _process(holder: str) -> str:
    """Return whose lease it is, without its number: each one has a name of its own."""
    return holder.partition(_NUMBER)[0]


def _make_private(path: Path) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
