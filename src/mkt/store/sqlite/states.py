"""Where each integration stands: what `finish_run` stores, and the streams that a sync has moved."""

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from mkt.store.base import Connection, IntegrationState, Key, StreamState
from mkt.store.sqlite.columns import dump_or_none, load, moment_or_none, stamp, stamp_or_none
from mkt.store.sqlite.connection import Database
from mkt.store.sqlite.history import key_list

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
_HELD: Final = """
    coalesce((select id from integration_holds h
              where h.tenant_id = s.tenant_id and h.integration = s.integration and h.state = 'open'), '')"""
_STATES: Final = f"""
    select tenant_id, integration, {_HELD}, next_due_at, last_run_id, last_outcome, last_error, last_finished_at,
           last_ok_at, last_change_at, failures, fingerprint, schedule, refusals, paused_at, paused_with, connection,
           connection_since
    from integration_state s where true"""  # noqa: S608 - constants of this file
# A stream that is only known by name (a dry run, a first load before its first checkpoint) has no state yet.
_MOVED: Final = f"""
    select tenant_id, integration, {_HELD}, stream, cursor, as_of from integration_sources s
    where (cursor is not null or as_of is not null)"""  # noqa: S608 - constants of this file
_THESE: Final = """
    and (tenant_id, integration) in
        (select json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(:keys))"""


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
    found: dict[Key, IntegrationState] = {}
    moved: defaultdict[Key, dict[str, StreamState]] = defaultdict(dict)
    with database.read() as connection:
        for tenant, integration, hold_id, stream, cursor, as_of in _rows(connection, _MOVED, keys) if streams else ():
            key = Key(tenant, integration)
            moved[key][stream] = StreamState(cursor=load(cursor), as_of=moment_or_none(as_of))
            found[key] = IntegrationState(key=key, hold_id=hold_id, streams=moved[key])
        for row in _rows(connection, _STATES, keys):
            key = Key(row[0], row[1])
            found[key] = _state(key, row[2:], moved.get(key, {}))
    return found


def _rows(connection: sqlite3.Connection, query: str, keys: Collection[Key] | None) -> Iterable[tuple[Any, ...]]:
    if keys is None:
        return connection.execute(query)
    return connection.execute(query + _THESE, {"keys": key_list(keys)})


def _state(key: Key, row: Sequence[Any], streams: Mapping[str, StreamState]) -> IntegrationState:
    return IntegrationState(
        key=key,
        hold_id=row[0],
        next_due_at=moment_or_none(row[1]),
        last_run_id=row[2],
        last_outcome=row[3],
        last_error=load(row[4]),
        last_finished_at=moment_or_none(row[5]),
        last_ok_at=moment_or_none(row[6]),
        last_change_at=moment_or_none(row[7]),
        failures=row[8],
        fingerprint=row[9],
        schedule=row[10],
        refusals=row[11],
        paused_at=moment_or_none(row[12]),
        paused_with=row[13],
        connection=row[14],
        connection_since=moment_or_none(row[15]),
        streams=streams,
    )
