"""Forgetting what is older than it is kept."""

import sqlite3
from datetime import datetime, timedelta
from typing import Any, Final

from mkt.store.base import STAGING_KEPT, Key, Pruned, Retention
from mkt.store.sqlite import alerts, leftovers
from mkt.store.sqlite.chunks import delete_found, delete_in_chunks
from mkt.store.sqlite.columns import stamp
from mkt.store.sqlite.connection import Database
from mkt.store.sqlite.leases import Leases

# Events stand in the order in which they arrived: the first one that is kept ends the look at the old ones.
_FIRST_KEPT: Final = """
    select coalesce(
        (select seq from integration_events where timestamp >= :events order by seq limit 1),
        (select max(seq) + 1 from integration_events))"""
_OLD_EVENTS: Final = "from integration_events where seq < :first"
_DELETE_EVENTS: Final = f"""
    delete from integration_events where seq in (select seq {_OLD_EVENTS} order by seq limit :chunk)"""  # noqa: S608 - constants of this file
_OLD_RUNS: Final = """
    from integration_runs where started_at < :runs and id not in (select last_run_id from integration_state)"""
_DELETE_RUNS: Final = f"delete from integration_runs where id in (select id {_OLD_RUNS} limit :chunk)"  # noqa: S608 - the same
_WITH_TOMBSTONES: Final = "select distinct source from integration_records where deleted = 1"
_OLD_TOMBSTONES: Final = "from integration_records where deleted = 1 and changed_at < :tombstones"
_TOMBSTONES: Final = f"""
    select record {_OLD_TOMBSTONES} and source = :source and record > :after order by record limit :page"""
_FOUND_TOMBSTONES: Final = (
    "from integration_records where record in (select value from json_each(:ids)) and deleted = 1"
)
_DELETE_TOMBSTONES: Final = (
    f"delete from integration_documents where document in (select document {_FOUND_TOMBSTONES})",  # noqa: S608 - constants of this file
    f"delete {_FOUND_TOMBSTONES}",
)
_OLD_STAGINGS: Final = "from integration_staging_runs where touched_at < :stagings and hold_id is null"
_STAGINGS: Final = f"select staging, tenant_id, integration {_OLD_STAGINGS}"
_OLD_HOLDS: Final = "from integration_holds where closed_at < :holds"
_DELETE_HOLDS: Final = f"delete from integration_holds where id in (select id {_OLD_HOLDS} limit :chunk)"  # noqa: S608 - the same
_OLD_DELIVERIES: Final = "from integration_deliveries where received_at < :deliveries and next_try_at is null"
_DELETE_DELIVERIES: Final = f"""
    delete from integration_deliveries where id in (select id {_OLD_DELIVERIES} limit :chunk)"""  # noqa: S608 - the same
# The last day of each integration stays: since when nothing came is told for as long as nothing comes.
_DELETE_DAYS: Final = """
    delete from integration_delivery_days
    where day < substr(:days, 1, 10) and exists (
        select 1 from integration_delivery_days later
        where later.tenant_id = integration_delivery_days.tenant_id
          and later.integration = integration_delivery_days.integration
          and later.day > integration_delivery_days.day)"""
_DAYS_KEPT: Final = timedelta(days=60)
_FORGET_EXPIRED: Final = "delete from integration_memory where expires_at <= ?"


def prune(database: Database, leases: Leases, retention: Retention, now: datetime, *, dry_run: bool) -> Pruned:
    """Count what is older or, unless it is a dry run, delete it."""
    before: dict[str, Any] = {
        "events": stamp(now - retention.events),
        "runs": stamp(now - retention.runs),
        "tombstones": stamp(now - retention.tombstones),
        "stagings": stamp(now - STAGING_KEPT),
        "holds": stamp(now - retention.holds),
        "deliveries": stamp(now - retention.deliveries),
        "days": stamp(now - _DAYS_KEPT),
    }
    with database.read() as connection:
        (before["first"],) = connection.execute(_FIRST_KEPT, before).fetchone()
        if dry_run:
            return _counted(connection, before)
    with database.write() as connection:
        connection.execute(_FORGET_EXPIRED, (stamp(now),))
        connection.execute(_DELETE_DAYS, before)
        alerts.forget(connection, before)
    return Pruned(
        events=delete_in_chunks(database, _DELETE_EVENTS, before),
        runs=delete_in_chunks(database, _DELETE_RUNS, before),
        tombstones=_tombstones(database, before),
        stagings=_stagings(database, leases, before),
        holds=delete_in_chunks(database, _DELETE_HOLDS, before),
        deliveries=delete_in_chunks(database, _DELETE_DELIVERIES, before),
    )


def _counted(connection: sqlite3.Connection, before: dict[str, Any]) -> Pruned:
    def count(old: str) -> int:
        ((number,),) = connection.execute(f"select count(*) {old}", before).fetchall()
        return int(number)

    return Pruned(
        events=count(_OLD_EVENTS),
        runs=count(_OLD_RUNS),
        tombstones=count(_OLD_TOMBSTONES),
        stagings=count(_OLD_STAGINGS),
        holds=count(_OLD_HOLDS),
        deliveries=count(_OLD_DELIVERIES),
    )


def _tombstones(database: Database, before: dict[str, Any]) -> int:
    """Go through the streams: the index of tombstones is by stream."""
    with database.read() as connection:
        sources = [source for (source,) in connection.execute(_WITH_TOMBSTONES)]
    return sum(
        delete_found(database, _TOMBSTONES, _DELETE_TOMBSTONES, {**before, "source": source}) for source in sources
    )


def _stagings(database: Database, leases: Leases, before: dict[str, Any]) -> int:
    """Remove what no run goes on from. One that somebody has the lease of is left alone."""
    with database.read() as connection:
        old = connection.execute(_STAGINGS, before).fetchall()
    return sum(_staging(database, leases, staging, Key(*key), before) for staging, *key in old)


def _staging(database: Database, leases: Leases, staging: int, key: Key, before: dict[str, Any]) -> bool:
    lease = leases.acquire(key)
    if lease is None:
        return False
    try:
        with database.read() as connection:
            still = connection.execute(
                _STAGINGS + " and staging = :staging", {**before, "staging": staging}
            ).fetchone()
        if still:
            leftovers.remove(database, staging, lambda: leases.renew([lease]))
        return still is not None
    finally:
        leases.release(lease)
