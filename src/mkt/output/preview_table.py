"""What would change, record by record and field by field; values only for whom they were revealed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

import orjson
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mkt.contract import Stream
from mkt.engine.report import StreamCounts
from mkt.output.preview_object import differences, shown_value
from mkt.output.text import BOLD, GREEN, RED, YELLOW, clean, row, table
from mkt.store.base import ChangedRecord

_STYLES: Final = {"created": GREEN, "updated": YELLOW, "deleted": RED, "absent": RED}
_KINDS: Final = ("deleted", "absent", "updated", "created")


def changes_page(
    target: str,
    changes: Mapping[Stream, Sequence[ChangedRecord]],
    counts: Mapping[str, StreamCounts],
    *,
    values: bool,
    more: str = "",
) -> Iterator[RenderableType]:
    """Show the first changed records of one integration, stream by stream; `counts` are of all of them.

    `more` is the command that shows more of them.
    """
    for stream, records in changes.items():
        if records:
            total = counts.get(stream, StreamCounts())
            yield Text.assemble((clean(target), BOLD), f"  {stream}  {said(total)}")
            yield Padding(_grid(stream, records, values=values), (0, 0, 0, 2), expand=False)
            if total.changes > len(records):
                command = f"; {more} --stream {stream} -n {total.changes}" if more else ""
                yield Text(f"  and {total.changes - len(records):,} more{command}", no_wrap=True)


def said(counts: StreamCounts) -> str:
    """Return counts in words: "20 deleted, 1 created"."""
    every = counts.as_dict()
    return ", ".join(f"{every[kind]:,} {kind}" for kind in _KINDS if every[kind]) or "no change"


def _grid(stream: Stream, records: Sequence[ChangedRecord], *, values: bool) -> Table:
    rows = [cells for record in records for cells in _rows(stream, record, values=values)]
    width = max(len(cells) for cells in rows)
    grid = table(*[""] * width)
    for cells in rows:
        row(grid, *cells, *[""] * (width - len(cells)))
    return grid


def _rows(stream: Stream, record: ChangedRecord, *, values: bool) -> Iterator[tuple[Text | str, ...]]:
    """Yield a record's rows: every changed field, or the names alone where there is nothing to compare."""
    fields = list(differences(stream, record))
    change = Text(record.change, style=_STYLES[record.change])
    if record.change == "updated" or values:
        yield change, unquote(record.external_id)
        for name, before, after in fields:
            yield "", f"  {name}", _shown(record, before, after, values=values)
    elif record.change == "created":
        yield change, unquote(record.external_id), ", ".join(name for name, _, _ in fields)
    else:
        yield change, unquote(record.external_id)


def _shown(record: ChangedRecord, before: Any, after: Any, *, values: bool) -> str:
    old, new = (_text(shown_value(value, values=values)) for value in (before, after))
    return {"created": new, "updated": f"{old} -> {new}"}.get(record.change, old)


def _text(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else orjson.dumps(value).decode()
