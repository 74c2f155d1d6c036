"""A run whose changes wait on disk until they are promoted together."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from mkt.contract import Complete, Json, Stream, uuid7
from mkt.store.base import Batch, ChangedRecord, Hold, StreamChanges
from mkt.store.sqlite import (
    absence,
    documents,
    headers,
    held,
    holds,
    leftovers,
    numbers,
    preview,
    promotion,
    sources,
    summary,
)
from mkt.store.sqlite.columns import dump, id_list, stamp
from mkt.store.sqlite.connection import Execute
from mkt.store.sqlite.live import Part, change, digests, parts
from mkt.store.sqlite.many import insert_many
from mkt.store.sqlite.writer import Writer

# One statement for the ids of a scope: a statement for each id would cost four times as much.
SEE: Final = """
    insert or ignore into integration_staging_seen (staging, source, scope, external_id)
    select ?, ?, ?, value from json_each(?)"""
# Two statements, because each has an index of its own: the key, and the one that holds the named scopes only.
_UNSEE: Final = """
    delete from integration_staging_seen
    where staging = ? and source = ? and scope = '' and external_id in (select value from json_each(?))"""
_UNSEE_NAMED: Final = """
    delete from integration_staging_seen
    where staging = ? and source = ? and scope <> '' and external_id in (select value from json_each(?))"""
_STAGE: Final = """
    insert into integration_staging
        (staging, source, external_id, change, hash, document, before_hash, before_document)
    values {rows}"""
_STAGED_ROW: Final = "(?, ?, ?, ?, ?, ?, ?, ?)"
_ANY_STAGED: Final = "select exists (select 1 from integration_staging where staging = ? and source = ?)"
_OF_IDS: Final = "where staging = ? and source = ? and external_id in (select value from json_each(?))"
_UNSTAGE: Final = (
    f"delete from integration_documents where document in (select document from integration_staging {_OF_IDS})",  # noqa: S608 - constants of this file
    f"delete from integration_staging {_OF_IDS}",  # noqa: S608 - the same
)
_MOVE: Final = """
    insert into integration_staging_streams (staging, source, cursor, invalid) values (?, ?, ?, 0)
    on conflict (staging, source) do update set cursor = excluded.cursor"""
_COUNT_INVALID: Final = """
    insert into integration_staging_streams (staging, source, invalid) values (?, ?, ?)
    on conflict (staging, source) do update set invalid = invalid + excluded.invalid"""
_COMPLETE: Final = """
    insert or replace into integration_staging_completes (staging, source, scope, trusted) values (?, ?, ?, ?)"""
_UNKNOWN: Final = (None, None)


class StagedWriter(Writer):
    """Compares each batch with the live records: what is unchanged costs no more than its id."""

    direct = False

    def changes(self) -> dict[Stream, StreamChanges]:
        self.settle()
        with self._database.read() as connection:
            return self._changes(connection)

    def preview(self, limit: int) -> dict[Stream, list[ChangedRecord]]:
        self.settle()
        with self._database.read() as connection:
            return preview.changed(connection, self._run.staging, self._run.sources, limit)

    def promote(self, as_of: datetime) -> dict[Stream, StreamChanges]:
        if self._run.dry_run:
            raise RuntimeError("a dry run is never promoted")
        self.settle()
        with self._transaction() as connection:
            changes = self._changes(connection)
            promotion.apply(connection, self._run.staging, list(self._run.sources.values()), stamp(self._now()))
            if not self._run.windowed:
                for stream, source in self._run.sources.items():
                    sources.finish(connection, source, self._cursors.get(stream), as_of, self._run.fingerprint)
            large = leftovers.let_go(connection, self._run.staging, changes.values())
        if large:
            leftovers.clear(self._database, self._run.staging)
        return changes

    def hold(self, *, connector: str, reasons: Sequence[str], as_of: datetime) -> Hold:
        self.settle()
        with self._transaction() as connection:
            changes = self._changes(connection)
            self._move(connection, self._last)
            held.note_absences(connection, self._run.staging, self._run.sources.values())
            return holds.give_staging(
                connection,
                self._run.staging,
                Hold(
                    id=uuid7(),
                    key=self._run.lease.key,
                    connector=connector,
                    run_id=self._run.run_id,
                    state="open",
                    reasons=tuple(reasons),
                    changes=changes,
                    fingerprint=self._run.fingerprint,
                    windowed=self._run.windowed,
                    as_of=as_of,
                    opened_at=self._now(),
                ),
            )

    def discard(self) -> None:
        try:
            self.settle()
        finally:
            with self._transaction() as connection:
                headers.remove(connection, self._run.staging)

    def _changes(self, connection: sqlite3.Connection) -> dict[Stream, StreamChanges]:
        """Return what the staging changes; leaves the lists of absent and gone records for `promotion`."""
        absence.find(connection, self._run.staging)
        return {
            stream: replace(
                summary.of_source(connection, self._run.staging, source),
                absent=absence.count_first(connection, source),
            )
            for stream, source in self._run.sources.items()
        }

    def _store(self, connection: sqlite3.Connection, batch: Batch, put: Execute) -> None:
        staging = self._run.staging
        for stream, part in parts(batch.rows).items():
            self._stage(connection, self._run.sources[stream], part, put)
        invalid = [(staging, self._run.sources[stream], number) for stream, number in batch.invalid.items()]
        connection.executemany(_COUNT_INVALID, invalid)
        if not self._run.windowed:
            self._move(connection, batch.cursors)
            connection.executemany(_COMPLETE, [self._complete(complete) for complete in batch.completes])

    def _move(self, connection: sqlite3.Connection, cursors: Mapping[Stream, Json]) -> None:
        moved = [(self._run.staging, self._run.sources[stream], dump(at)) for stream, at in cursors.items()]
        connection.executemany(_MOVE, moved)

    def _complete(self, complete: Complete) -> tuple[int, int, str, bool]:
        """Trust the absence in one whole answer or in pages by key, read by one run from end to end."""
        trusted = complete.listing != "offset" and not self._run.resumed
        return self._run.staging, self._run.sources[complete.stream], complete.scope, trusted

    def _stage(self, connection: sqlite3.Connection, source: int, part: Part, put: Execute) -> None:
        staging = self._run.staging
        unstage(connection, staging, source, part.last)
        before = digests(connection, source, part.last)
        changed = {key: kind for key, row in part.last.items() if (kind := change(row, before.get(key, _UNKNOWN)[0]))}
        written = {key: row.document for key, row in part.last.items() if key in changed and row.document}
        # Where they stay when they are promoted.
        first = numbers.take(connection, documents=len(written)).document + 1 if written else 0
        documents.add(put, first, list(written.values()))
        places = {key: place for place, key in enumerate(written, first)}
        rows = [
            (staging, source, key, kind, part.last[key].digest, places.get(key), *before.get(key, _UNKNOWN))
            for key, kind in changed.items()
        ]
        insert_many(connection, _STAGE, _STAGED_ROW, rows)
        unsee(connection, staging, source, part.deleted)
        for scope, ids in part.standing.items():
            connection.execute(SEE, (staging, source, scope, id_list(ids)))


def unstage(connection: sqlite3.Connection, staging: int, source: int, ids: Iterable[str]) -> None:
    """Forget what was staged of these ids."""
    if connection.execute(_ANY_STAGED, (staging, source)).fetchone()[0]:
        these = (staging, source, id_list(ids))
        for statement in _UNSTAGE:
            connection.execute(statement, these)


def unsee(connection: sqlite3.Connection, staging: int, source: int, ids: Sequence[str]) -> None:
    """Take back that these ids were listed."""
    if ids:
        connection.execute(_UNSEE, (staging, source, id_list(ids)))
        connection.execute(_UNSEE_NAMED, (staging, source, id_list(ids)))
