"""Gathers a connector's changes into batches and commits them with the cursors that they belong to."""

import time
from collections import Counter
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Final

from mkt.contract import Change, Checkpoint, Complete, Json, PartnerError, Record, Stream
from mkt.engine.base import Engine
from mkt.engine.call import StoredProgress
from mkt.engine.sync.endless import Pages
from mkt.engine.sync.records import Encoder, check_scope
from mkt.store.base import Batch, Key, Store, SyncWriter

BATCH_ROWS: Final = 1000
MAX_ROWS: Final = 4000
"""Committed without a checkpoint: a connector that never yields one must not fill the memory."""
BATCH_SECONDS: Final = 2.0
MAX_INVALID_PERCENT: Final = 1


class UndeclaredStreamError(Exception):
    """A connector yielded a change of a stream that it was not asked for: a bug in the connector."""


class Collector:
    """Takes the changes of one run in the order in which they are yielded."""

    def __init__(self, writer: SyncWriter, streams: AbstractSet[Stream]) -> None:
        self.encoder = Encoder()
        self._writer = writer
        self._enough = BATCH_ROWS * writer.batches_at_once
        self._most = MAX_ROWS * writer.batches_at_once
        self._streams = streams
        self.completed: set[Stream] = set()
        self.moved = False
        """Whether anything was committed."""
        self._batch = Batch()
        self._pages = Pages()
        self._page_starts = 0
        self._full = False
        self._counted: Counter[Stream] = Counter()
        self._committed = time.monotonic()

    def add(self, change: Change) -> None:
        """Take one change; commit where a checkpoint has made a batch full, unless it was the last of all."""
        if change.stream not in self._streams:
            raise UndeclaredStreamError(change.stream)
        if self._full and not isinstance(change, Checkpoint):
            self._write()
        batch = self._batch
        if isinstance(change, Record):
            row = self.encoder.row(change)
            if row is not None:
                batch.rows.append(row)
                if len(batch.rows) >= self._most:
                    self._write()
        elif isinstance(change, Checkpoint):
            self._pages.note(batch.rows[self._page_starts :])
            self._page_starts = len(batch.rows)
            batch.cursors[change.stream] = change.cursor
            self._full = len(batch.rows) >= self._enough or time.monotonic() - self._committed > BATCH_SECONDS
        elif isinstance(change, Complete):
            check_scope(change)
            batch.completes.append(change)
            self.completed.add(change.stream)
        else:
            row = self.encoder.gone(change)
            batch.rows += [] if row is None else [row]

    def remember(self, name: str, value: Json, expires_at: datetime | None) -> None:
        """Keep a `context.state` value for the next commit."""
        self._batch.memory.append((name, value, expires_at))

    def flush(self) -> None:
        """Commit what is gathered, and return when it is."""
        self._write()
        self._writer.settle()

    def _write(self) -> None:
        batch = self._gathered()
        self._writer.write(batch)
        self._page_starts, self._full = 0, False
        self.moved = self.moved or bool(batch.rows or batch.cursors)
        self._committed = time.monotonic()

    def end(self) -> None:
        """Hand over the rest, and leave the last cursors to what applies it."""
        cursors, self._batch.cursors = self._batch.cursors, {}
        batch = self._gathered()
        self._writer.end(cursors, batch)
        self.moved = self.moved or bool(batch.rows)

    def _gathered(self) -> Batch:
        batch, self._batch = self._batch, Batch()
        batch.invalid = dict(self.encoder.invalid - self._counted)
        self._counted = Counter(self.encoder.invalid)
        return batch

    def check_quality(self) -> None:
        """Raise `PartnerError` where more than 1 % of the records that the run saw had to be left out."""
        listed, invalid = self.encoder.listed.total(), self.encoder.invalid.total()
        if invalid * 100 > MAX_INVALID_PERCENT * listed:
            places = "; ".join(
                f"{stream} {place}" for stream, places in self.encoder.places.items() for place in places
            )
            raise PartnerError(
                f"{invalid} of {listed} records are not usable: {places}",
                remedy="Ask the partner, or whoever configured the report, to mend them; nothing was changed.",
                code="partner.bad_records",
            )


class RunState:
    """`context.state` of a sync: what is put is committed together with the next checkpoint, in a dry run nothing."""

    def __init__(self, engine: Engine, key: Key, collector: Collector, *, dry_run: bool = False) -> None:
        self._engine = engine
        self._key = key
        self._collector = collector
        self._dry_run = dry_run
        self._put: dict[str, Json] = {}

    def get(self, key: str) -> Json:
        if key in self._put:
            return self._put[key]
        return self._engine.store.memory_get(self._key, key, self._engine.now())

    def put(self, key: str, value: Json, *, ttl: timedelta | None = None) -> None:
        self._put[key] = value
        self._collector.remember(key, value, None if ttl is None else self._engine.now() + ttl)

    def take(self, key: str) -> Json:
        if self._dry_run:
            taken, self._put[key] = self.get(key), None
            return taken
        if key in self._put:
            self._collector.flush()
            del self._put[key]
        return self._engine.store.memory_take(self._key, key, self._engine.now())


class RunProgress(StoredProgress):
    """What the run starts from: the writer's cursors, the store's records."""

    def __init__(self, store: Store, key: Key, writer: SyncWriter) -> None:
        super().__init__(store, key)
        self._writer = writer

    def cursor(self, stream: Stream) -> Json:
        return self._writer.cursor(stream)
