"""A table of any length that fits the terminal: it leaves out what one can do without before it folds anything."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.text import Text

from mkt.output.text import BOLD, clean, row, table

_GAP: Final = 2
_FOLDED: Final = 30
"""A column that folds keeps this width at least."""


class Fitting:
    """`rows` are cells by the name of their column, `spare` the columns to do without, the first to go first.

    `folds` is the column whose long cells are folded before any other is.

    What fits is written line by line: measuring and folding, as rich does, takes a second for a thousand rows.
    """

    def __init__(
        self,
        columns: Sequence[str],
        rows: Iterable[Mapping[str, object]],
        *,
        right: Collection[str] = (),
        spare: Sequence[str] = (),
        folds: str = "",
    ) -> None:
        self._columns = columns
        self._rows = [{name: _cell(value) for name, value in cells.items()} for cells in rows]
        self._right = right
        self._spare = spare
        self._folds = folds

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Write as many columns as fit; where none can be spared any more, let rich fold them."""
        kept, widths = list(self._columns), self._widths()
        least = {name: min(width, _FOLDED) if name == self._folds else width for name, width in widths.items()}
        for name in self._spare:
            if _total(kept, least) > options.max_width:
                kept.remove(name)
        if _total(kept, widths) <= options.max_width:
            yield from self._lines(console, kept, widths)
            return
        grid = table(*kept, right=self._right)
        for column in grid.columns:
            column.no_wrap = column.header != self._folds and _total(kept, least) <= options.max_width
        for cells in self._rows:
            row(grid, *(Text(*cells.get(name, ("", ""))) for name in kept))
        yield grid

    def _widths(self) -> dict[str, int]:
        return {
            name: max([cell_len(name), *(cell_len(cells[name][0]) for cells in self._rows if name in cells)])
            for name in self._columns
        }

    def _lines(self, console: Console, kept: Sequence[str], widths: Mapping[str, int]) -> Iterator[Segment]:
        header = {name: (name, BOLD) for name in kept}
        for cells in (header, *self._rows):
            for name in kept:
                text, style = cells.get(name, ("", ""))
                blank = " " * (widths[name] - cell_len(text))
                padded = blank + text if name in self._right else text + blank
                yield Segment(padded, console.get_style(style) if style else None)
                yield Segment(" " * _GAP if name != kept[-1] else "\n")


def _cell(value: object) -> tuple[str, str]:
    """Return the text of a cell, made harmless, and its style."""
    if isinstance(value, Text):
        return value.plain, str(value.style)
    return re.sub(r"\s", " ", clean("" if value is None else value)), ""


def _total(kept: Sequence[str], widths: Mapping[str, int]) -> int:
    return sum(widths[name] + _GAP for name in kept) - _GAP
