"""A tenant's stream as an integer, and where its sync left off."""

import sqlite3
from collections.abc import Collection
from datetime import datetime
from typing import Final, NamedTuple

from mkt.contract import Json, Stream
from mkt.store.base import Key
from mkt.store.sqlite.columns import dump_or_none, load, stamp

_INTERN: Final = """
    insert into integration_sources (tenant_id, integration, stream) values (?, ?, ?) returning source"""
_OF_KEY: Final = """
    select source, stream, cursor, as_of is not null, fingerprint from integration_sources
    where tenant_id = ? and integration = ?"""
_MOVE: Final = "update integration_sources set cursor = ? where source = ?"
_FINISH: Final = "update integration_sources set cursor = ?, as_of = ?, fingerprint = ? where source = ?"
_RESTART: Final = "update integration_sources set cursor = null, fingerprint = ? where source = ?"


class Source(NamedTuple):
    """One row: `fingerprint` is of the run that the cursor comes from, "" before the first."""

    number: int
    stream: Stream
    cursor: Json
    finished: bool
    fingerprint: str


def intern(connection: sqlite3.Connection, key: Key, streams: Collection[Stream]) -> list[Source]:
    """Return every source of the integration, those of `streams` made where they are new."""
    found = of_key(connection, key)
    for stream in sorted(set(streams).difference(source.stream for source in found)):
        ((number,),) = connection.execute(_INTERN, (*key, stream)).fetchall()
        found.append(Source(number, stream, None, finished=False, fingerprint=""))
    return found


def of_key(connection: sqlite3.Connection, key: Key) -> list[Source]:
    """Return every source of the integration."""
    rows = connection.execute(_OF_KEY, key).fetchall()
    return [
        Source(number, stream, load(cursor), bool(done), seal or "") for number, stream, cursor, done, seal in rows
    ]


def move(connection: sqlite3.Connection, source: int, cursor: Json) -> None:
    """Store a cursor together with the rows that it belongs to."""
    connection.execute(_MOVE, (dump_or_none(cursor), source))


def finish(connection: sqlite3.Connection, source: int, cursor: Json, as_of: datetime, fingerprint: str) -> None:
    """Mark a stream finished: its cursor now belongs to these settings."""
    connection.execute(_FINISH, (dump_or_none(cursor), stamp(as_of), fingerprint, source))


def restart(connection: sqlite3.Connection, source: int, fingerprint: str) -> None:
    """Forget the cursor: the next run starts from None."""
    connection.execute(_RESTART, (fingerprint, source))
