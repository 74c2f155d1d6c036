"""A run whose changes wait in the database until they are promoted together."""

from collections.abc import Sequence
from datetime import datetime

from mkt.contract import Stream, uuid7
from mkt.store.base import ChangedRecord, Hold, StreamChanges
from mkt.store.supabase.calls import Calls
from mkt.store.supabase.cursors import stored_cursor
from mkt.store.supabase.holding import hold_of
from mkt.store.supabase.packing import Packed
from mkt.store.supabase.writer import LONGEST, Opened, Writer, changes_of


class StagedWriter(Writer):
    """Sends what each document is known by, and the documents of what the database says has changed.

    After a batch that was changed for the most part, the next one comes with its documents at once.
    """

    direct = False

    def __init__(self, calls: Calls, opened: Opened) -> None:
        super().__init__(calls, opened)
        self._at_once = False

    def changes(self) -> dict[Stream, StreamChanges]:
        self.settle()
        return changes_of(self._call("changes", {"streams": self._run.streams}, longest=LONGEST))

    def preview(self, limit: int) -> dict[Stream, list[ChangedRecord]]:
        self.settle()
        found = self._call("preview", {"streams": self._run.streams, "limit": limit}, longest=LONGEST)
        return {
            stream: [
                ChangedRecord(external_id=external_id, change=change, before=before, after=after)
                for external_id, change, before, after in records
            ]
            for stream, records in found.items()
        }

    def promote(self, as_of: datetime) -> dict[Stream, StreamChanges]:
        if self._run.dry_run:
            raise RuntimeError("a dry run is never promoted")
        return super().promote(as_of)

    def hold(self, *, connector: str, reasons: Sequence[str], as_of: datetime) -> Hold:
        given = {
            "epoch": self._run.lease.epoch,
            "streams": self._run.streams,
            "cursors": {stream: stored_cursor(cursor) for stream, cursor in self._last.items()},
            "hold_id": uuid7(),
            "connector": connector,
            "reasons": list(reasons),
            "fingerprint": self._run.fingerprint,
            "windowed": self._run.windowed,
            "as_of": as_of.isoformat(),
        }
        self.settle()
        return hold_of(self._call("hold", given, longest=LONGEST))

    def _send(self, number: int, given: Packed) -> None:
        wanted = None if self._at_once else set[int]()
        answer = self._store(number, given.batch, given.documents(wanted))
        # More than once only where a delivery has changed a record in between.
        while wanted is not None and "wanted" in answer:
            wanted |= set(answer["wanted"])
            answer = self._store(number, given.batch, given.documents(wanted))
        self._at_once = answer["changed"] * 2 > len(given.lines)
