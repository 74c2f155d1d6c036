"""What the completed scopes of a staging did not list, worked out in three temporary tables.

`temp.absent` holds a row for each record and each scope that it was absent from: `removed` takes it out of the scope
now, otherwise it is marked, and removed when the next complete listing lacks it too. `temp.missing` holds those that
no scope listed, and `temp.gone` those of them that no scope holds any longer, with the ones that the partner said
are deleted.
"""

import sqlite3
from typing import Final

from mkt.store.sqlite import tombstones

_TABLES: Final = (
    """create temp table if not exists absent (
        source integer, scope text, external_id text, removed integer,
        primary key (source, external_id, scope)
    ) without rowid""",
    """create temp table if not exists missing (
        source integer, external_id text,
        primary key (source, external_id)
    ) without rowid""",
    "delete from temp.absent",
    "delete from temp.missing",
)
# A bad record may be one of those that seem to be absent: its stream deletes and marks nothing.
_COMPLETES: Final = """
    select c.source, c.scope, c.trusted from integration_staging_completes c
    left join integration_staging_streams t on t.staging = c.staging and t.source = c.source
    where c.staging = ? and coalesce(t.invalid, 0) = 0"""
# The first part merges two indexes that are in the same order: only what was not seen costs a look at its row.
# Without a limit SQLite leaves out the order inside a part, and with it the merge, which takes a quarter of the time.
_ABSENT_UNSCOPED: Final = """
    with unseen as materialized (
        select external_id from integration_records where source = :source
        except
        select external_id from integration_staging_seen
        where staging = :staging and source = :source and scope = ''
        order by external_id limit -1)
    insert into temp.absent (source, scope, external_id, removed)
    select :source, '', u.external_id, :trusted
    from unseen u cross join integration_records r on r.source = :source and r.external_id = u.external_id
    where r.deleted = 0 and r.unscoped = 1"""
_ABSENT_NAMED: Final = """
    insert into temp.absent (source, scope, external_id, removed)
    select :source, :scope, m.external_id, :trusted from integration_record_scopes m
    where m.source = :source and m.scope = :scope
      and not exists (select 1 from integration_staging_seen s
                      where s.staging = :staging and s.source = :source and s.scope = :scope
                        and s.external_id = m.external_id)"""
_LEAVE_OUT_DELETED: Final = """
    delete from temp.absent
    where exists (select 1 from integration_staging g
                  where g.staging = :staging and g.source = absent.source and g.external_id = absent.external_id
                    and g.change = 'deleted')"""
_REMOVE_MARKED: Final = """
    update temp.absent set removed = 1
    where exists (select 1 from integration_absences k
                  where k.source = absent.source and k.scope = absent.scope
                    and k.external_id = absent.external_id)"""
# The last condition has an index of its own, which holds the named scopes only.
_MISSING: Final = """
    insert into temp.missing (source, external_id)
    select distinct a.source, a.external_id from temp.absent a
    where not exists (select 1 from integration_staging_seen s
                      where s.staging = :staging and s.source = a.source and s.scope = ''
                        and s.external_id = a.external_id)
      and not exists (select 1 from integration_staging_seen s
                      where s.staging = :staging and s.source = a.source and s.scope <> ''
                        and s.external_id = a.external_id)"""
_GONE: Final = """
    insert into temp.gone (source, external_id)
    select x.source, x.external_id from temp.missing x
    where not exists (select 1 from integration_record_scopes m
                      where m.source = x.source and m.external_id = x.external_id
                        and not exists (select 1 from temp.absent a
                                        where a.source = m.source and a.scope = m.scope
                                          and a.external_id = m.external_id and a.removed = 1))
      and not exists (select 1 from integration_records r
                      where r.source = x.source and r.external_id = x.external_id and r.unscoped = 1
                        and not exists (select 1 from temp.absent a
                                        where a.source = r.source and a.scope = ''
                                          and a.external_id = r.external_id and a.removed = 1))"""
_SAID_DELETED: Final = """
    insert into temp.gone (source, external_id)
    select source, external_id from integration_staging
    where staging = :staging and change = 'deleted' order by position"""
# The records that are missing for the first time: from now on every scope that still holds such a record has it
# marked, and one of them for the first time.
FIRST: Final = """
    select x.external_id from temp.missing x
    where x.source = :source
      and exists (select 1 from temp.absent a
                  where a.source = x.source and a.external_id = x.external_id and a.removed = 0)
      and not exists (select 1 from integration_record_scopes m
                      where m.source = x.source and m.external_id = x.external_id
                        and not exists (select 1 from temp.absent a
                                        where a.source = m.source and a.scope = m.scope
                                          and a.external_id = m.external_id)
                        and not exists (select 1 from integration_absences k
                                        where k.source = m.source and k.scope = m.scope
                                          and k.external_id = m.external_id))
      and not exists (select 1 from integration_records r
                      where r.source = x.source and r.external_id = x.external_id and r.unscoped = 1
                        and not exists (select 1 from temp.absent a
                                        where a.source = r.source and a.scope = ''
                                          and a.external_id = r.external_id)
                        and not exists (select 1 from integration_absences k
                                        where k.source = r.source and k.scope = ''
                                          and k.external_id = r.external_id))"""

_COUNT_FIRST: Final = f"select count(*) from ({FIRST})"  # noqa: S608 - constants of this file


def find(connection: sqlite3.Connection, staging: int) -> None:
    """Fill the three tables, in the caller's transaction."""
    for statement in _TABLES:
        connection.execute(statement)
    tombstones.new_list(connection)
    this = {"staging": staging}
    for source, scope, trusted in connection.execute(_COMPLETES, (staging,)).fetchall():
        scoped = {**this, "source": source, "scope": scope, "trusted": trusted}
        connection.execute(_ABSENT_NAMED if scope else _ABSENT_UNSCOPED, scoped)
    for statement in (_LEAVE_OUT_DELETED, _REMOVE_MARKED, _MISSING, _GONE, _SAID_DELETED):
        connection.execute(statement, this)


def count_first(connection: sqlite3.Connection, source: int) -> int:
    """Count the records that are missing for the first time, and go if the next listing lacks them too."""
    ((number,),) = connection.execute(_COUNT_FIRST, {"source": source}).fetchall()
    return int(number)
