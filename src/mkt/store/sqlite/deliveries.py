"""The ledger of inbound deliveries."""

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from mkt.store.base import Key
from mkt.store.deliveries import (
    Delivery,
    DeliveryDay,
    DeliveryHistory,
    DeliveryQuery,
    Effects,
    StateTakenError,
)
from mkt.store.sqlite import delivered, memory
from mkt.store.sqlite.columns import dump, load, moment, moment_or_none, stamp, stamp_or_none
from mkt.store.sqlite.connection import Database
from mkt.store.sqlite.history import key_list

_SHOWN: Final = (
    "id, received_at, tenant_id, integration, connector, method, path, verdict, reason, status, duration_ms, dedupe,"
    " attempts, next_try_at, number, request, details"
)
_WHOLE: Final = f"{_SHOWN}, query, body"
_ADD: Final = f"""
    insert into integration_deliveries ({_WHOLE})
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    on conflict (tenant_id, integration, dedupe) where dedupe is not null do nothing"""  # noqa: S608 - constants of this file
_REPLACE: Final = f"insert or replace into integration_deliveries ({_WHOLE}) values ({', '.join('?' * 19)})"  # noqa: S608 - the same
_FIRST: Final = """
    select id, status from integration_deliveries where tenant_id = ? and integration = ? and dedupe = ?"""
# What is dead no longer stands in the way of the same delivery when the partner sends it anew.
_SETTLE: Final = """
    update integration_deliveries
    set verdict = :verdict, reason = :reason, status = :status, duration_ms = :duration_ms, details = :details,
        next_try_at = :next_try_at, dedupe = case when :verdict = 'dead' then null else dedupe end
    where id = :id"""
_IS_CLAIMED: Final = """
    select 1 from integration_deliveries where id = ? and attempts = ? and next_try_at is not null"""
_CLAIM: Final = f"""
    update integration_deliveries set next_try_at = :until, attempts = attempts + 1
    where id in (
        select id from integration_deliveries
        where next_try_at <= :now
          and (tenant_id, integration) not in
              (select json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(:without))
        order by next_try_at, received_at limit :limit)
    returning {_WHOLE}"""  # noqa: S608 - the same
_ANY_DUE: Final = "select exists (select 1 from integration_deliveries where next_try_at <= ?)"
_RELEASE: Final = """
    update integration_deliveries set next_try_at = min(received_at, ?), attempts = attempts - 1
    where id = ? and attempts = ? and next_try_at is not null"""
_REPLAY: Final = f"""
    update integration_deliveries set verdict = 'received', reason = '', attempts = 1, next_try_at = :until
    where id in (select value from json_each(:ids)) and body is not null and verdict in ('handled', 'failed', 'dead')
    returning {_WHOLE}"""  # noqa: S608 - the same
_NEWEST: Final = f"""
    select {_SHOWN} from integration_deliveries
    where (:verdicts is null or verdict in (select value from json_each(:verdicts)))
      and (:since is null or received_at >= :since)
      and (:keys is null or (tenant_id, integration) in
          (select json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(:keys)))
    order by id desc limit :limit"""  # noqa: S608 - the same
_FIND: Final = f"select {_WHOLE} from integration_deliveries where instr(id, ?) > 0 order by id desc limit 20"  # noqa: S608 - the same
# The columns are of the row that has the largest id: https://sqlite.org/lang_select.html#bareagg
_DEAD: Final = f"""
    select {_SHOWN}, count(*), max(id) from integration_deliveries
    where verdict = 'dead' and received_at >= :since
      and (:keys is null or (tenant_id, integration) in
          (select json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(:keys)))
    group by tenant_id, integration"""  # noqa: S608 - the same
_LAST: Final = """
    select last_at from integration_delivery_days where tenant_id = ? and integration = ? order by day desc limit 1"""
