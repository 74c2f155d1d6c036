"""What all text has in common: the console, times, numbers, and nothing that a terminal would obey."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final, TextIO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

WIDE: Final = 10_000
"""Columns where nobody looks: what is piped is never wrapped or clipped."""

RED, YELLOW, GREEN, DIM, BOLD = "red", "yellow", "green", "dim", "bold"
STYLES: Final = {
    "fail": RED,
    "failed": RED,
    "held": RED,
    "error": RED,
    "warn": YELLOW,
    "warning": YELLOW,
    "deferred": YELLOW,
    "overdue": RED,
    "paused": RED,
    "broken": RED,
    "missing": RED,
    "failing": RED,
    "never": YELLOW,
    "pass": GREEN,
    "ok": GREEN,
}
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def console_for(stream: TextIO) -> Console:
    """Return a console as wide as the terminal or, piped, as wide as it takes. NO_COLOR is honored by rich."""
    return Console(file=stream, width=None if stream.isatty() else WIDE, highlight=False, emoji=False, markup=False)


def show(console: Console, parts: Iterable[RenderableType]) -> None:
    """Print the parts, one below the other, without the blanks that tables leave at the ends of lines."""
    with console.capture() as capture:
        for part in parts:
            console.print(part, soft_wrap=isinstance(part, Text) and part.no_wrap)
    text = capture.get()
    if not console.is_terminal:
        text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    console.file.write(text)
    console.file.flush()


def clean(value: object) -> str:
    """Return text with control and direction characters made visible: a partner's words move no cursor."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", str(value))


def line(*words: object, style: str = "") -> Text:
    """Return the words that are not empty, as one line."""
    return Text(" ".join(clean(word) for word in words if word not in ("", None)), style=style)


def outcome_text(outcome: str) -> Text:
    """Return an outcome, a level or a health in its colour."""
    return Text(clean(outcome), style=STYLES.get(outcome, ""))


def table(*columns: str, right: Iterable[str] = ()) -> Table:
    """Return an empty table without lines; long cells fold, none is cut. Empty names make no header."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=BOLD, show_header=any(columns))
    for column in columns:
        grid.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return grid


def row(grid: Table, *cells: object) -> None:
    """Add a row; what is not yet `Text` is made harmless first."""
    grid.add_row(*(cell if isinstance(cell, Text) else Text(clean("" if cell is None else cell)) for cell in cells))


def acts(actor: str | None) -> str:
    """Return who has to do what the remedy says."""
    return f"acts: {actor}" if actor else "remedy"


def next_command(command: str) -> Text:
    """Return the last line of every table. It is never folded: a half of a command is another command."""
    return Text.assemble(("next: ", DIM), (clean(command), BOLD), no_wrap=True)


def unfolded(text: str) -> Text:
    """Return a line with a command in it, which is never folded."""
    return Text(clean(text), no_wrap=True)


def plural(count: int, thing: str) -> str:
    """Return "1 run", "3 runs"."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def ago(moment: datetime | None, now: datetime) -> str:
    """Return a time as a person counts it, and by the clock of this machine: "3 h ago (02:15 CET)"."""
    if moment is None:
        return "never"
    seconds = (now - moment).total_seconds()
    span = amount(abs(seconds))
    relative = f"{span} ago" if seconds >= 0 else f"in {span}"
    return f"{relative} ({clock(moment, now)} {moment.astimezone().tzname()})"


def clock(moment: datetime, now: datetime) -> str:
    """Return the local time, with its date unless it is within a day."""
    local = moment.astimezone()
    return local.strftime("%H:%M" if abs((now - moment).total_seconds()) < _DAY else "%Y-%m-%d %H:%M")


def duration(milliseconds: int) -> str:
    """Return "340 ms", "3.2 s", "4 min 10 s"."""
    seconds = milliseconds / 1000
    if seconds < 1:
        return f"{milliseconds} ms"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    return f"{int(seconds // _MINUTE)} min {int(seconds % _MINUTE)} s"


def amount(seconds: float) -> str:
    """Return a span in its largest unit: "40 s", "3 h", "12 d"."""
    if seconds < _MINUTE:
        return f"{int(seconds)} s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min"
    if seconds < 2 * _DAY:
        return f"{int(seconds // _HOUR)} h"
    return f"{int(seconds // _DAY)} d"


def short_id(run_id: str | None) -> str:
    """Return the part of a UUIDv7 that tells it from its neighbours: its end is random, its start is the hour."""
    return (run_id or "")[-8:]
