"""The first records that a staging would change, before and after."""

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from mkt.contract import Stream
from mkt.store.base import ChangedRecord
from mkt.store.sqlite import absence
from mkt.store.sqlite.columns import load

# Deletions first: they are what a person looks for. `temp.gone` has also those that the partner said are deleted.
_CHANGED: Final = f"""
    select c.external_id, c.change, b.data, a.data from (
        select 0 as part, g.position, g.external_id, 'deleted' as change, r.document as before, null as after
        from temp.gone g
        join integration_records r on r.source = g.source and r.external_id = g.external_id and r.deleted = 0
        where g.source = :source
        union all
        select 1, r.seq, r.external_id, 'absent', r.document, null
        from ({absence.FIRST}) f
        cross join integration_records r on r.source = :source and r.external_id = f.external_id
        union all
        select case g.change when 'updated' then 2 else 3 end, g.position, g.external_id, g.change, r.document,
               g.document
        from integration_staging g
        left join integration_records r
          on r.source = g.source and r.external_id = g.external_id and r.deleted = 0
        where g.staging = :staging and g.source = :source and g.change <> 'deleted'
        order by part, position limit :limit
    ) c
    left join integration_documents b on b.document = c.before
    left join integration_documents a on a.document = c.after
    order by c.part, c.position"""  # noqa: S608 - constants of this house


def changed(
    connection: sqlite3.Connection, staging: int, sources: Mapping[Stream, int], limit: int
) -> dict[Stream, list[ChangedRecord]]:
    """Return, for each stream, what goes, what changes and what comes, at most `limit` together."""
    absence.find(connection, staging)
    wanted = {"staging": staging, "limit": limit}
    return {
        stream: [record(row) for row in connection.execute(_CHANGED, {**wanted, "source": source})]
        for stream, source in sources.items()
    }


def record(row: tuple[Any, ...]) -> ChangedRecord:
    """Return a row of external id, change, data before and after."""
    return ChangedRecord(external_id=row[0], change=row[1], before=load(row[2]), after=load(row[3]))
