"""Deleting records: ids are put on a list in a temporary table, then buried together.

A tombstone keeps the last data, stands in no scope, and gets a `seq` of its own so that the change feed shows it.
"""

import sqlite3
from collections.abc import Iterable
from typing import Final

from mkt.store.sqlite import numbers

CHUNK: Final = 5000
"""Rows of one statement that reads the table it writes: SQLite keeps a copy of them meanwhile."""

_LIST: Final = "create temp table if not exists gone (position integer primary key, source integer, external_id text)"
_EMPTY: Final = "delete from temp.gone"
_ADD: Final = "insert into temp.gone (source, external_id) values (?, ?)"
_ADD_ALL: Final = """
    insert into temp.gone (source, external_id)
    select source, external_id from integration_records where source = ? and deleted = 0"""
_LAST: Final = "select coalesce(max(position), 0) from temp.gone"
_BURY: Final = """
    update integration_records
    set deleted = 1, unscoped = 0, changed_at = :now, seq = :last + g.position
    from temp.gone g
    where g.position > :after and g.position <= :after + :chunk
      and integration_records.source = g.source and integration_records.external_id = g.external_id
      and +integration_records.deleted = 0"""
_ALL: Final = "select source, external_id from temp.gone"
_LEAVE_SCOPES: Final = "delete from integration_record_scopes where source = ? and external_id = ?"
_FORGET_ABSENCES: Final = """
    delete from integration_absences
    where source in (select source from temp.gone)
      and (source, external_id) in (select source, external_id from temp.gone)"""


def new_list(connection: sqlite3.Connection) -> None:
    """Begin an empty list."""
    connection.execute(_LIST)
    connection.execute(_EMPTY)


def list_ids(connection: sqlite3.Connection, source: int, ids: Iterable[str]) -> None:
    """Put these ids on the list."""
    connection.executemany(_ADD, [(source, external_id) for external_id in ids])


def list_all(connection: sqlite3.Connection, source: int) -> None:
    """List every live record of a source."""
    connection.execute(_ADD_ALL, (source,))


def bury(connection: sqlite3.Connection, now: str) -> None:
    """Turn every listed live record into a tombstone, and empty the list."""
    (count,) = connection.execute(_LAST).fetchone()
    if count:
        last = numbers.take(connection, seqs=count).seq
        for after in range(0, count, CHUNK):
            connection.execute(_BURY, {"now": now, "after": after, "chunk": CHUNK, "last": last})
    connection.executemany(_LEAVE_SCOPES, connection.execute(_ALL))
    connection.execute(_FORGET_ABSENCES)
    connection.execute(_EMPTY)
