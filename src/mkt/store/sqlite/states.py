"""Where each integration stands: what `finish_run` stores, and the streams that a sync has moved."""

import json
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import replace
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
# A stream that is only known by name (a dry run, a first load before its first checkpoint) has no state yet.
_STATES: Final = """
    with k (tenant_id, integration) as ({keys})
    select k.tenant_id, k.integration, s.next_due_at, s.last_run_id, s.last_outcome, s.last_error,
           s.last_finished_at, s.last_ok_at, s.last_change_at, s.failures, s.fingerprint, s.schedule,
           s.refusals, s.paused_at, s.paused_with, s.connection, s.connection_since, h.id,
           m.stream, m.cursor, m.as_of
    from k
    left join integration_state s on s.tenant_id = k.tenant_id and s.integration = k.integration
    left join integration_holds h
        on h.tenant_id = k.tenant_id and h.integration = k.integration and h.state = 'open'
    left join integration_sources m
        on m.tenant_id = k.tenant_id and m.integration = k.integration
        and (m.cursor is not null or m.as_of is not null)
    where s.tenant_id is not null or m.tenant_id is not null
    order by k.tenant_id, k.integration, m.stream"""
_EVERY: Final = """
    select tenant_id, integration from integration_state
    union select tenant_id, integration from integration_sources"""
_THESE: Final = "select distinct value ->> 0, value ->> 1 from json_each(:keys)"


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


def states(database: Database, keys: Collection[Key] | None = None) -> dict[Key, IntegrationState]:
    """Return these integrations, or every one that ever ran, by one query."""
    query = _STATES.format(keys=_EVERY if keys is None else _THESE)
    wanted = {} if keys is None else {"keys": json.dumps(list(keys))}
    with database.read() as connection:
        return _grouped(connection.execute(query, wanted))


def _grouped(rows: Iterable[tuple[Any, ...]]) -> dict[Key, IntegrationState]:
    found: dict[Key, IntegrationState] = {}
    for row in rows:
        key = Key(row[0], row[1])
        state = found.get(key) or _state(key, row)
        found[key] = state if row[18] is None else replace(state, streams={**state.streams, row[18]: _stream(row)})
    return found


def _stream(row: tuple[Any, ...]) -> StreamState:
    return StreamState(cursor=load(row[19]), as_of=moment_or_none(row[20]))


def _state(key: Key, row: tuple[Any, ...]) -> IntegrationState:
    return IntegrationState(
        key=key,
        next_due_at=moment_or_none(row[2]),
        last_run_id=row[3] or "",
        last_outcome=row[4] or "",
        last_error=load(row[5]),
        last_finished_at=moment_or_none(row[6]),
        last_ok_at=moment_or_none(row[7]),
        last_change_at=moment_or_none(row[8]),
        failures=row[9] or 0,
        fingerprint=row[10] or "",
        schedule=row[11] or "",
        refusals=row[12] or 0,
        paused_at=moment_or_none(row[13]),
        paused_with=row[14] or "",
        connection=row[15],
        connection_since=moment_or_none(row[16]),
        hold_id=row[17] or "",
    )
