"""The first load of an integration: rows are visible at once, absence deletes nothing."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mkt.contract import Stream
from mkt.store.base import ChangedRecord, Hold, StreamChanges
from mkt.store.supabase.calls import Calls
from mkt.store.supabase.packing import Packed
from mkt.store.supabase.writer import Opened, Writer, changes_of


class DirectWriter(Writer):
    """The database counts as it writes, so that a lost answer loses no count."""

    direct = True

    def __init__(self, calls: Calls, opened: Opened, counts: Mapping[Stream, Mapping[str, Any]]) -> None:
        super().__init__(calls, opened)
        self._counts = counts

    def changes(self) -> dict[Stream, StreamChanges]:
        self.settle()
        return changes_of(self._counts)

    def preview(self, limit: int) -> dict[Stream, list[ChangedRecord]]:
        """Return nothing: what a first load writes stands in the store already."""
        del limit
        return {}

    def hold(self, *, connector: str, reasons: Sequence[str], as_of: datetime) -> Hold:
        del connector, reasons, as_of
        raise RuntimeError("a first load stands in the store already: there is nothing to hold")

    def _send(self, number: int, given: Packed) -> None:
        self._counts = self._store(number, given.batch, given.documents())["counts"]
