"""What a dry run would change, record by record and field by field; values only for whom they were revealed."""

from collections.abc import Iterator
from typing import Any, Final

import orjson
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mkt.contract import Stream
from mkt.engine.report import Result, StreamCounts
from mkt.output.preview_object import differences, shown_value
from mkt.output.text import BOLD, GREEN, RED, YELLOW, clean, row, table
from mkt.store.base import ChangedRecord

_STYLES: Final = {"created": GREEN, "updated": YELLOW, "deleted": RED}


def preview_page(result: Result, *, values: bool) -> Iterator[RenderableType]:
    """Show the changed records of one integration, stream by stream."""
    for stream, records in result.preview.items():
        if records:
            total = _total(result.streams.get(stream))
            yield Text.assemble((clean(result.target), BOLD), f"  {stream}  {len(records):,} of {total:,} changes")
            grid = table("", "", "")
            for record in records:
                _add(grid, stream, record, values=values)
            yield Padding(grid, (0, 0, 0, 2), expand=False)


def _add(grid: Table, stream: Stream, record: ChangedRecord, *, values: bool) -> None:
    """Add a record: every changed field, or the names alone where there is nothing to compare."""
    fields = list(differences(stream, record))
    change = Text(record.change, style=_STYLES[record.change])
    if record.change == "updated" or values:
        row(grid, change, record.external_id, "")
        for name, before, after in fields:
            row(grid, "", f"  {name}", _shown(record, before, after, values=values))
    else:
        row(grid, change, record.external_id, ", ".join(name for name, _, _ in fields))


def _shown(record: ChangedRecord, before: Any, after: Any, *, values: bool) -> str:
    old, new = (_text(shown_value(value, values=values)) for value in (before, after))
    return {"created": new, "deleted": old}.get(record.change, f"{old} -> {new}")


def _text(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _total(counts: StreamCounts | None) -> int:
    return counts.created + counts.updated + counts.deleted if counts else 0
