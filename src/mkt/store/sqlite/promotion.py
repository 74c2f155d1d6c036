"""Applying a staging: set by set, so that memory stays flat however large it is."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from mkt.store.base import Part
from mkt.store.sqlite import headers, numbers, tombstones

_SPAN: Final = "select min(position), max(position) from integration_staging where staging = ?"
_CREATE: Final = """
    insert into integration_records
        (source, external_id, seq, hash, deleted, unscoped, first_seen_at, changed_at, document)
    select g.source, g.external_id, :last + g.position, g.hash, 0,
           exists (
               select 1 from integration_staging_seen s
               where s.staging = g.staging and s.source = g.source and s.scope = ''
                 and s.external_id = g.external_id),
           :now, :now, g.document
    from integration_staging g
    where g.position >= :low and g.position < :high and +g.staging = :staging and g.change = 'created'
    on conflict (source, external_id) do update
    set seq = excluded.seq, hash = excluded.hash, deleted = 0, unscoped = excluded.unscoped,
        changed_at = excluded.changed_at, document = excluded.document"""
# In place, which takes half the time of the above: only the indexes of `seq` move.
_UPDATE: Final = """
    update integration_records as r
    set seq = :last + g.position, hash = g.hash, changed_at = :now, document = g.document,
        unscoped = case when r.unscoped then 1 else exists (
            select 1 from integration_staging_seen s
            where s.staging = g.staging and s.source = g.source and s.scope = ''
              and s.external_id = g.external_id) end
    from integration_staging g
    where g.position >= :low and g.position < :high and +g.staging = :staging and g.change = 'updated'
      and r.source = g.source and r.external_id = g.external_id"""
_PUT: Final[Mapping[Part, str]] = {"created": _CREATE, "updated": _UPDATE}
_STAND_IN: Final = """
    insert or ignore into integration_record_scopes (source, scope, external_id)
    select source, scope, external_id from integration_staging_seen
    where staging = :staging and source = :source and scope > ''"""
# Only the few live records outside the default scope are looked at: a partial index holds them.
_STAND_UNSCOPED: Final = """
    update integration_records set unscoped = 1
    where source = :source and deleted = 0 and unscoped = 0
      and exists (select 1 from integration_staging_seen s
                  where s.staging = :staging and s.source = :source and s.scope = ''
                    and s.external_id = integration_records.external_id)"""
_REMOVED: Final = "select source, scope, external_id from temp.absent where removed = 1 and scope <> ''"
_LEAVE: Final = "delete from integration_record_scopes where source = ? and scope = ? and external_id = ?"
_LEAVE_UNSCOPED: Final = """
    update integration_records set unscoped = 0
    where record in (
        select r.record from temp.absent a
        cross join integration_records r on r.source = a.source and r.external_id = a.external_id
        where a.removed = 1 and a.scope = '' and r.unscoped = 1)"""
_MARK: Final = """
    insert or ignore into integration_absences (source, scope, external_id)
    select source, scope, external_id from temp.absent where removed = 0"""
_UNMARK: Final = """
    delete from integration_absences
    where source = :source
      and (exists (select 1 from integration_staging_seen s
                   where s.staging = :staging and s.source = :source
                     and s.scope = integration_absences.scope and s.external_id = integration_absences.external_id)
           or exists (select 1 from temp.absent a
                      where a.source = :source and a.removed = 1
                        and a.scope = integration_absences.scope
                        and a.external_id = integration_absences.external_id))"""

_STAND_PART: Final = """
    insert or ignore into integration_record_scopes (source, scope, external_id)
    select s.source, s.scope, s.external_id
    from integration_staging g
    cross join integration_staging_seen s
      on s.staging = g.staging and s.source = g.source and s.external_id = g.external_id and s.scope <> ''
    where g.staging = :staging and (g.change = :one or g.change = :other)"""
_TAKE_OUT: Final = (
    headers.SUPERSEDED.format(which="g.staging = :staging and (g.change = :one or g.change = :other)"),
    "delete from integration_staging where staging = :staging and (change = :one or change = :other)",
)


def apply(connection: sqlite3.Connection, staging: int, sources: Sequence[int], now: str) -> None:
    """Apply records, scopes, absences and tombstones, after `absence.find` in the same transaction."""
    _put(connection, staging, now)
    connection.execute(_MARK)
    # After the marks: burying a record takes those of its other scopes away.
    tombstones.bury(connection, now)
    connection.executemany(_LEAVE, connection.execute(_REMOVED))
    connection.execute(_LEAVE_UNSCOPED)
    for source in sources:
        this = {"staging": staging, "source": source}
        connection.execute(_STAND_IN, this)
        connection.execute(_STAND_UNSCOPED, this)
        connection.execute(_UNMARK, this)


def apply_part(connection: sqlite3.Connection, staging: int, part: Collection[Part], now: str) -> None:
    """Apply what these kinds of changes put, and take it out of the staging; nothing goes."""
    _put(connection, staging, now, part)
    this = {"staging": staging, "one": min(part), "other": max(part)}
    connection.execute(_STAND_PART, this)
    for statement in _TAKE_OUT:
        connection.execute(statement, this)


def _put(connection: sqlite3.Connection, staging: int, now: str, part: Collection[Part] = tuple(_PUT)) -> None:
    low, high = connection.execute(_SPAN, (staging,)).fetchone()
    if low is None:
        return
    last = numbers.take(connection, seqs=high - low + 1).seq - low + 1
    for start in range(low, high + 1, tombstones.CHUNK):
        this = {"staging": staging, "now": now, "low": start, "high": start + tombstones.CHUNK, "last": last}
        for change in part:
            connection.execute(_PUT[change], this)
