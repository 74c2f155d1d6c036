"""The records as they are, looked up a batch at a time, and how one row changes them."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from mkt.contract import Stream
from mkt.store.base import Row
from mkt.store.sqlite.columns import id_list

ChangeKind = Literal["created", "updated", "deleted"]

# The ids drive the search: `external_id in (...)` would sort them into a table of their own first.
_AMONG: Final = """
    from json_each(:ids) i cross join integration_records r on r.source = :source and r.external_id = i.value"""
_KNOWN: Final = "select r.external_id, r.seq, r.hash, r.deleted, r.unscoped, r.first_seen_at, r.document" + _AMONG
_STANDING: Final = "select r.external_id, iif(r.deleted, null, r.hash), r.document" + _AMONG
_COUNT: Final = "select count(*) from integration_records where source = ?"
_COUNT_GONE: Final = "select count(*) from integration_records where source = ? and deleted = 1"


class Known(NamedTuple):
    """What the store has of a record before the row."""

    seq: int
    digest: bytes
    deleted: bool
    unscoped: bool
    first_seen_at: str
    document: int


@dataclass(frozen=True, slots=True)
class Part:
    """One stream's part of a batch.

    `last` is the last row of each id, `standing` the ids of each scope, some more than once; an id that was
    deleted stands only where it was listed afterwards.
    """

    last: Mapping[str, Row]
    standing: Mapping[str, Sequence[str]]
    deleted: Sequence[str]


def parts(rows: Iterable[Row]) -> dict[Stream, Part]:
    """Split a batch by stream."""
    found: defaultdict[Stream, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.stream].append(row)
    return {stream: _part(of_stream) for stream, of_stream in found.items()}


def _part(rows: Sequence[Row]) -> Part:
    last = {row.external_id: row for row in rows}
    deleted = [row.external_id for row in rows if row.document is None]
    standing: defaultdict[str, list[str]] = defaultdict(list)
    for row in _after_deletes(rows) if deleted else rows:
        standing[row.scope].append(row.external_id)
    return Part(last, standing, deleted)


def _after_deletes(rows: Sequence[Row]) -> list[Row]:
    """Leave out the deletes, and of each deleted id what came before."""
    deleted: set[str] = set()
    kept: list[Row] = []
    for row in reversed(rows):
        if row.document is None:
            deleted.add(row.external_id)
        elif row.external_id not in deleted:
            kept.append(row)
    return kept


def known(connection: sqlite3.Connection, source: int, ids: Iterable[str]) -> dict[str, Known]:
    """Look up the records of a batch; an id that the store never had is not in the answer."""
    rows = connection.execute(_KNOWN, {"source": source, "ids": id_list(ids)})
    return {row[0]: Known(row[1], row[2], bool(row[3]), bool(row[4]), row[5], row[6]) for row in rows}


def digests(
    connection: sqlite3.Connection, source: int, ids: Iterable[str]
) -> dict[str, tuple[bytes | None, int | None]]:
    """Look up the records of a batch: the digest, None of a tombstone, and the document."""
    rows = connection.execute(_STANDING, {"source": source, "ids": id_list(ids)})
    return {key: (digest, document) for key, digest, document in rows}


def change(row: Row, live: bytes | None) -> ChangeKind | None:
    """Return what the row does to the record, whose digest is None unless it is live; None for nothing."""
    if live is None:
        return None if row.document is None else "created"
    if row.document is None:
        return "deleted"
    return None if row.digest == live else "updated"


def count_live(connection: sqlite3.Connection, source: int) -> int:
    """Count live records by two indexes, without reading one."""
    (total,) = connection.execute(_COUNT, (source,)).fetchone()
    (gone,) = connection.execute(_COUNT_GONE, (source,)).fetchone()
    live: int = total - gone
    return live
