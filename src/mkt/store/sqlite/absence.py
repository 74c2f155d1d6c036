"""What the completed scopes of a staging did not list.

`temp.absent` holds one row for each record and scope that it was absent from: `removed` takes it out of the scope
now, otherwise it is marked, and removed when the next complete listing lacks it too. `temp.gone` holds the records
that no scope holds any longer, and those that the partner said are deleted.
"""

import sqlite3
from typing import Final

from mkt.store.sqlite import tombstones

_LIST: Final = """
    create temp table if not exists absent (
        source integer, scope text, external_id text, removed integer,
        primary key (source, scope, external_id)
    ) without rowid"""
_EMPTY: Final = "delete from temp.absent"
# A bad record may be one of those that seem to be absent: its stream deletes and marks nothing.
_COMPLETES: Final = """
    select c.source, c.scope, c.trusted from integration_staging_completes c
    left join integration_staging_streams t on t.staging = c.staging and t.source = c.source
    where c.staging = ? and coalesce(t.invalid, 0) = 0"""
_NOT_DELETED: Final = """
      and not exists (select 1 from integration_staging g
                      where g.staging = :staging and g.source = :source and g.external_id = m.external_id
                        and g.change = 'deleted')"""
_REMOVED: Final = """
    :trusted or exists (select 1 from integration_absences a
                        where a.source = :source and a.scope = :scope and a.external_id = m.external_id)"""
# The first part reads the index on (source, external_id) alone: only what was not seen costs a look at its row.
_ABSENT_UNSCOPED: Final = (
    """
    with m as materialized (
        select r.external_id from integration_records r
        where r.source = :source
          and not exists (select 1 from integration_staging_seen s
                          where s.staging = :staging and s.source = :source and s.scope = ''
                            and s.external_id = r.external_id))
    insert into temp.absent (source, scope, external_id, removed)
    select :source, '', m.external_id,"""
    + _REMOVED
    + """
    from m cross join integration_records r on r.source = :source and r.external_id = m.external_id
    where r.deleted = 0 and r.unscoped = 1"""
    + _NOT_DELETED
)
_ABSENT_NAMED: Final = (
    """
    insert into temp.absent (source, scope, external_id, removed)
    select :source, :scope, m.external_id,"""
    + _REMOVED
    + """
    from integration_record_scopes m
    where m.source = :source and m.scope = :scope
      and not exists (select 1 from integration_staging_seen s
                      where s.staging = :staging and s.source = :source and s.scope = :scope
                        and s.external_id = m.external_id)"""
    + _NOT_DELETED
)
_SEEN_NOWHERE: Final = """
      and not exists (select 1 from integration_staging_seen s
                      where s.staging = :staging and s.source = a.source and s.scope = ''
                        and s.external_id = a.external_id)
      and not exists (select 1 from integration_staging_seen s
                      where s.staging = :staging and s.source = a.source and s.scope <> ''
                        and s.external_id = a.external_id)"""
_HELD_NOWHERE: Final = """
      and not exists (select 1 from integration_record_scopes m
                      where m.source = a.source and m.external_id = a.external_id
                        and not exists (select 1 from temp.absent b
                                        where b.source = m.source and b.scope = m.scope
                                          and b.external_id = m.external_id and b.removed = 1))
      and not exists (select 1 from integration_records r
                      where r.source = a.source and r.external_id = a.external_id and r.unscoped = 1
                        and not exists (select 1 from temp.absent b
                                        where b.source = r.source and b.scope = ''
                                          and b.external_id = r.external_id and b.removed = 1))"""
_GONE: Final = (
    """
    insert into temp.gone (source, external_id)
    select distinct a.source, a.external_id from temp.absent a
    where a.removed = 1"""
    + _SEEN_NOWHERE
    + _HELD_NOWHERE
)
_SAID_DELETED: Final = """
    insert into temp.gone (source, external_id)
    select source, external_id from integration_staging where staging = ? and change = 'deleted' order by position"""
# Missing for the first time: from now on every scope that still holds the record has it marked.
_HELD_MARKED: Final = """
      and not exists (select 1 from integration_record_scopes m
                      where m.source = a.source and m.external_id = a.external_id
                        and not exists (select 1 from temp.absent b
                                        where b.source = m.source and b.scope = m.scope
                                          and b.external_id = m.external_id)
                        and not exists (select 1 from integration_absences k
                                        where k.source = m.source and k.scope = m.scope
                                          and k.external_id = m.external_id))
      and not exists (select 1 from integration_records r
                      where r.source = a.source and r.external_id = a.external_id and r.unscoped = 1
                        and not exists (select 1 from temp.absent b
                                        where b.source = r.source and b.scope = ''
                                          and b.external_id = r.external_id)
                        and not exists (select 1 from integration_absences k
                                        where k.source = r.source and k.scope = ''
                                          and k.external_id = r.external_id))"""
_COUNT_FIRST: Final = (
    """
    select count(distinct a.external_id) from temp.absent a
    where a.source = :source and a.removed = 0"""
    + _SEEN_NOWHERE
    + _HELD_MARKED
)


def find(connection: sqlite3.Connection, staging: int) -> None:
    """Fill `temp.absent` and `temp.gone`, in the caller's transaction."""
    connection.execute(_LIST)
    connection.execute(_EMPTY)
    tombstones.new_list(connection)
    for source, scope, trusted in connection.execute(_COMPLETES, (staging,)).fetchall():
        this = {"staging": staging, "source": source, "scope": scope, "trusted": trusted}
        connection.execute(_ABSENT_NAMED if scope else _ABSENT_UNSCOPED, this)
    connection.execute(_GONE, {"staging": staging})
    connection.execute(_SAID_DELETED, (staging,))


def count_first(connection: sqlite3.Connection, staging: int, source: int) -> int:
    """Count the records that are missing for the first time, and go if the next listing lacks them too."""
    ((number,),) = connection.execute(_COUNT_FIRST, {"staging": staging, "source": source}).fetchall()
    return int(number)
