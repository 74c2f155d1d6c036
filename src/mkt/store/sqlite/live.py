"""The records as they are, looked up a batch at a time, and how one row changes them."""

import sqlite3
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from mkt.store.base import Row
from mkt.store.parts import Part, parts
from mkt.store.sqlite.columns import id_list

__all__ = ["ChangeKind", "Known", "Part", "change", "count", "digests", "known", "parts"]

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


class Counts(NamedTuple):
    """How many records a stream has, tombstones included, and how many of them are live."""

    total: int
    live: int


def count(connection: sqlite3.Connection, source: int) -> Counts:
    """Count by two indexes, without reading a record."""
    (total,) = connection.execute(_COUNT, (source,)).fetchone()
    (gone,) = connection.execute(_COUNT_GONE, (source,)).fetchone() if total else (0,)
    return Counts(total, total - gone)
