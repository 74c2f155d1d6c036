"""Erasing a tenant: what is left of its rows in the file is overwritten too."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from mkt.errors import Refused
from mkt.store.base import Key, Lease
from mkt.store.sqlite import alerts, leftovers
from mkt.store.sqlite.chunks import delete_found, delete_in_chunks
from mkt.store.sqlite.connection import Database
from mkt.store.sqlite.leases import Leases

_KEYS: Final = """
    select tenant_id, integration from integration_leases where tenant_id = :tenant
    union select tenant_id, integration from integration_sources where tenant_id = :tenant"""
# Without cursors, what a killed purge leaves is loaded anew; without its staging, a hold could never be decided.
_FIRST: Final = (
    "update integration_sources set cursor = null, as_of = null where tenant_id = ?",
    "delete from integration_holds where tenant_id = ?",
)
_STAGINGS: Final = "select staging from integration_staging_runs where tenant_id = ?"
_SOURCES: Final = "select source from integration_sources where tenant_id = ?"
_RECORDS: Final = (
    "select seq from integration_records where source = :source and seq > :after order by seq limit :page",
    (
        """delete from integration_documents where document in (
            select document from integration_records where seq in (select value from json_each(:ids)))""",
        "delete from integration_records where seq in (select value from json_each(:ids))",
    ),
)
_OF_RECORDS: Final = (
    """delete from integration_record_scopes where (source, scope, external_id) in
        (select source, scope, external_id from integration_record_scopes where source = :source limit :chunk)""",
    """delete from integration_absences where (source, scope, external_id) in
        (select source, scope, external_id from integration_absences where source = :source limit :chunk)""",
)
_HISTORY: Final = (
    (
        "select seq from integration_events where tenant_id = :tenant and seq > :after order by seq limit :page",
        "delete from integration_events where seq in (select value from json_each(:ids))",
    ),
    (
        "select rowid from integration_runs where tenant_id = :tenant and rowid > :after order by rowid limit :page",
        "delete from integration_runs where rowid in (select value from json_each(:ids))",
    ),
)
_DELIVERIES: Final = """
    delete from integration_deliveries where id in (
        select id from integration_deliveries where tenant_id = :tenant limit :chunk)"""
_CAME: Final = """
    select 1 from integration_sources s join integration_records r on r.source = s.source
    where s.tenant_id = ? limit 1"""
_REST: Final = (
    "delete from integration_delivery_days where tenant_id = ?",
    "delete from integration_sources where tenant_id = ?",
    "delete from integration_state where tenant_id = ?",
    "delete from integration_memory where tenant_id = ?",
    "delete from integration_leases where tenant_id = ?",
)


def purge(database: Database, leases: Leases, tenant: str) -> None:
    """Erase a tenant. Killed in the midst, it is completed by the next purge."""
    with _alone(database, leases, tenant) as renew:
        with database.write() as connection:
            connection.execute("pragma secure_delete = on")
            for statement in _FIRST:
                connection.execute(statement, (tenant,))
        for staging in _numbers(database, _STAGINGS, tenant):
            leftovers.remove(database, staging, renew)
        for source in _numbers(database, _SOURCES, tenant):
            delete_found(database, *_RECORDS, {"source": source}, renew)
            for statement in _OF_RECORDS:
                delete_in_chunks(database, statement, {"source": source}, renew)
        for select, delete in _HISTORY:
            delete_found(database, select, [delete], {"tenant": tenant}, renew)
        delete_in_chunks(database, _DELIVERIES, {"tenant": tenant}, renew)
        with database.write() as connection:
            if connection.execute(_CAME, (tenant,)).fetchone():
                raise Refused(
                    f"an integration of {tenant} had its first run meanwhile, so not all of {tenant} was purged",
                    remedy="Wait until the run has ended (`mkt runs list`), then purge again.",
                )
            for statement in _REST:
                connection.execute(statement, (tenant,))
            alerts.erase(connection, tenant)


@contextmanager
def _alone(database: Database, leases: Leases, tenant: str) -> Iterator[Callable[[], None]]:
    """Hold every lease of the tenant, and give what keeps them; raise `Refused` where another run has one."""
    held: list[Lease] = []
    try:
        for key in _keys(database, tenant):
            lease = leases.acquire(key)
            if lease is None:
                raise Refused(
                    f"{key.tenant}/{key.integration} is running, so nothing of {tenant} was purged",
                    remedy="Wait until the run has ended (`mkt runs list`), then purge again.",
                )
            held.append(lease)
        yield lambda: leases.renew(held)
    finally:
        for lease in held:
            leases.release(lease)


def _keys(database: Database, tenant: str) -> list[Key]:
    with database.read() as connection:
        return [Key(*row) for row in connection.execute(_KEYS, {"tenant": tenant})]


def _numbers(database: Database, statement: str, tenant: str) -> list[int]:
    with database.read() as connection:
        rows: sqlite3.Cursor = connection.execute(statement, (tenant,))
        return [number for (number,) in rows]
