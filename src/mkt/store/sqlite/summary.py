"""What a staging changes in one stream, counted."""

import sqlite3
from typing import Final

from mkt.store.base import StreamChanges
from mkt.store.sqlite.live import count

_STAGED: Final = "select change, count(*) from integration_staging where staging = ? and source = ? group by change"
_SEEN: Final = """
    select scope, count(*) from integration_staging_seen where staging = ? and source = ? group by scope"""
_SEEN_ONCE: Final = """
    select count(distinct external_id) from integration_staging_seen where staging = ? and source = ?"""
_GONE: Final = "select count(*) from temp.gone where source = ?"
_INVALID: Final = "select invalid from integration_staging_streams where staging = ? and source = ?"
_LISTED: Final = "select exists (select 1 from integration_staging_completes where staging = ? and source = ?)"


def of_source(connection: sqlite3.Connection, staging: int, source: int) -> StreamChanges:
    """Count one stream, after `absence.find`; `absent` is left to it."""
    this = (staging, source)
    staged: dict[str, int] = dict(connection.execute(_STAGED, this).fetchall())
    seen = _count_seen(connection, this)
    ((gone,),) = connection.execute(_GONE, (source,)).fetchall()
    ((listed,),) = connection.execute(_LISTED, this).fetchall()
    invalid = connection.execute(_INVALID, this).fetchone()
    created, updated = staged.get("created", 0), staged.get("updated", 0)
    return StreamChanges(
        live=count(connection, source).live,
        created=created,
        updated=updated,
        unchanged=seen - created - updated,
        deleted=gone,
        invalid=invalid[0] if invalid else 0,
        seen=seen,
        listed=bool(listed),
    )


def _count_seen(connection: sqlite3.Connection, this: tuple[int, int]) -> int:
    """Count ids; only those of several scopes have to be told apart, which takes a sort."""
    scopes = connection.execute(_SEEN, this).fetchall()
    if len(scopes) > 1:
        ((number,),) = connection.execute(_SEEN_ONCE, this).fetchall()
        return int(number)
    return sum(number for _, number in scopes)
