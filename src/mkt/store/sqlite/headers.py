"""The header of a run's staging. A staging belongs to its run; another run that goes on from it takes it over."""

import sqlite3
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final, NamedTuple

from mkt.contract import Json, Stream
from mkt.store.base import STAGING_KEPT, Key
from mkt.store.sqlite.columns import dump, load, stamp
from mkt.store.sqlite.sources import Source

_OF_KEY: Final = """
    select staging, direct, resumable, fresh, fingerprint, streams, touched_at from integration_staging_runs
    where tenant_id = ? and integration = ? and hold_id is null"""
_OF_HOLD: Final = """
    select staging, direct, resumable, fresh, fingerprint, streams, touched_at from integration_staging_runs
    where hold_id = ?"""
_ADD: Final = """
    insert into integration_staging_runs
        (run_id, tenant_id, integration, direct, resumable, fresh, fingerprint, streams, touched_at)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_ADOPT: Final = "update integration_staging_runs set run_id = ?, touched_at = ? where staging = ?"
_GIVE_TO: Final = "update integration_staging_runs set hold_id = ?, resumable = 0 where staging = ?"
_TOUCH: Final = "update integration_staging_runs set touched_at = ? where run_id = ?"
_CURSORS: Final = """
    select source, cursor from integration_staging_streams where staging = ? and cursor is not null"""
# Of what was staged and of what was there before, the one that its record does not have.
SUPERSEDED: Final = """
    delete from integration_documents where document in (
        select iif(r.document is g.document, g.before_document, g.document)
        from integration_staging g
        left join integration_records r on r.source = g.source and r.external_id = g.external_id
        where {which})"""
_REMOVE: Final = (
    SUPERSEDED.format(which="g.staging = ?"),
    "delete from integration_staging where staging = ?",
    "delete from integration_staging_seen where staging = ?",
    "delete from integration_staging_streams where staging = ?",
    "delete from integration_staging_completes where staging = ?",
    "delete from integration_staging_runs where staging = ?",
)
_FORGET_MET: Final = "delete from integration_staging_seen where staging = ?"
_REMOVE_DIRECT: Final = (
    _FORGET_MET,
    "delete from integration_staging_runs where staging = ?",
)


class Header(NamedTuple):
    """One row. `fresh` streams start from None, also in the run that goes on; `touched_at` is the last write."""

    staging: int
    direct: bool
    resumable: bool
    fresh: bool
    fingerprint: str
    streams: str
    touched_at: str

    def resumable_by(self, streams: Collection[Stream], fingerprint: str, now: datetime) -> bool:
        """Tell whether a run of these streams may go on from here."""
        same = self.fingerprint == fingerprint and self.streams == stream_list(streams)
        return self.resumable and same and self.touched_at >= stamp(now - STAGING_KEPT)


def stream_list(streams: Collection[Stream]) -> str:
    """Return a set of streams as text: equal sets, equal texts."""
    return dump(sorted(streams))


def of_key(connection: sqlite3.Connection, key: Key) -> list[Header]:
    """Return every header of the integration that is not a hold's."""
    return [_header(row) for row in connection.execute(_OF_KEY, key)]


def of_hold(connection: sqlite3.Connection, hold_id: str) -> Header:
    """Return the header of an open hold."""
    return _header(connection.execute(_OF_HOLD, (hold_id,)).fetchone())


def give_to(connection: sqlite3.Connection, staging: int, hold_id: str | None) -> None:
    """Make the staging a hold's, or nobody's: no run goes on from it."""
    connection.execute(_GIVE_TO, (hold_id, staging))


def _header(row: tuple[Any, ...]) -> Header:
    return Header(row[0], bool(row[1]), bool(row[2]), bool(row[3]), *row[4:])


def add(connection: sqlite3.Connection, key: Key, run_id: str, header: Header) -> int:
    """Add a header, whose `staging` is not known yet, and return it."""
    cursor = connection.execute(_ADD, (run_id, *key, *header[1:]))
    assert cursor.lastrowid is not None  # noqa: S101 - an insert into a table with row ids always has one
    return cursor.lastrowid


def adopt(connection: sqlite3.Connection, staging: int, run_id: str, now: datetime) -> None:
    """Make the staging another run's."""
    connection.execute(_ADOPT, (run_id, stamp(now), staging))


def forget_met(connection: sqlite3.Connection, staging: int) -> None:
    """Forget which records a direct run has met: the one that goes on counts for itself."""
    connection.execute(_FORGET_MET, (staging,))


def cursors(connection: sqlite3.Connection, header: Header, found: Collection[Source]) -> dict[Stream, Json]:
    """Return where each stream of a staging stands: the staged cursor, else the committed one."""
    staged = {number: load(cursor) for number, cursor in connection.execute(_CURSORS, (header.staging,))}
    at: dict[Stream, Json] = {}
    for source in found:
        # A cursor belongs to the settings that it was made with.
        committed = None if header.fresh or source.fingerprint != header.fingerprint else source.cursor
        at[source.stream] = staged.get(source.number, committed)
    return at


def touch(connection: sqlite3.Connection, run_id: str, now: datetime) -> None:
    """Let the 24 h in which a staging can be resumed count from the end of its run."""
    connection.execute(_TOUCH, (stamp(now), run_id))


def remove(connection: sqlite3.Connection, staging: int, *, direct: bool = False) -> None:
    """Forget a staging and all that it holds; that of a `direct` run notes what it met, and no more."""
    for statement in _REMOVE_DIRECT if direct else _REMOVE:
        connection.execute(statement, (staging,))
