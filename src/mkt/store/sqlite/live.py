"""The records as they are, looked up a batch at a time, and how one row changes them."""

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from mkt.contract import Stream
from mkt.store.base import Row
from mkt.store.sqlite.columns import id_list

ChangeKind = Literal["created", "updated", "deleted"]

_KNOWN: Final = """
    select external_id, seq, hash, deleted, unscoped, first_seen_at from integration_records
    where source = ? and external_id in (select value from json_each(?))"""
_COUNT: Final = "select count(*) from integration_records where source = ?"
_COUNT_GONE: Final = "select count(*) from integration_records where source = ? and deleted = 1"


class Known(NamedTuple):
    """What the store has of a record before the row."""

    seq: int
    digest: bytes
    deleted: bool
    unscoped: bool
    first_seen_at: str


@dataclass(slots=True)
class Part:
    """One stream's part of a batch: the last row of each id, the scopes it stands in, the ids that were deleted."""

    last: dict[str, Row] = field(default_factory=dict)
    scopes: dict[str, set[str]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)

    def add(self, row: Row) -> None:
        self.last[row.external_id] = row
        if row.document is None:
            self.deleted.add(row.external_id)
            self.scopes.pop(row.external_id, None)
        else:
            self.scopes.setdefault(row.external_id, set()).add(row.scope)


def parts(rows: Iterable[Row]) -> dict[Stream, Part]:
    """Split a batch by stream."""
    found: dict[Stream, Part] = {}
    for row in rows:
        found.setdefault(row.stream, Part()).add(row)
    return found


def known(connection: sqlite3.Connection, source: int, ids: Collection[str]) -> dict[str, Known]:
    """Look up the records of a batch; an id that the store never had is not in the answer."""
    rows = connection.execute(_KNOWN, (source, id_list(ids)))
    return {row[0]: Known(row[1], row[2], bool(row[3]), bool(row[4]), row[5]) for row in rows}


def change(row: Row, before: Known | None) -> ChangeKind | None:
    """Return what the row does to the record, None when nothing changes."""
    if before is None or before.deleted:
        return None if row.document is None else "created"
    if row.document is None:
        return "deleted"
    return None if row.digest == before.digest else "updated"


def count_live(connection: sqlite3.Connection, source: int) -> int:
    """Count live records by two indexes, without reading one."""
    (total,) = connection.execute(_COUNT, (source,)).fetchone()
    (gone,) = connection.execute(_COUNT_GONE, (source,)).fetchone()
    live: int = total - gone
    return live
