"""The first load of an integration: rows are visible at once, absence deletes nothing."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Final, Literal

from mkt.contract import Json, Stream
from mkt.store.base import DIGEST_BYTES, Batch, ChangedRecord, Hold, Row, StreamChanges
from mkt.store.sqlite import documents, headers, numbers, sources, tombstones
from mkt.store.sqlite.columns import id_list, stamp
from mkt.store.sqlite.connection import Database, Execute
from mkt.store.sqlite.leases import check_lease
from mkt.store.sqlite.live import ChangeKind, Known, Part, change, known, parts
from mkt.store.sqlite.writer import Opened, Writer

_PUT: Final = """
    insert into integration_records
        (source, external_id, seq, hash, deleted, unscoped, first_seen_at, changed_at, document)
    select
        :source, value, :seq + key, substr(:digests, key * :width + 1, :width), 0,
        substr(:unscoped, key + 1, 1) = x'01', :now, :now, :document + key
    from json_each(:ids) where true
    on conflict (source, external_id) do update
    set seq = excluded.seq, hash = excluded.hash, deleted = 0, unscoped = max(unscoped, excluded.unscoped),
        changed_at = excluded.changed_at"""
_STAND_UNSCOPED: Final = "update integration_records set unscoped = 1 where source = ? and external_id = ?"
_STAND_IN: Final = """
    insert or ignore into integration_record_scopes (source, scope, external_id)
    select ?, ?, value from json_each(?)"""
_MEET: Final = "insert into integration_staging_seen (staging, source, scope, external_id) values (?, ?, '', ?)"
_MET: Final = """
    select external_id from integration_staging_seen
    where staging = ? and source = ? and scope = '' and external_id in (select value from json_each(?))"""

Standing = Literal["created", "updated", "unchanged", "deleted"]


def standing(*, before: bool, now: bool, written: bool) -> Standing | None:
    """Return how a record counts: live before the run or not, live now or not, written by the run or not."""
    if not now:
        return "deleted" if before else None
    if not before:
        return "created"
    return "updated" if written else "unchanged"


class DirectWriter(Writer):
    """Counts as it writes. A record counts once, by how it stands now against how it stood before the run."""

    direct = True

    def __init__(self, database: Database, opened: Opened, now: Callable[[], datetime]) -> None:
        super().__init__(database, opened, now)
        self._counts = {stream: StreamChanges(live=opened.live.get(stream, 0)) for stream in opened.sources}
        self._pending = self._counts
        self._rest = Batch()

    def write(self, batch: Batch) -> None:
        """Write the header of the very first load with its first batch: the next run goes on from there."""
        if self._run.staging:
            super().write(batch)
            return
        with self._transaction() as connection:
            staging = headers.add(connection, self._run.lease.key, self._run.run_id, self._run.header)
            self._put(connection, batch, connection.execute)
        self._run = replace(self._run, header=self._run.header._replace(staging=staging))
        self._note(batch)

    def end(self, cursors: Mapping[Stream, Json], rest: Batch | None = None) -> None:
        """Leave the rest to the transaction of `promote`: of a small integration it is all there is."""
        self.settle()
        self._rest = rest or Batch()
        self._end(cursors)

    def changes(self) -> dict[Stream, StreamChanges]:
        self.settle()
        return {
            stream: replace(counts, seen=counts.created + counts.updated + counts.unchanged)
            for stream, counts in self._counts.items()
        }

    def preview(self, limit: int) -> dict[Stream, list[ChangedRecord]]:
        """Return nothing: what a first load writes stands in the store already."""
        del limit
        self.settle()
        return {}

    def promote(self, as_of: datetime) -> dict[Stream, StreamChanges]:
        """Mark the streams finished, so that every later run is staged; a window is no whole load."""
        self.settle()
        with self._transaction() as connection:
            self._put(connection, self._rest, connection.execute)
            if not self._run.windowed:
                for stream, source in self._run.sources.items():
                    sources.finish(connection, source, self._cursors.get(stream), as_of, self._run.fingerprint)
            self._remove_header(connection)
        self._note(self._rest)
        return self.changes()

    def hold(self, *, connector: str, reasons: Sequence[str], as_of: datetime) -> Hold:
        del connector, reasons, as_of
        raise RuntimeError("a first load stands in the store already: there is nothing to hold")

    def discard(self) -> None:
        """Start again from None next time; the records written so far stay."""
        try:
            self.settle()
        finally:
            with self._transaction() as connection:
                if not self._run.windowed:
                    for source in self._run.sources.values():
                        sources.restart(connection, source, self._run.fingerprint)
                self._remove_header(connection)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if self._run.staging:
            with super()._transaction() as connection:
                yield connection
        else:
            with self._database.write() as connection:
                check_lease(connection, self._run.lease)
                yield connection

    def _remove_header(self, connection: sqlite3.Connection) -> None:
        if self._run.staging:
            headers.remove(connection, self._run.staging, direct=True)

    def _store(self, connection: sqlite3.Connection, batch: Batch, put: Execute) -> None:
        # The counts of a batch that is rolled back must not stay.
        self._pending = {stream: replace(counts) for stream, counts in self._counts.items()}
        for stream, part in parts(batch.rows).items():
            self._apply(connection, stream, part, put)
        for stream, cursor in batch.cursors.items():
            if not self._run.windowed:
                sources.move(connection, self._run.sources[stream], cursor)

    def _note(self, batch: Batch) -> None:
        super()._note(batch)
        for stream, number in batch.invalid.items():
            self._pending[stream].invalid += number
        for complete in batch.completes:
            self._pending[complete.stream].listed |= not self._run.windowed
        self._counts = self._pending

    def _apply(self, connection: sqlite3.Connection, stream: Stream, part: Part, put: Execute) -> None:
        source, now = self._run.sources[stream], stamp(self._now())
        before = known(connection, source, part.last)
        kinds = kinds_of(part, before)
        self._count(connection, stream, before, kinds)
        apply(connection, source, part, before=before, kinds=kinds, now=now, put=put)

    def _count(
        self,
        connection: sqlite3.Connection,
        stream: Stream,
        before: Mapping[str, Known],
        kinds: Mapping[str, ChangeKind],
    ) -> None:
        source, counts = self._run.sources[stream], self._pending[stream]
        counts.created += len(kinds.keys() - before.keys())
        met = self._met(connection, source, before)
        first = {key for key, was in before.items() if not was.deleted and not self._written(was) and key not in met}
        if first:
            connection.executemany(_MEET, [(self._run.staging, source, key) for key in first])
        for key, was in before.items():
            kind, before_run, written = kinds.get(key), key in first or key in met, self._written(was)
            if key not in first:
                _add(counts, standing(before=before_run, now=not was.deleted, written=written), -1)
            live = kind != "deleted" if kind else not was.deleted
            _add(counts, standing(before=before_run, now=live, written=written or kind is not None), 1)

    def _met(self, connection: sqlite3.Connection, source: int, before: Mapping[str, Known]) -> set[str]:
        """Return the ids that were live before this run and that it has met already."""
        if not before or not self._run.known:
            return set()
        rows = connection.execute(_MET, (self._run.staging, source, id_list(before)))
        return {row[0] for row in rows}

    def _written(self, was: Known) -> bool:
        return was.seq >= self._run.first_seq


def kinds_of(part: Part, before: Mapping[str, Known]) -> dict[str, ChangeKind]:
    """Return what each row does to its record; what changes nothing is left out."""
    if not (before or part.deleted):  # the usual batch of a first load
        return dict.fromkeys(part.last, "created")
    return {key: kind for key, row in part.last.items() if (kind := _change(row, before.get(key))) is not None}


def apply(
    connection: sqlite3.Connection,
    source: int,
    part: Part,
    *,
    before: Mapping[str, Known],
    kinds: Mapping[str, ChangeKind],
    now: str,
    put: Execute,
) -> None:
    """Write the rows that change something to the live records, and note every scope; `put` writes the records."""
    changed = [part.last[key] for key, kind in kinds.items() if kind != "deleted"]
    if changed:
        old = [row for row in changed if row.external_id in before]
        new = [row for row in changed if row.external_id not in before] if old else changed
        ids = [row.external_id for row in (*new, *old)]
        last = numbers.take(connection, seqs=len(ids), documents=len(new))
        documents.replace(connection, [(before[row.external_id].document, row.document or b"") for row in old])
        documents.add(put, last.document + 1, [row.document or b"" for row in new])
        digests = b"".join([row.digest for row in (*new, *old)])
        if len(digests) != DIGEST_BYTES * len(ids):
            raise ValueError(f"digests of {len(ids)} records have {len(digests)} bytes")
        unscoped = frozenset(part.standing.get("", ()))
        values = {
            "source": source,
            "ids": id_list(ids),
            "seq": last.seq + 1,
            "digests": digests,
            "width": DIGEST_BYTES,
            "unscoped": bytes([key in unscoped for key in ids]),
            "now": now,
            "document": last.document + 1,
        }
        put(_PUT, values)
    gone = [key for key, kind in kinds.items() if kind == "deleted"]
    if gone:
        tombstones.new_list(connection)
        tombstones.list_ids(connection, source, gone)
        tombstones.bury(connection, now)
    _stand(connection, source, part, before)


def _change(row: Row, was: Known | None) -> ChangeKind | None:
    return change(row, None if was is None or was.deleted else was.digest)


def _stand(connection: sqlite3.Connection, source: int, part: Part, before: Mapping[str, Known]) -> None:
    """Note the scopes of the records; a new scope of an unchanged record is no change of it."""
    for scope, ids in part.standing.items():
        if scope:
            connection.execute(_STAND_IN, (source, scope, id_list(ids)))
    unscoped = {key for key, was in before.items() if not was.unscoped}.intersection(part.standing.get("", ()))
    if unscoped:
        connection.executemany(_STAND_UNSCOPED, [(source, key) for key in unscoped])


def _add(counts: StreamChanges, kind: Standing | None, number: int) -> None:
    if kind is not None:
        setattr(counts, kind, getattr(counts, kind) + number)
