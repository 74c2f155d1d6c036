"""What the direct and the staged writer have in common: the run's header, its cursors, its transaction."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from mkt.contract import Json, Stream
from mkt.errors import LeaseLost
from mkt.store.base import Batch, ChangedRecord, Hold, Lease, StreamChanges
from mkt.store.pipeline import Pipeline
from mkt.store.sqlite import memory
from mkt.store.sqlite.columns import stamp
from mkt.store.sqlite.connection import Database, Execute
from mkt.store.sqlite.headers import Header
from mkt.store.sqlite.leases import HOLDS

_TOUCH: Final = f"""
    update integration_staging_runs set touched_at = ? where staging = ? and run_id = ? and {HOLDS}"""  # noqa: S608 - constants of this house


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What `open_sync` found out: the run's header and where its streams start.

    `known` tells that the integration had records before the run; `first_seq` is the first one it can write.
    """

    lease: Lease
    header: Header
    run_id: str
    fingerprint: str
    resumed: bool
    windowed: bool
    dry_run: bool
    sources: Mapping[Stream, int]
    cursors: Mapping[Stream, Json]
    known: bool = False
    first_seq: int = 0
    live: Mapping[Stream, int] = field(default_factory=dict)

    @property
    def staging(self) -> int:
        return self.header.staging


class Writer(ABC):
    """One run's way into the store; `direct.py` and `staged.py` say what a batch does.

    A batch is committed while the run reads on. Whatever else is asked waits for it, and raises what became of it.
    """

    direct: bool
    batches_at_once = 1

    def __init__(self, database: Database, opened: Opened, now: Callable[[], datetime]) -> None:
        self._database = database
        self._run = opened
        self._now = now
        self._cursors = dict(opened.cursors)
        self._last: Mapping[Stream, Json] = {}
        self._pipeline = Pipeline()

    @property
    def resumed(self) -> bool:
        return self._run.resumed

    def cursor(self, stream: Stream) -> Json:
        self.settle()
        return self._cursors.get(stream)

    def write(self, batch: Batch) -> None:
        with self._database.write_behind(self._pipeline) as (connection, later):
            self._check(connection)
            self._put(connection, batch, later)
        self._note(batch)

    def settle(self) -> None:
        self._pipeline.settle()

    def end(self, cursors: Mapping[Stream, Json], rest: Batch | None = None) -> None:
        if rest is not None:
            self.write(rest)
        self._end(cursors)

    def _end(self, cursors: Mapping[Stream, Json]) -> None:
        if not self._run.windowed:
            self._last = cursors
            self._cursors.update(cursors)

    @abstractmethod
    def changes(self) -> dict[Stream, StreamChanges]: ...
    @abstractmethod
    def preview(self, limit: int) -> dict[Stream, list[ChangedRecord]]: ...
    @abstractmethod
    def promote(self, as_of: datetime) -> dict[Stream, StreamChanges]: ...
    @abstractmethod
    def hold(self, *, connector: str, reasons: Sequence[str], as_of: datetime) -> Hold: ...
    @abstractmethod
    def discard(self) -> None: ...
    @abstractmethod
    def _store(self, connection: sqlite3.Connection, batch: Batch, put: Execute) -> None:
        """Put the batch's rows into their tables; `put` does what takes long and nothing of this step asks for."""

    def _put(self, connection: sqlite3.Connection, batch: Batch, put: Execute) -> None:
        """Put all of the batch into its tables."""
        self._store(connection, batch, put)
        if batch.memory and not self._run.dry_run:
            memory.put(connection, self._run.lease.key, batch.memory, self._now())

    def _note(self, batch: Batch) -> None:
        """Note what was put: where it is not committed in the end, neither is anything that comes after it."""
        if not self._run.windowed:
            self._cursors.update(batch.cursors)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Begin a write that only the lease's holder may do, and only while the run has its staging."""
        with self._database.write() as connection:
            self._check(connection)
            yield connection

    def _check(self, connection: sqlite3.Connection) -> None:
        lease = self._run.lease
        header = (stamp(self._now()), self._run.staging, self._run.run_id, *lease.key, lease.epoch)
        if connection.execute(_TOUCH, header).rowcount != 1:
            raise LeaseLost("/".join(lease.key))
