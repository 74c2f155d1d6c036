"""Which causes were told to the operator, and what is still to be sent. One transaction decides each."""

import re
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from mkt.store.alerts import Alert, AlertMessage
from mkt.store.key import Key
from mkt.store.sqlite.columns import dump, load, moment, moment_or_none, stamp, stamp_or_none
from mkt.store.sqlite.connection import Database

# A run counts from the last one that was ok: what came before is another story. Each sync asks this, so only the
# failed runs of what fails are read: `cross join` keeps the order, and the conditions are those of the partial index.
_FAILING_SINCE: Final = """
    select r.tenant_id, r.integration, json_extract(r.error, '$.fingerprint'), min(r.finished_at)
    from integration_state s
    cross join integration_runs r on r.tenant_id = s.tenant_id and r.integration = s.integration
    where s.last_error is not null and r.command = 'sync' and r.error is not null
      and r.finished_at > coalesce(s.last_ok_at, '')
    group by 1, 2, 3"""
_LOOKED: Final = "select as_of from integration_alert_look"
_LOOK: Final = "insert or replace into integration_alert_look (one, as_of) values (1, ?)"
_OPEN: Final = "select fingerprint, opened_at, body from integration_alerts order by opened_at, fingerprint"
_BEGIN: Final = "insert or ignore into integration_alerts (fingerprint, opened_at, body) values (?, ?, ?)"
_END: Final = "delete from integration_alerts where fingerprint = ?"
_QUEUE: Final = """
    insert into integration_alert_messages (id, sink, fingerprint, body, created_at, next_try_at, tries, state, error)
    values (?, ?, ?, ?, ?, ?, 0, 'waiting', '')"""
# What a dead sender took for the last time is not tried again.
_ABANDON: Final = """
    update integration_alert_messages set state = 'failed', error = 'whoever sent it ended before it was sent'
    where state = 'waiting' and tries >= :most and next_try_at <= :now"""
# That a cause has ended is not said before that it began. A claim is a next try in the future.
# Each sink has a limit of its own: one that takes nothing keeps no message from another.
_CLAIM: Final = """
    update integration_alert_messages set tries = tries + 1, next_try_at = :until
    where position in (
        select m.position from integration_alert_messages m
        where m.state = 'waiting' and m.next_try_at <= :now and m.sink = :sink
          and not exists (
            select 1 from integration_alert_messages e
            where e.state = 'waiting' and e.sink = m.sink and e.fingerprint = m.fingerprint
              and e.position < m.position)
        order by m.position limit :limit)
    returning position, id, sink, fingerprint, body, created_at, tries, state, error, next_try_at"""
_SETTLE: Final = """
    update integration_alert_messages set state = ?, error = ?, next_try_at = coalesce(?, next_try_at)
    where id = ? and sink = ? and state = 'waiting' and tries = ?"""
_RELEASE: Final = """
    update integration_alert_messages set tries = tries - 1, next_try_at = ?
    where id = ? and sink = ? and state = 'waiting' and tries = ?"""
_UNSENT: Final = """
    select position, id, sink, fingerprint, body, created_at, tries, state, error, next_try_at
    from integration_alert_messages where state <> 'sent' order by position"""
_FORGET: Final = "delete from integration_alert_messages where created_at < :events"
_SKEW: Final = timedelta(minutes=5)
_BODIES: Final = {
    "integration_alerts": "fingerprint",
    "integration_alert_messages": "position",
}
"""The tables that hold bodies, and what a row of each is known by."""
_TEXTS: Final = ("summary", "message", "remedy")
_NAMES: Final = ("tenants", "integrations")
"""Where a body can name a tenant. A tenant may be called `held` or `alert`: elsewhere these are words of ours."""


def failing_since(database: Database) -> dict[tuple[Key, str], datetime]:
    """Return when each integration first failed with each fingerprint, since it was last ok."""
    with database.read() as connection:
        rows = connection.execute(_FAILING_SINCE).fetchall()
    return {
        (Key(tenant, name), fingerprint): moment(since)
        for tenant, name, fingerprint, since in rows
        if fingerprint and since
    }


def open_alerts(database: Database) -> list[Alert]:
    """Return the causes that were told and have not ended."""
    with database.read() as connection:
        rows = connection.execute(_OPEN).fetchall()
    return [
        Alert(fingerprint=fingerprint, kind="opened", at=moment(opened_at), body=load(body))
        for fingerprint, opened_at, body in rows
    ]


