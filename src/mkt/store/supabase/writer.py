"""What the direct and the staged writer have in common: the run's staging, its cursors, its numbered batches."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

import orjson

from mkt.contract import Complete, Json, Stream
from mkt.errors import StoreError
from mkt.store.base import Batch, ChangedRecord, Hold, Lease, Row, StreamChanges
from mkt.store.pipeline import Pipeline
from mkt.store.supabase.calls import Calls
from mkt.store.supabase.cursors import stored_cursor
from mkt.store.supabase.memory import entry
from mkt.store.supabase.packing import Packed, packed, pieces

LONGEST: Final = 600.0
"""Seconds for what works on all of a staging; the functions' own `statement_timeout` is as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What `open_sync` found out: the run's staging, and where its streams start."""

    lease: Lease
    staging: int
    run_id: str
    fingerprint: str
    streams: Sequence[Stream]
    resumed: bool
    windowed: bool
    dry_run: bool
    cursors: Mapping[Stream, Json]


class Writer(ABC):
    """One run's way into the store; `direct.py` and `staged.py` say what becomes of a batch.

    A batch is on its way while the run reads on. Whatever else is asked waits for it, and raises what became of it.
    """

    direct: bool
    batches_at_once = 4

    def __init__(self, calls: Calls, opened: Opened) -> None:
        self._calls = calls
        self._run = opened
        self._cursors = dict(opened.cursors)
        self._last: Mapping[Stream, Json] = {}
        self._number = 0
        self._pipeline = Pipeline()

    @property
    def resumed(self) -> bool:
        return self._run.resumed

    def cursor(self, stream: Stream) -> Json:
        self.settle()
        return self._cursors.get(stream)

    def write(self, batch: Batch) -> None:
        """Send the batch, in pieces where it is large: the cursors come with the last."""
        *before, last = pieces(batch.rows)
        for rows in before:
            self._send_numbered(rows, Batch())
        self._send_numbered(last, batch)
        if not self._run.windowed:
            self._cursors.update(batch.cursors)

    def settle(self) -> None:
        self._pipeline.settle()

    def end(self, cursors: Mapping[Stream, Json], rest: Batch | None = None) -> None:
        if rest is not None:
            self.write(rest)
        if not self._run.windowed:
            self._last = cursors
            self._cursors.update(cursors)

    def promote(self, as_of: datetime) -> dict[Stream, StreamChanges]:
        """Mark the streams finished, so that every later run is staged; a window is no whole load."""
        given = {
            "epoch": self._run.lease.epoch,
            "streams": self._run.streams,
            "cursors": None if self._run.windowed else self._stored(self._run.streams),
            "fingerprint": self._run.fingerprint,
            "as_of": as_of.isoformat(),
        }
        self.settle()
        answer = self._call("promote", given, longest=LONGEST)
        if answer["large"]:
            # What fails here is done by the integration's next run: the records are safe.
            with suppress(StoreError):
                self._call("clear", {}, longest=LONGEST)
        return changes_of(answer["changes"])

    def discard(self) -> None:
        """Forget the staging; a first load starts again from None, and the records written so far stay.

        It is forgotten also where the last batch failed, which is raised then.
        """
        restart = [] if self._run.windowed or not self.direct else self._run.streams
        given = {"epoch": self._run.lease.epoch, "fingerprint": self._run.fingerprint, "restart": restart}
        try:
            self.settle()
        finally:
            self._call("discard", given, longest=LONGEST)

    @abstractmethod
    def changes(self) -> dict[Stream, StreamChanges]: ...
    @abstractmethod
    def preview(self, limit: int) -> dict[Stream, list[ChangedRecord]]: ...
    @abstractmethod
    def hold(self, *, connector: str, reasons: Sequence[str], as_of: datetime) -> Hold: ...
    @abstractmethod
    def _send(self, number: int, given: Packed) -> None:
        """Send a batch under its number, until it is stored: in the pipeline's thread."""

    def _send_numbered(self, rows: Sequence[Row], rest: Batch) -> None:
        # Counted also where it fails: nobody knows whether it was stored.
        self._number += 1
        given = packed(rows)
        given.batch.update(self._rest(rest))
        self._pipeline.put(partial(self._send, self._number, given))

    def _rest(self, batch: Batch) -> dict[str, Any]:
        kept = Batch() if self._run.windowed else batch
        return {
            "cursors": {stream: stored_cursor(cursor) for stream, cursor in kept.cursors.items()},
            "completes": self._completes(kept.completes),
            "invalid": batch.invalid,
            "memory": [] if self._run.dry_run else [entry(*one) for one in batch.memory],
        }

    def _completes(self, completes: Iterable[Complete]) -> list[tuple[Stream, str, bool]]:
        """Trust the absence in one whole answer or in pages by key, read by one run from end to end."""
        trusted = {
            (complete.stream, complete.scope): complete.listing != "offset" and not self._run.resumed
            for complete in completes
        }
        return [(*one, known) for one, known in trusted.items()]

    def _stored(self, streams: Iterable[Stream]) -> dict[Stream, Any]:
        return {stream: stored_cursor(self._cursors.get(stream)) for stream in streams}

    def _call(self, verb: str, given: Mapping[str, Any], *, longest: float | None = None) -> Any:
        key = self._run.lease.key
        this = {"tenant": key.tenant, "integration": key.integration, "staging": self._run.staging}
        run = {} if verb == "clear" else {"run_id": self._run.run_id}
        return self._calls.call(f"mkt_sync_{verb}", {**this, **run, **given}, longest=longest)

    def _store(self, number: int, batch: Mapping[str, Any], documents: str) -> Any:
        # One text in the body: what stands between us and the database need not take it apart.
        text = orjson.dumps(batch).decode()
        given = {"epoch": self._run.lease.epoch, "number": number, "batch": text, "documents": documents}
        return self._call("write", given)


def changes_of(answer: Mapping[Stream, Mapping[str, Any]]) -> dict[Stream, StreamChanges]:
    """Return the counts of each stream as the database answers them."""
    return {stream: StreamChanges(**counts) for stream, counts in answer.items()}
