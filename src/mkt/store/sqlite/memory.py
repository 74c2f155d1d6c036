"""`context.state`: small JSON values that an integration remembers."""

import sqlite3
from datetime import datetime
from typing import Final

from mkt.contract import Json
from mkt.store.base import Key
from mkt.store.sqlite.columns import dump, load, stamp, stamp_or_none
from mkt.store.sqlite.connection import Database

_GET: Final = """
    select value from integration_memory
    where tenant_id = ? and integration = ? and name = ? and (expires_at is null or expires_at > ?)"""
_TAKE: Final = """
    delete from integration_memory
    where tenant_id = ? and integration = ? and name = ? and (expires_at is null or expires_at > ?)
    returning value"""
_TAKE_SAME: Final = """
    delete from integration_memory
    where tenant_id = ? and integration = ? and name = ? and value = ?
      and (expires_at is null or expires_at > ?)"""
_FORGET: Final = "delete from integration_memory where expires_at <= ?"
_PUT: Final = """
    insert or replace into integration_memory (tenant_id, integration, name, value, expires_at)
    values (?, ?, ?, ?, ?)"""


def put(
    connection: sqlite3.Connection, key: Key, entries: list[tuple[str, Json, datetime | None]], now: datetime
) -> None:
    """Remember each (name, value, expiry), and forget what has expired: nonces would pile up otherwise."""
    connection.execute(_FORGET, (stamp(now),))
    rows = [(*key, name, dump(value), stamp_or_none(expires_at)) for name, value, expires_at in entries]
    connection.executemany(_PUT, rows)


def get(database: Database, key: Key, name: str, now: datetime) -> Json:
    """Return the value, None where there is none or it has expired."""
    with database.read() as connection:
        row = connection.execute(_GET, (*key, name, stamp(now))).fetchone()
    value: Json = load(row[0]) if row else None
    return value


def take(database: Database, key: Key, name: str, now: datetime) -> Json:
    """Return the value and forget it, in one transaction: of two callers one gets it."""
    with database.write() as connection:
        rows = connection.execute(_TAKE, (*key, name, stamp(now))).fetchall()
    value: Json = load(rows[0][0]) if rows else None
    return value


def take_same(connection: sqlite3.Connection, key: Key, name: str, value: Json, now: datetime) -> bool:
    """Forget a value that was read before, in the caller's transaction; False where it is another one, or gone."""
    taken = connection.execute(_TAKE_SAME, (*key, name, dump(value), stamp(now)))
    return taken.rowcount == 1
