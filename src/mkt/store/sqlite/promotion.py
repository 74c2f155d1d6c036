"""Applying a staging: set by set, so that memory stays flat however large it is."""

import sqlite3
from collections.abc import Collection, Sequence
from typing import Final

from mkt.store.base import Part
from mkt.store.sqlite import tombstones

_SPAN: Final = "select min(position), max(position) from integration_staging where staging = ?"
_PUT: Final = """
    insert or replace into integration_records
        (source, external_id, hash, deleted, unscoped, first_seen_at, changed_at, data)
    select g.source, g.external_id, g.hash, 0,
           coalesce(r.unscoped, 0) or exists (
               select 1 from integration_staging_seen s
               where s.staging = g.staging and s.source = g.source and s.scope = ''
                 and s.external_id = g.external_id),
           coalesce(r.first_seen_at, :now), :now, g.document
    from integration_staging g
    left join integration_records r on r.source = g.source and r.external_id = g.external_id
    where g.position >= :low and g.position < :high and +g.staging = :staging
      and (g.change = :one or g.change = :other)
    order by g.position"""
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
    where seq in (
        select r.seq from temp.absent a
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
_TAKE_OUT: Final = "delete from integration_staging where staging = :staging and (change = :one or change = :other)"
_ALL: Final[tuple[Part, ...]] = ("created", "updated")


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
    connection.execute(_TAKE_OUT, this)


def _put(connection: sqlite3.Connection, staging: int, now: str, part: Collection[Part] = _ALL) -> None:
    low, high = connection.execute(_SPAN, (staging,)).fetchone()
    if low is None:
        return
    for start in range(low, high + 1, tombstones.CHUNK):
        this = {"staging": staging, "now": now, "low": start, "high": start + tombstones.CHUNK}
        connection.execute(_PUT, {**this, "one": min(part), "other": max(part)})