_COUNT: Final = """
    insert into integration_delivery_days (tenant_id, integration, day, number, longest_gap, last_at)
    values (?, ?, ?, ?, ?, ?)
    on conflict (tenant_id, integration, day) do update
    set number = number + excluded.number, longest_gap = max(longest_gap, excluded.longest_gap),
        last_at = max(last_at, excluded.last_at)"""
_DAYS: Final = """
    select tenant_id, integration, day, number, longest_gap, last_at from integration_delivery_days
    where :keys is null or (tenant_id, integration) in
        (select json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(:keys))
    order by day"""
_ACCEPTED: Final = frozenset({"received", "handled"})


def add(database: Database, deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Store all in one transaction; see `DeliveryStore.add_deliveries`."""
    with database.write(durable=True) as connection:
        stored = [_add(connection, delivery) for delivery in deliveries]
        _count(connection, stored)
    return stored


def _add(connection: sqlite3.Connection, delivery: Delivery) -> Delivery:
    if connection.execute(_ADD, _row(delivery)).rowcount == 1:
        return delivery
    first, status = connection.execute(_FIRST, (*delivery.key, delivery.dedupe)).fetchone()
    return delivery.as_duplicate(first, status)


def keep(connection: sqlite3.Connection, deliveries: Iterable[Delivery]) -> None:
    """Store what was refused, an entry that stands for many once more."""
    connection.executemany(_REPLACE, [_row(delivery) for delivery in deliveries])


def commit(
    connection: sqlite3.Connection, delivery: Delivery, effects: Effects, claimed: int | None, now: datetime
) -> dict[str, int] | None:
    """Store the entry and its effects, in the caller's transaction; see `DeliveryStore.commit_delivery`."""
    new = claimed is None
    if new and delivery.dedupe and connection.execute(_FIRST, (*delivery.key, delivery.dedupe)).fetchone():
        return None
    if claimed is not None and not connection.execute(_IS_CLAIMED, (delivery.id, claimed)).fetchone():
        return None
    changed = _apply(connection, delivery.key, effects, now)
    done = replace(delivery, details={**delivery.details, **({"changes": changed} if changed else {})})
    if not new:
        connection.execute(_SETTLE, _named(done))
    elif effects.kept:
        connection.execute(_ADD, _row(done))
    if new:
        _count(connection, [done])
    return changed


def _apply(connection: sqlite3.Connection, key: Key, effects: Effects, now: datetime) -> dict[str, int]:
    for name, value in effects.takes:
        if not memory.take_same(connection, key, name, value, now):
            raise StateTakenError(name)
    if effects.puts:
        memory.put(connection, key, list(effects.puts), now)
    return delivered.apply(connection, key, effects.rows, stamp(now)) if effects.rows else {}


def claim(database: Database, now: datetime, until: datetime, limit: int, without: Collection[Key]) -> list[Delivery]:
    """Return waiting deliveries in the order in which they came. To see that there are none, nothing is written."""
    with database.read() as connection:
        if not connection.execute(_ANY_DUE, (stamp(now),)).fetchone()[0]:
            return []
    wanted = {"now": stamp(now), "until": stamp(until), "limit": limit, "without": key_list(without)}
    with database.write() as connection:
        return sorted(
            _deliveries(connection.execute(_CLAIM, wanted)), key=lambda delivery: (delivery.received_at, delivery.id)
        )


def release(connection: sqlite3.Connection, claims: Mapping[str, int], now: datetime) -> None:
    """Give back what was claimed and not begun; as early as it came, so that it comes before what came after."""
    connection.executemany(_RELEASE, [(stamp(now), *each) for each in claims.items()])


def replay(connection: sqlite3.Connection, ids: Collection[str], until: datetime) -> list[Delivery]:
    """Let deliveries be handled once more."""
    return _deliveries(connection.execute(_REPLAY, {"ids": dump(list(ids)), "until": stamp(until)}))


def newest(database: Database, query: DeliveryQuery) -> list[Delivery]:
    """Return deliveries, newest first, without query and body."""
    wanted = {
        "keys": key_list(query.keys),
        "verdicts": dump(list(query.verdicts)) if query.verdicts else None,
        "since": stamp_or_none(query.since),
        "limit": query.limit,
    }
    with database.read() as connection:
        return _deliveries(connection.execute(_NEWEST, wanted))


def find(database: Database, part: str) -> list[Delivery]:
    """Return the deliveries whose id contains `part`, with query and body."""
    with database.read() as connection:
        return _deliveries(connection.execute(_FIND, (part,)))


def dead(database: Database, since: datetime, keys: Collection[Key] | None) -> dict[Key, tuple[int, Delivery]]:
    """Count what came since and is dead, and return the last of each integration."""
    with database.read() as connection:
        rows = connection.execute(_DEAD, {"since": stamp(since), "keys": key_list(keys)}).fetchall()
    return {Key(row[2], row[3]): (number, _delivery(*row)) for *row, number, _ in rows}


def past(database: Database, since: date, keys: Collection[Key] | None) -> dict[Key, DeliveryHistory]:
    """Return what was accepted by day since then."""
    days: defaultdict[Key, list[DeliveryDay]] = defaultdict(list)
    last: dict[Key, datetime] = {}
    with database.read() as connection:
        for tenant, name, day, number, gap, at in connection.execute(_DAYS, {"keys": key_list(keys)}):
            last[Key(tenant, name)] = moment(at)
            if day >= since.isoformat():
                days[Key(tenant, name)].append(DeliveryDay(date.fromisoformat(day), number, gap))
    return {key: DeliveryHistory(last_at=at, days=tuple(days[key])) for key, at in last.items()}


def _count(connection: sqlite3.Connection, stored: Iterable[Delivery]) -> None:
    """Note by day how many were accepted, and after how long a silence."""
    of_key: defaultdict[Key, list[datetime]] = defaultdict(list)
    for delivery in stored:
        if delivery.verdict in _ACCEPTED:
            of_key[delivery.key].append(delivery.received_at)
    for key, times in of_key.items():
        row = connection.execute(_LAST, key).fetchone()
        first, last = min(times), max(times)
        gap = max(first - moment(row[0]), timedelta()) if row else timedelta()
        day = stamp(last)[:10]
        connection.execute(_COUNT, (*key, day, len(times), gap.total_seconds(), stamp(last)))


def _row(delivery: Delivery) -> tuple[Any, ...]:
    return tuple(_named(delivery).values())


def _named(delivery: Delivery) -> dict[str, Any]:
    """Return the columns, in the order of `_WHOLE`."""
    return {
        "id": delivery.id,
        "received_at": stamp(delivery.received_at),
        "tenant_id": delivery.key.tenant,
        "integration": delivery.key.integration,
        "connector": delivery.connector,
        "method": delivery.method,
        "path": delivery.path,
        "verdict": delivery.verdict,
        "reason": delivery.reason,
        "status": delivery.status,
        "duration_ms": delivery.duration_ms,
        "dedupe": delivery.dedupe or None,
        "attempts": delivery.attempts,
        "next_try_at": stamp_or_none(delivery.next_try_at),
        "number": delivery.count,
        "request": dump(delivery.request),
        "details": dump(delivery.details),
        "query": delivery.query,
        "body": delivery.body,
    }


def _deliveries(rows: Iterable[tuple[Any, ...]]) -> list[Delivery]:
    return [_delivery(*row) for row in rows]


def _delivery(*row: Any) -> Delivery:
    query, body = row[17:] if len(row) > 17 else ("", None)  # noqa: PLR2004 - the columns of `_SHOWN`
    return Delivery(
        id=row[0],
        received_at=moment(row[1]),
        key=Key(row[2], row[3]),
        connector=row[4],
        method=row[5],
        path=row[6],
        verdict=row[7],
        reason=row[8],
        status=row[9],
        duration_ms=row[10],
        dedupe=row[11] or "",
        attempts=row[12],
        next_try_at=moment_or_none(row[13]),
        count=row[14],
        request=load(row[15]),
        details=load(row[16]),
        query=query,
        body=body,
    )
