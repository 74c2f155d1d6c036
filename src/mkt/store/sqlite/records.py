"""Reading what was synced: the change feed, the scopes, the counts."""

from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet
from typing import Any, Final

from mkt.contract import Stream
from mkt.store.base import Key, StoredRecord
from mkt.store.sqlite.columns import dump, load, moment
from mkt.store.sqlite.connection import Database
from mkt.store.sqlite.history import key_list
from mkt.store.sqlite.paging import pages

_COLUMNS: Final = """
    select r.seq, s.tenant_id, s.integration, s.stream, r.external_id, d.data, r.first_seen_at, r.changed_at,
           r.deleted
    from integration_records r
    cross join integration_sources s on s.source = r.source
    cross join integration_documents d on d.document = r.document"""
_REST: Final = " and r.seq > :since and r.deleted <= :deleted order by r.seq limit :page"
# One source is read by its index. Several are read by that of `seq` alone: merging
# their indexes page by page would sort the whole rest for each page.
_OF_ONE: Final = _COLUMNS + " where r.source = :source" + _REST
_AMONG: Final = " where (:sources is null or +r.source in (select value from json_each(:sources)))"
_OF_ALL: Final = _COLUMNS + _AMONG + _REST
_SOURCES: Final = """
    select source from integration_sources
    where (:stream is null or stream = :stream)
      and (:keys is null or (tenant_id, integration) in
          (select json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(:keys)))"""
_NAMED_SCOPES: Final = """
    select distinct m.scope from integration_record_scopes m cross join integration_sources s on s.source = m.source
    where s.tenant_id = ? and s.integration = ? and s.stream = ?"""
# All but the gone and the scoped ones, each counted by an index.
_UNSCOPED: Final = """
    select (select count(*) from integration_records r where r.source = s.source)
         - (select count(*) from integration_records r where r.source = s.source and r.deleted = 1)
         - (select count(*) from integration_records r
            where r.source = s.source and r.deleted = 0 and r.unscoped = 0)
    from integration_sources s where s.tenant_id = ? and s.integration = ? and s.stream = ?"""
_COUNTS: Final = """
    with n as materialized (
        select s.tenant_id, s.integration, s.stream,
            (select count(*) from integration_records r where r.source = s.source) as total,
            (select count(*) from integration_records r where r.source = s.source and r.deleted = 1) as gone
        from integration_sources s
        where :keys is null or (s.tenant_id, s.integration) in
            (select json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(:keys)))
    select tenant_id, integration, stream, total - gone, gone from n where total > 0"""


def records(
    database: Database,
    *,
    keys: Collection[Key] | None,
    stream: Stream | None,
    since_seq: int,
    deleted: bool,
    limit: int | None,
) -> Iterator[StoredRecord]:
    """Read page by page: between two pages nothing is held."""
    wanted: dict[str, Any] = {"since": since_seq, "deleted": deleted, "sources": None}
    statement = _OF_ALL
    if keys is not None or stream is not None:
        numbers = _source_numbers(database, keys, stream)
        statement = _OF_ONE if len(numbers) == 1 else _OF_ALL
        wanted |= {"source": numbers[0] if numbers else None, "sources": dump(numbers)}
    for row in pages(database, statement, wanted, "since", limit):
        yield _record(row)


def scopes(database: Database, key: Key, stream: Stream) -> AbstractSet[str]:
    """Return the scopes that hold a live record."""
    with database.read() as connection:
        named = {scope for (scope,) in connection.execute(_NAMED_SCOPES, (*key, stream))}
        unscoped = connection.execute(_UNSCOPED, (*key, stream)).fetchone()
    return named | {""} if unscoped and unscoped[0] else named


def counts(database: Database, keys: Collection[Key] | None) -> dict[tuple[Key, Stream], tuple[int, int]]:
    """Return live and deleted records of each stream that has any."""
    with database.read() as connection:
        rows = connection.execute(_COUNTS, {"keys": key_list(keys)})
        return {(Key(row[0], row[1]), row[2]): (row[3], row[4]) for row in rows}


def _source_numbers(database: Database, keys: Collection[Key] | None, stream: Stream | None) -> list[int]:
    with database.read() as connection:
        rows = connection.execute(_SOURCES, {"keys": key_list(keys), "stream": stream})
        return [number for (number,) in rows]


def _record(row: tuple[Any, ...]) -> StoredRecord:
    return StoredRecord(
        seq=row[0],
        key=Key(row[1], row[2]),
        stream=row[3],
        external_id=row[4],
        data=load(row[5]),
        first_seen_at=moment(row[6]),
        changed_at=moment(row[7]),
        deleted=bool(row[8]),
    )
