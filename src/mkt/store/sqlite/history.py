"""What happened: events and runs."""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from mkt.contract import ConnectorEvent, JsonObject
from mkt.store.base import EventQuery, Key, Run
from mkt.store.sqlite.columns import dump, dump_or_none, load, moment, moment_or_none, stamp, stamp_or_none
from mkt.store.sqlite.connection import Database
from mkt.store.sqlite.paging import pages

_ADD_EVENT: Final = """
    insert or ignore into integration_events
        (id, timestamp, event, level, message, tenant_id, integration, connector, category, run_id, details)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
# `:keys`, `:levels` and `:names` are JSON arrays, NULL for all. The order is that of arrival: ids sort only to the
# millisecond.
_WANTED: Final = """
    from integration_events
    where seq > :after
      and (:run = '' or run_id = :run)
      and (:levels is null or level in (select value from json_each(:levels)))
      and (:names is null or event in (select value from json_each(:names)))
      and (:keys is null or (tenant_id, coalesce(integration, '')) in
          (select json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(:keys)))"""
_EVENTS: Final = (
    "select seq, id, timestamp, event, level, message, tenant_id, integration, connector, category, run_id, details"
    + _WANTED
    + " order by seq limit :page"
)
_NEWEST: Final = "select min(seq) from (select seq" + _WANTED + " order by seq desc limit :newest)"  # noqa: S608 - constants of this file
# An id that is no longer there, or never was, still tells its time.
_AFTER: Final = """
    select coalesce(
        (select seq from integration_events where id = :id),
        (select max(seq) from integration_events where id < :id),
        0)"""
_SAVE_RUN: Final = """
    insert into integration_runs
        (id, command, tenant_id, integration, connector, started_at, finished_at, outcome, error, details)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    on conflict (id) do update
    set finished_at = excluded.finished_at, outcome = excluded.outcome, error = excluded.error,
        details = excluded.details"""
_END_KILLED: Final = """
    update integration_runs set outcome = 'failed', finished_at = ?, error = ?
    where tenant_id = ? and integration = ? and command = ? and outcome = 'running' and id <> ?"""
_RUNS: Final = """
    select id, command, tenant_id, integration, connector, started_at, finished_at, outcome, error, details
    from integration_runs
    where (:part = '' or instr(id, :part) > 0)
      and (:keys is null or (tenant_id, integration) in
          (select json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(:keys)))
    order by started_at desc, id desc limit :limit"""
_NO_LIMIT: Final = -1


def key_list(keys: Collection[Key] | None) -> str | None:
    """Return keys as the JSON array that the statements take, NULL for all."""
    return None if keys is None else dump([list(key) for key in keys])


def add_events(database: Database, events: Sequence[ConnectorEvent]) -> None:
    """Store events; one that is already there is left as it is."""
    with database.write() as connection:
        connection.executemany(_ADD_EVENT, [_event_row(event) for event in events])


def events(database: Database, query: EventQuery) -> Iterator[ConnectorEvent]:
    """Read page by page: between two pages nothing is held."""
    wanted: dict[str, Any] = {
        "after": 0,
        "run": query.run_id,
        "levels": dump(list(query.levels)) if query.levels else None,
        "names": dump(list(query.names)) if query.names else None,
        "keys": key_list(query.keys),
        "newest": query.limit,
    }
    wanted["after"] = _start(database, query, wanted)
    for row in pages(database, _EVENTS, wanted, "after", query.limit):
        yield _event(row)


def _start(database: Database, query: EventQuery, wanted: dict[str, Any]) -> int:
    """Return the position after which the wanted events stand."""
    with database.read() as connection:
        after: int = 0
        if query.after_id:
            (after,) = connection.execute(_AFTER, {"id": query.after_id}).fetchone()
        if query.limit is not None:
            (first,) = connection.execute(_NEWEST, {**wanted, "after": after}).fetchone()
            after = after if first is None else first - 1
    return after


def save_run(connection: sqlite3.Connection, run: Run) -> None:
    """Store a run, started or finished, in the caller's transaction."""
    connection.execute(
        _SAVE_RUN,
        (
            run.id,
            run.command,
            *run.key,
            run.connector,
            stamp(run.started_at),
            stamp_or_none(run.finished_at),
            run.outcome,
            dump_or_none(run.error),
            dump(run.details),
        ),
    )


def start_run(connection: sqlite3.Connection, run: Run, killed: JsonObject | None) -> None:
    """Store a run that begins and, with `killed`, mark what was left running before it as failed."""
    if killed is not None:
        found_out = (stamp(run.started_at), dump(killed))
        connection.execute(_END_KILLED, (*found_out, *run.key, run.command, run.id))
    save_run(connection, run)


def runs(database: Database, keys: Collection[Key] | None, limit: int) -> list[Run]:
    """Return the newest runs, newest first."""
    return _runs(database, {"part": "", "keys": key_list(keys), "limit": limit})


def find_runs(database: Database, part: str) -> list[Run]:
    """Return the runs whose id contains `part`, newest first."""
    return _runs(database, {"part": part, "keys": None, "limit": _NO_LIMIT})


def _runs(database: Database, wanted: dict[str, Any]) -> list[Run]:
    with database.read() as connection:
        return [_run(row) for row in connection.execute(_RUNS, wanted)]


def _event_row(event: ConnectorEvent) -> tuple[str | None, ...]:
    return (
        event.id,
        stamp(event.timestamp),
        event.event,
        event.level,
        event.message,
        event.tenant,
        event.integration,
        event.connector,
        event.category,
        event.run_id,
        dump(event.details),
    )


def _event(row: tuple[Any, ...]) -> ConnectorEvent:
    return ConnectorEvent(
        id=row[1],
        timestamp=moment(row[2]),
        event=row[3],
        level=row[4],
        message=row[5],
        tenant=row[6],
        integration=row[7],
        connector=row[8],
        category=row[9],
        run_id=row[10],
        details=load(row[11]),
    )


def _run(row: tuple[Any, ...]) -> Run:
    return Run(
        id=row[0],
        command=row[1],
        key=Key(row[2], row[3]),
        connector=row[4],
        started_at=moment(row[5]),
        finished_at=moment_or_none(row[6]),
        outcome=row[7],
        error=load(row[8]),
        details=load(row[9]),
    )
