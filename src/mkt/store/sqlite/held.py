"""What is in a hold: each record that it touches is a row of its staging, the absent ones too."""

import sqlite3
from collections.abc import Collection, Iterable
from hashlib import blake2b
from typing import Any, Final

from mkt.errors import Refused
from mkt.store.base import ChangedRecord, Hold
from mkt.store.sqlite import absence
from mkt.store.sqlite.preview import record

_NOTE_GONE: Final = """
    insert or ignore into integration_staging (staging, source, external_id, change, hash, before_hash)
    select :staging, r.source, r.external_id, 'deleted', x'', r.hash
    from temp.gone g
    cross join integration_records r on r.source = g.source and r.external_id = g.external_id
    where r.deleted = 0 order by g.position"""
_NOTE_ABSENT: Final = f"""
    insert or ignore into integration_staging (staging, source, external_id, change, hash, before_hash)
    select :staging, r.source, r.external_id, 'absent', x'', r.hash
    from ({absence.FIRST}) f
    cross join integration_records r on r.source = :source and r.external_id = f.external_id"""  # noqa: S608 - constants of this house
_COUNT_ABSENT_AS_DELETED: Final = """
    update integration_staging set change = 'deleted' where staging = ? and change = 'absent'"""
# In the order of an index, so that equal sets give equal digests and nothing is sorted.
_CHANGE_SET: Final = """
    select source, external_id, change, hash from integration_staging where staging = ?
    order by source, external_id"""
_GROUPS: Final = "(:all or g.change = :one or g.change = :other)"
_DRIFTED: Final = f"""
    select g.external_id from integration_staging g
    left join integration_records r on r.source = g.source and r.external_id = g.external_id and r.deleted = 0
    where g.staging = :staging and {_GROUPS} and r.hash is not g.before_hash limit 1"""  # noqa: S608 - the same
_NOT_SHOWN: Final = """
    select g.external_id from temp.gone g
    where not exists (select 1 from integration_staging s
                      where s.staging = :staging and s.source = g.source and s.external_id = g.external_id
                        and s.change = 'deleted') limit 1"""
_RECORDS: Final = """
    select g.external_id, g.change, b.data, a.data from integration_staging g
    left join integration_records r on r.source = g.source and r.external_id = g.external_id and r.deleted = 0
    left join integration_documents b on b.document = r.document
    left join integration_documents a on a.document = g.document
    where g.staging = :staging and g.source = :source
    order by case g.change when 'deleted' then 0 when 'absent' then 1 when 'updated' then 2 else 3 end, g.position
    limit :limit"""


def note_absences(connection: sqlite3.Connection, staging: int, sources: Iterable[int]) -> None:
    """Write down who would go without having been said to be deleted; after `absence.find`."""
    connection.execute(_NOTE_GONE, {"staging": staging})
    for source in sources:
        connection.execute(_NOTE_ABSENT, {"staging": staging, "source": source})


def count_absent_as_deleted(connection: sqlite3.Connection, staging: int) -> None:
    """Let those that are missing for the first time go at once: a person has seen them."""
    connection.execute(_COUNT_ABSENT_AS_DELETED, (staging,))


def digest(connection: sqlite3.Connection, staging: int) -> bytes:
    """Return what tells one change set from another. To be missing and to be deleted is the same in it."""
    found = blake2b(digest_size=16)
    for source, external_id, change, content in connection.execute(_CHANGE_SET, (staging,)):
        kind = "deleted" if change == "absent" else change
        found.update(f"{source} {kind} {len(external_id)} {external_id} ".encode() + content)
    return found.digest()


def refuse_drift(connection: sqlite3.Connection, staging: int, hold: Hold, part: Collection[str] = ()) -> None:
    """Raise `Refused` where a record is not the one any more that the hold shows; `part` looks at these changes."""
    kinds = {"all": not part, "one": min(part, default=""), "other": max(part, default="")}
    row = connection.execute(_DRIFTED, {"staging": staging, **kinds}).fetchone()
    _refuse(hold, row)


def refuse_what_was_not_shown(connection: sqlite3.Connection, staging: int, hold: Hold) -> None:
    """Raise `Refused` where a record would go that the hold does not show; after `absence.find`."""
    _refuse(hold, connection.execute(_NOT_SHOWN, {"staging": staging}).fetchone())


def records(connection: sqlite3.Connection, staging: int, source: int, limit: int) -> list[ChangedRecord]:
    """Return the first records of one stream: what goes, what is missing, what changes, what comes."""
    rows = connection.execute(_RECORDS, {"staging": staging, "source": source, "limit": limit})
    return [record(row) for row in rows]


def _refuse(hold: Hold, row: tuple[Any, ...] | None) -> None:
    if row is not None:
        target = "/".join(hold.key)
        raise Refused(
            f"record {row[0]} of {target} has changed since it was shown, so nothing was applied",
            remedy=f"Reject the hold; `mkt sync {target} --now` then looks at the partner anew.",
        )
