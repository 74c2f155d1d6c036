"""Records of one stream as CSV: RFC 4180, UTF-8, one column a field."""

import csv
from collections.abc import Iterable
from typing import Any, TextIO

import orjson

from mkt.contract import FIELDS, Stream
from mkt.output.objects import record_object
from mkt.store.base import StoredRecord

_COLUMNS = ("seq", "tenant", "integration", "external_id", "changed_at", "first_seen_at", "deleted")


def write_records(records: Iterable[StoredRecord], stream: Stream, out: TextIO) -> None:
    """Write a header and one row a record. A list is JSON, a boolean `true` or `false`, no value is empty."""
    writer = csv.writer(out)
    writer.writerow([*_COLUMNS, *FIELDS[stream]])
    for record in records:
        document = record_object(record)
        head = [document[column] for column in _COLUMNS]
        writer.writerow([_cell(value) for value in (*head, *map(record.data.get, FIELDS[stream]))])
    out.flush()


def _cell(value: Any) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    return orjson.dumps(value).decode()
