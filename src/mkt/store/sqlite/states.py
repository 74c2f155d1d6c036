"""Where each integration stands: what `finish_run` stores, and the streams that a sync has moved."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from mkt.store.base import Connection, IntegrationState, Key, StreamState
from mkt.store.sqlite.columns import dump_or_none, load, moment_or_none, stamp, stamp_or_none
from mkt.store.sqlite.connection import Database

_SAVE: Final = """
    insert or replace into integration_state
        (tenant_id, integration, next_due_at, last_run_id, last_outcome, last_error, last_finished_at, last_ok_at,
         last_change_at, failures, fingerprint, schedule, refusals, paused_at, paused_with, connection,
         connection_since)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_CONNECTION: Final = "select connection from integration_state where tenant_id = ? and integration = ?"
# What was verified, but never synced, has no row yet.
_SET_CONNECTION: Final = """
    insert into integration_state
        (tenant_id, integration, last_run_id, last_outcome, failures, fingerprint, schedule, connection,
         connection_since)
    values (?, ?, '', '', 0, '', '', ?, ?)
    on conflict (tenant_id, integration) do update
        set connection = excluded.connection, connection_since = excluded.connection_since"""
_REFUSED: Final = """
    select paused_at from integration_state where tenant_id = ? and integration = ? and refusals > 0"""
_RESUME: Final = """
    update integration_state set paused_at = null, paused_with = '', refusals = 0
    where tenant_id = ? and integration = ?"""
_STATES: Final = """
    select tenant_id, integration, next_due_at, last_run_id, last_outcome, last_error, last_finished_at, last_ok_at,
           last_change_at, failures, fingerprint, schedule, refusals, paused_at, paused_with, connection,
           connection_since
    from integration_state"""
_HOLDS: Final = "select tenant_id, integration, id from integration_holds where state = 'open'"
# A stream that is only known by name (a dry run, a first load before its first checkpoint) has no state yet.
_MOVED: Final = """
    select tenant_id, integration, stream, cursor, as_of from integration_sources
    where (cursor is not null or as_of is not null)"""
_THESE: Final = "(tenant_id, integration) in (select value ->> 0, value ->> 1 from json_each(:keys))"


def save_state(connection: sqlite3.Connection, state: IntegrationState) -> None:
    """Store all but the streams and the hold, which only a sync moves, in the caller's transaction."""
    connection.execute(
        _SAVE,
        (
            *state.key,
            stamp_or_none(state.next_due_at),
            state.last_run_id,
            state.last_outcome,
            dump_or_none(state.last_error),
            stamp_or_none(state.last_finished_at),
            stamp_or_none(state.last_ok_at),
            stamp_or_none(state.last_change_at),
            state.failures,
            state.fingerprint,
            state.schedule,
            state.refusals,
            stamp_or_none(state.paused_at),
            state.paused_with,
            state.connection,
            stamp_or_none(state.connection_since),
        ),
    )


def set_connection(database: Database, key: Key, connection: Connection, now: datetime) -> Connection | None:
    """Note how the line stands and return how it stood before."""
    with database.write() as writing:
        found = writing.execute(_CONNECTION, key).fetchone()
        before: Connection | None = found[0] if found else None
        if before != connection:
            writing.execute(_SET_CONNECTION, (*key, connection, stamp(now)))
    return before


def resume(database: Database, key: Key) -> datetime | None:
    """Count refusals anew and end the pause that they led to; return when it began, None where there is none."""
    with database.write() as connection:
        found = connection.execute(_REFUSED, key).fetchone()
        if found:
            connection.execute(_RESUME, key)
    return moment_or_none(found[0]) if found else None


def states(
    database: Database, keys: Collection[Key] | None = None, *, streams: bool = True
) -> dict[Key, IntegrationState]:
    """Return these integrations, or every one that ever ran."""
    with database.read() as connection:
        moved = _moved(_rows(connection, _MOVED, "and", keys)) if streams else {}
        holds = _rows(connection, _HOLDS, "and", keys)
        held = {Key(tenant, integration): hold for tenant, integration, hold in holds}
        found = {key: IntegrationState(key=key, hold_id=held.get(key, ""), streams=moved[key]) for key in moved}
        for row in _rows(connection, _STATES, "where", keys):
            key = Key(row[0], row[1])
            found[key] = _state(key, row, held.get(key, ""), moved.get(key, {}))
    return found


def _rows(
    connection: sqlite3.Connection, query: str, joined: str, keys: Collection[Key] | None
) -> Iterable[tuple[Any, ...]]:
    if keys is None:
        return connection.execute(query)
    return connection.execute(f"{query} {joined} {_THESE}", {"keys": json.dumps(list(keys))})


def _moved(rows: Iterable[tuple[Any, ...]]) -> dict[Key, dict[str, StreamState]]:
    found: dict[Key, dict[str, StreamState]] = {}
    for tenant, integration, stream, cursor, as_of in rows:
        state = StreamState(cursor=load(cursor), as_of=moment_or_none(as_of))
        found.setdefault(Key(tenant, integration), {})[stream] = state
    return found


def _state(key: Key, row: tuple[Any, ...], hold_id: str, streams: Mapping[str, StreamState]) -> IntegrationState:
    return IntegrationState(
        key=key,
        next_due_at=moment_or_none(row[2]),
        last_run_id=row[3],
        last_outcome=row[4],
        last_error=load(row[5]),
        last_finished_at=moment_or_none(row[6]),
        last_ok_at=moment_or_none(row[7]),
        last_change_at=moment_or_none(row[8]),
        failures=row[9],
        fingerprint=row[10],
        schedule=row[11],
        refusals=row[12],
        paused_at=moment_or_none(row[13]),
        paused_with=row[14],
        connection=row[15],
        connection_since=moment_or_none(row[16]),
        hold_id=hold_id,
        streams=streams,
    )
