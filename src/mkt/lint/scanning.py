"""From a spot in a file's raw text to its place, and to the scalar that it stands in."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mkt.configs.base import Position
from mkt.configs.document import Document, Scalar
from mkt.lint.texts import starts_of


class Spot(NamedTuple):
    """Characters of the text from `start` on, before `end`, and what they are."""

    start: int
    end: int
    what: str


class Scalars:
    """A file's scalars by where they stand: for the rare file that has something to look at."""

    def __init__(self, document: Document) -> None:
        self._scalars = list(document.scalars())
        self._starts = [scalar.node.start_mark.index for scalar in self._scalars]

    def at(self, offset: int) -> Scalar | None:
        """Return the scalar that a character belongs to, None for a comment, a bracket and the like."""
        scalar = self.before(offset)
        return scalar if scalar and offset < scalar.node.end_mark.index else None

    def before(self, offset: int) -> Scalar | None:
        """Return the last scalar that begins at a character or before it."""
        index = bisect_right(self._starts, offset)
        return self._scalars[index - 1] if index else None


def placed(document: Document, spots: Iterable[Spot]) -> Iterator[tuple[Spot, Position]]:
    """Return each spot, which lies within one line, with its place."""
    starts = starts_of(document.text)
    for spot in spots:
        line = bisect_right(starts, spot.start)
        column = spot.start - starts[line - 1] + 1
        yield spot, Position(document.path, line, column, line, column + spot.end - spot.start)
