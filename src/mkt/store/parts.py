"""A batch, split by stream: the last row of each id, and which ids stand in which scope after it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mkt.contract import Stream
from mkt.store.changes import Row


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
    _, ids, scopes, documents, _ = zip(*rows, strict=True)
    last = dict(zip(ids, rows, strict=True))
    if all(documents) and not any(scopes):  # as nearly always
        return Part(last, {"": list(last)}, [])
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
