"""What would change, for scripts: field by field; values only for whom they were revealed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mkt.contract import FIELDS, Stream
from mkt.store.base import ChangedRecord

_HIDDEN: Final = "***"


def changes_object(changes: Mapping[Stream, Sequence[ChangedRecord]], *, values: bool) -> dict[str, Any]:
    """Return the changed records of one integration, by stream."""
    return {
        stream: [
            {
                "external_id": record.external_id,
                "change": record.change,
                "fields": {
                    name: {"before": shown_value(before, values=values), "after": shown_value(after, values=values)}
                    for name, before, after in differences(stream, record)
                },
            }
            for record in records
        ]
        for stream, records in changes.items()
    }


def differences(stream: Stream, record: ChangedRecord) -> Iterator[tuple[str, Any, Any]]:
    """Yield each field that is another after the change: its name, its value before and after."""
    before, after = record.before or {}, record.after or {}
    for name in FIELDS[stream]:
        if before.get(name) != after.get(name):
            yield name, before.get(name), after.get(name)


def shown_value(value: Any, *, values: bool) -> Any:
    """Return the value, or only that there is one."""
    return value if values or value is None else _HIDDEN
