"""What would change, record by record and field by field; values only for whom they were revealed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import orjson
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mkt.contract import Stream
from mkt.engine.report import StreamCounts
from mkt.output.preview_object import differences, shown_value
from mkt.output.text import BOLD, GREEN, RED, YELLOW, clean, line, row, table
from mkt.store.base import ChangedRecord

_STYLES: Final = {"created": GREEN, "updated": YELLOW, "deleted": RED, "absent": RED}
_KINDS: Final = ("deleted", "absent", "updated", "created")


def changes_page(
    target: str,
    changes: Mapping[Stream, Sequence[ChangedRecord]],
    counts: Mapping[str, StreamCounts],
    *,
    values: bool,
) -> Iterator[RenderableType]:
    """Show the first changed records of one integration, stream by stream; `counts` are of all of them."""
    for stream, records in changes.items():
        if records:
            total = counts.get(stream, StreamCounts())
            yield Text.assemble((clean(target), BOLD), f"  {stream}  {said(total)}")
            grid = table("", "", "")
            for record in records:
                _add(grid, stream, record, values=values)
            yield Padding(grid, (0, 0, 0, 2), expand=False)
            if total.changes > len(records):
                yield line(f"  and {total.changes - len(records):,} more")


def said(counts: StreamCounts) -> str:
    """Return counts in words: "20 deleted, 1 created"."""
    every = asdict(counts)
    return ", ".join(f"{every[kind]:,} {kind}" for kind in _KINDS if every[kind]) or "no change"


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
    return {"created": new, "updated": f"{old} -> {new}"}.get(record.change, old)


def _text(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else orjson.dumps(value).decode()
