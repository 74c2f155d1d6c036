"""Rows on their way to the database: what `mkt_private.compare` in the migration mkt_sync takes apart again.

The documents are JSON already, so they travel as the lines of one text, and no other part of a batch is as large.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, NamedTuple

from mkt.contract import Stream
from mkt.store.changes import Row
from mkt.store.parts import Part, parts

PIECE_BYTES: Final = 8_000_000
"""Documents of one call, unless a single one is larger."""
_GONE: Final = "-"
_ALL: Final = None
"""In place of the numbers of the rows that stand in a scope."""


class Packed(NamedTuple):
    """`batch` has ids, digests and scopes, `lines` the document of each row, empty for a `Deleted`."""

    batch: dict[str, Any]
    lines: Sequence[bytes]

    def documents(self, wanted: Collection[int] | None = None) -> str:
        """Return the documents of all rows, or of those with these numbers; the first is 1."""
        lines = self.lines
        if wanted is not None:
            lines = [line if number in wanted else b"" for number, line in enumerate(lines, 1)] if wanted else []
        text = b"\n".join(lines)
        if lines and text.count(b"\n") != len(lines) - 1:  # between the parts of a document a space does as well
            text = b"\n".join(line.replace(b"\n", b" ") for line in lines)
        return text.decode()


def packed(rows: Sequence[Row]) -> Packed:
    """Pack the last row of each id, stream by stream, in the order in which they came first."""
    streams: list[tuple[Stream, int]] = []
    standing: list[tuple[Stream, str, list[int] | None]] = []
    deleted: list[tuple[Stream, Sequence[str]]] = []
    last: list[Row] = []
    for stream, part in parts(rows).items():
        standing.extend((stream, *one) for one in _standing(part, len(last) + 1))
        streams.append((stream, len(part.last)))
        last.extend(part.last.values())
        if part.deleted:
            deleted.append((stream, part.deleted))
    return Packed(
        {
            "streams": streams,
            "ids": [row.external_id for row in last],
            "digests": " ".join([_GONE if row.document is None else row.digest.hex() for row in last]),
            "standing": standing,
            "deleted": deleted,
        },
        [row.document or b"" for row in last],
    )


def pieces(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Cut a batch where one call would be too large. One after the other they do what the batch does."""
    first, size = 0, 0
    for at, row in enumerate(rows):
        weight = len(row.document or b"")
        if size and size + weight > PIECE_BYTES:
            yield rows[first:at]
            first, size = at, 0
        size += weight
    yield rows[first:]


def _standing(part: Part, first: int) -> Iterator[tuple[str, list[int] | None]]:
    if not part.deleted and len(part.standing) == 1:
        yield next(iter(part.standing)), _ALL
        return
    numbers = {external_id: number for number, external_id in enumerate(part.last, first)}
    for scope, ids in part.standing.items():
        yield scope, [numbers[external_id] for external_id in dict.fromkeys(ids)]
