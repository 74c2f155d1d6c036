"""The header of a run's staging. A staging belongs to its run; another run that goes on from it takes it over."""

import sqlite3
from collections.abc import Collection
from datetime import datetime
from typing import Final, NamedTuple

from mkt.contract import Stream
from mkt.store.base import STAGING_KEPT, Key
from mkt.store.sqlite.columns import dump, stamp

_OF_KEY: Final = """
    select staging, direct, resumable, fresh, fingerprint, streams, touched_at from integration_staging_runs
    where tenant_id = ? and integration = ?"""
_ADD: Final = """
    insert into integration_staging_runs
        (run_id, tenant_id, integration, direct, resumable, fresh, fingerprint, streams, touched_at)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_ADOPT: Final = "update integration_staging_runs set run_id = ?, touched_at = ? where staging = ?"
_TOUCH: Final = "update integration_staging_runs set touched_at = ? where run_id = ?"
_REMOVE: Final = (
    "delete from integration_staging where staging = ?",
    "delete from integration_staging_seen where staging = ?",
    "delete from integration_staging_streams where staging = ?",
    "delete from integration_staging_completes where staging = ?",
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
    """Return every header of the integration."""
    rows = connection.execute(_OF_KEY, key).fetchall()
    return [Header(row[0], bool(row[1]), bool(row[2]), bool(row[3]), *row[4:]) for row in rows]


def add(connection: sqlite3.Connection, key: Key, run_id: str, header: Header) -> int:
    """Add a header, whose `staging` is not known yet, and return it."""
    cursor = connection.execute(_ADD, (run_id, *key, *header[1:]))
    assert cursor.lastrowid is not None  # noqa: S101 - an insert into a table with row ids always has one
    return cursor.lastrowid


def adopt(connection: sqlite3.Connection, staging: int, run_id: str, now: datetime) -> None:
    """Make the staging another run's."""
    connection.execute(_ADOPT, (run_id, stamp(now), staging))


def touch(connection: sqlite3.Connection, run_id: str, now: datetime) -> None:
    """Let the 24 h in which a staging can be resumed count from the end of its run."""
    connection.execute(_TOUCH, (stamp(now), run_id))


def remove(connection: sqlite3.Connection, staging: int) -> None:
    """Forget a staging and all that it holds."""
    for statement in _REMOVE:
        connection.execute(statement, (staging,))