def record(connection: sqlite3.Connection, alerts: Sequence[Alert], sinks: Collection[str], as_of: datetime) -> None:
    """Store what began and what ended, each with one message to each sink, in the caller's transaction."""
    looked = moment_or_none(_one(connection, _LOOKED))
    if looked is not None and as_of < looked <= as_of + _SKEW:
        return  # another process has looked later; a clock that was set back looks like that for a while only
    connection.execute(_LOOK, (stamp(as_of),))
    for alert in alerts:
        body = dump(alert.body)
        if alert.kind == "opened":
            new = connection.execute(_BEGIN, (alert.fingerprint, stamp(alert.at), body)).rowcount
        else:
            new = connection.execute(_END, (alert.fingerprint,)).rowcount
        if new == 1:
            at = stamp(as_of)
            rows = [(alert.body["id"], sink, alert.fingerprint, body, at, at) for sink in sorted(sinks)]
            connection.executemany(_QUEUE, rows)


def claim(
    connection: sqlite3.Connection, sinks: Collection[str], *, now: datetime, until: datetime, most: int, limit: int
) -> list[AlertMessage]:
    """Take messages that are due, so that nobody else sends them before `until`, in the caller's transaction."""
    given = {"now": stamp(now), "until": stamp(until), "most": most, "limit": limit}
    connection.execute(_ABANDON, given)
    rows = [row for sink in sinks for row in connection.execute(_CLAIM, {**given, "sink": sink}).fetchall()]
    return [_message(row) for row in sorted(rows)]


def settle(connection: sqlite3.Connection, message: AlertMessage, error: str, retry_at: datetime | None) -> None:
    """Write down what came of a try: sent, to be tried again, or given up. Whoever was overtaken changes nothing."""
    state = "sent" if not error else "waiting" if retry_at else "failed"
    given = (state, error, stamp_or_none(retry_at), message.id, message.sink, message.tries)
    connection.execute(_SETTLE, given)


def release(connection: sqlite3.Connection, message: AlertMessage, now: datetime) -> None:
    """Let a claimed message that was not tried be due again, in the caller's transaction."""
    connection.execute(_RELEASE, (stamp(now), message.id, message.sink, message.tries))


def unsent(database: Database) -> list[AlertMessage]:
    """Return what was not sent yet, or was given up."""
    with database.read() as connection:
        return [_message(row) for row in connection.execute(_UNSENT).fetchall()]


def forget(connection: sqlite3.Connection, before: Mapping[str, Any]) -> None:
    """Forget old messages, in the caller's transaction; an open alert stays."""
    connection.execute(_FORGET, before)


def erase(connection: sqlite3.Connection, tenant: str) -> None:
    """Take a tenant out of everything that was told or is to be told, in the caller's transaction."""
    for table, key in _BODIES.items():
        rows = connection.execute(f"select {key}, body from {table}").fetchall()  # noqa: S608 - constants of this file
        for number, text in rows:
            body = load(text)
            erased = {**body, "data": _erased(body.get("data", {}), tenant)}
            if erased != body:
                connection.execute(f"update {table} set body = ? where {key} = ?", (dump(erased), number))  # noqa: S608 - the same


def _erased(data: Mapping[str, Any], tenant: str) -> dict[str, Any]:
    named = re.compile(rf"(?<![\w-]){re.escape(tenant)}(?![\w-])(/[\w-]+)?")
    texts = {name: named.sub("(purged)", data[name]) for name in _TEXTS if name in data}
    lists = {name: [item for item in data[name] if item.split("/")[0] != tenant] for name in _NAMES if name in data}
    words = str(data.get("next_command", "")).split()[1:]
    names_it = words[:1] != ["triage"] and any(word.partition("/")[0] == tenant for word in words[1:])
    return {**data, **texts, **lists, **({"next_command": "mkt status"} if names_it else {})}


def _one(connection: sqlite3.Connection, statement: str) -> Any:
    row = connection.execute(statement).fetchone()
    return row[0] if row else None


def _message(row: tuple[Any, ...]) -> AlertMessage:
    _, message_id, sink, fingerprint, body, created_at, tries, state, error, next_try_at = row
    return AlertMessage(
        id=message_id,
        sink=sink,
        fingerprint=fingerprint,
        body=load(body),
        created_at=moment(created_at),
        tries=tries,
        given_up=state == "failed",
        error=error,
        next_try_at=moment(next_try_at),
    )
