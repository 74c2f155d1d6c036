"""A table of any length that fits the terminal: it leaves out what one can do without before it folds anything."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Final

from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.segment import Segment
from rich.text import Text

from mkt.output.text import BOLD, clean

_GAP: Final = 2
_FOLDED: Final = 24
"""So wide is a column that folds, while another one can be spared."""
_LEAST: Final = 16
"""So wide it stays before a name is folded."""
_PIECES: Final = re.compile(r"[^\s/-]*[/-]|[^\s/-]+|\s")
"""Names break behind `/` and `-`, sentences at blanks."""


class Fitting:
    """`rows` are cells by the name of their column, `spare` the columns to do without, the first to go first.

    `folds` is the column whose long cells are folded before any other is, `most` how many lines a folded cell has.

    Written line by line: measuring and folding, as rich does, takes a second for a thousand rows.
    """

    def __init__(
        self,
        columns: Sequence[str],
        rows: Iterable[Mapping[str, object]],
        *,
        right: Collection[str] = (),
        spare: Sequence[str] = (),
        folds: str = "",
        most: int = 0,
        header: bool = True,
    ) -> None:
        self._columns = columns
        self._rows = [{name: _cell(value) for name, value in cells.items()} for cells in rows]
        self._right = right
        self._spare = spare
        self._folds = folds
        self._most = most
        self._header = header

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Write as many columns as fit; where none can be spared any more, fold the widest."""
        kept, widths = list(self._columns), self._widths()
        least = {name: min(width, _FOLDED) if name == self._folds else width for name, width in widths.items()}
        for name in self._spare:
            if name in kept and _total(kept, least) > options.max_width:
                kept.remove(name)
        self._narrow(widths, kept, options.max_width)
        header = [{name: (name, BOLD) for name in kept}] if self._header else []
        for cells in (*header, *self._rows):
            yield from self._lines(console, cells, kept, widths)

    def _widths(self) -> dict[str, int]:
        return {
            name: max([least, *(cell_len(cells[name][0]) for cells in self._rows if name in cells)])
            for name, least in ((name, cell_len(name) if self._header else 0) for name in self._columns)
        }

    def _narrow(self, widths: dict[str, int], kept: Sequence[str], width: int) -> None:
        """Take away what is too much: of the column that folds first, then of whichever is the widest."""
        while (over := _total(kept, widths) - width) > 0:
            widest = max(kept, key=lambda name: widths[name])
            if widths[widest] == 1:
                return
            if self._folds in kept and widths[self._folds] > _LEAST:
                widths[self._folds] = max(_LEAST, widths[self._folds] - over)
            else:
                widths[widest] -= 1

    def _lines(
        self, console: Console, cells: Mapping[str, tuple[str, str]], kept: Sequence[str], widths: Mapping[str, int]
    ) -> Iterator[Segment]:
        given = [cells.get(name, ("", "")) for name in kept]
        styles = [console.get_style(style) if style else None for _, style in given]
        folded = [self._folded(text, widths[name]) for name, (text, _) in zip(kept, given, strict=True)]
        for parts in zip_longest(*folded, fillvalue=""):
            for name, part, style in zip(kept, parts, styles, strict=True):
                blank = " " * (widths[name] - cell_len(part))
                yield Segment(blank + part if name in self._right else part + blank, style)
                yield Segment(" " * _GAP if name != kept[-1] else "\n")

    def _folded(self, text: str, width: int) -> list[str]:
        """Return the lines of a cell, `most` of them, where more would bury the other rows."""
        lines = folded(text, width)
        if not self._most or len(lines) <= self._most:
            return lines
        return [*lines[: self._most - 1], f"{lines[self._most - 1][: width - 1].rstrip()}…"]


def facts(told: Iterable[tuple[str, object]], command: str = "") -> Iterator[RenderableType]:
    """Yield names with their values, those that have one, and what to type, which is never folded."""
    kept = [(name, value) for name, value in told if value]
    rows = [{"name": name, "value": value} for name, value in kept]
    if kept:
        yield Padding(Fitting(("name", "value"), rows, folds="value", header=False), (0, 0, 0, 2))
    if command:
        width = max(len(name) for name, _ in (*kept, ("type", "")))
        yield Text(f"  {'type':<{width}}  {clean(command)}", no_wrap=True)


def folded(text: str, width: int) -> list[str]:
    """Return the lines of a cell."""
    if cell_len(text) <= width:
        return [text]
    lines = [""]
    for piece in _PIECES.findall(text):
        if cell_len(lines[-1] + piece) <= width:
            lines[-1] += piece
        elif piece != " ":
            first, *more = chop_cells(piece, width)
            lines[-1:] = [lines[-1].rstrip(), first, *more] if lines[-1].strip() else [first, *more]
    return lines


def _cell(value: object) -> tuple[str, str]:
    """Return the text of a cell, made harmless, and its style."""
    if isinstance(value, Text):
        return value.plain, str(value.style)
    return re.sub(r"\s", " ", clean("" if value is None else value)), ""


def _total(kept: Sequence[str], widths: Mapping[str, int]) -> int:
    return sum(widths[name] + _GAP for name in kept) - _GAP
