"""A batch, split by stream: the last row of each id, and which ids stand in which scope after it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from mkt.contract import Stream
from mkt.store.changes import Row

# Of a row: the columns of a batch are looked through without a step of Python's for each.
_stream, _external_id, _scope, _document = map(itemgetter, range(4))


@dataclass(frozen=True, slots=True)
class Part:
    """One stream's part of a batch.

    `last` is the last row of each id, `standing` the ids of each scope, some more than once; an id that was
    deleted stands only where it was listed afterwards.
    """

    last: Mapping[str, Row]
    standing: Mapping[str, Sequence[str]]
    deleted: Sequence[str]


def parts(rows: Sequence[Row]) -> dict[Stream, Part]:
    """Split a batch by stream."""
    streams: dict[Stream, None] = dict.fromkeys(map(_stream, rows))
    if len(streams) == 1:  # as nearly always
        return {stream: _part(rows) for stream in streams}
    return {stream: _part([row for row in rows if row.stream == stream]) for stream in streams}


def _part(rows: Sequence[Row]) -> Part:
    last = dict(zip(map(_external_id, rows), rows, strict=True))
    if all(map(_document, rows)) and not any(map(_scope, rows)):  # as nearly always
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
