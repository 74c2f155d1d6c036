"""One sync of one integration, under its lease: read, stage, guard, promote."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from mkt.contract import (
    Checkpoint,
    ConnectorConfiguration,
    ConnectorContext,
    JsonObject,
    LocalError,
    Manifest,
    RateLimited,
    Stream,
    Syncs,
    TransientError,
    Window,
)
from mkt.engine.call import Call, chosen_streams
from mkt.engine.following import DEADLINE, SLOW, said_of_hold
from mkt.engine.report import Held, held_by
from mkt.engine.sync import cursors, vanished
from mkt.engine.sync.collector import Collector, RunProgress, RunState
from mkt.engine.sync.guard import over_limit
from mkt.engine.sync.windows import notes
from mkt.engine.verify.ladder import RecordingLadder
from mkt.errors import Interrupted
from mkt.registry import BrokenConnectorError
from mkt.store.base import ChangedRecord, IntegrationState, Lease, Run, StreamChanges, SyncWriter

TIMEOUT: Final = timedelta(hours=1)
_RESUMABLE: Final = (TransientError, RateLimited, LocalError, Interrupted)
"""After these the staging is kept, and the next run goes on from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOptions:
    """What `mkt sync` was asked. Neither `now` nor `all`: what is due by schedule.

    A dry run can show the first `preview` changed records of each stream.
    """

    now: bool = False
    all: bool = False
    dry_run: bool = False
    preview: int = 0
    full: bool = False
    streams: frozenset[str] = frozenset()
    timeout: timedelta = TIMEOUT
    window: Window | None = None

    @property
    def scheduled(self) -> bool:
        return not (self.now or self.all or self.window)


class SyncRun:
    """What happens between the lease and the result: read, stage, guard, promote."""

    def __init__(
        self, call: Call, lease: Lease, options: SyncOptions, state: IntegrationState | None, deadline: float
    ) -> None:
        self.changes: Mapping[Stream, StreamChanges] = {}
        self.preview: Mapping[Stream, list[ChangedRecord]] = {}
        self.places: Mapping[Stream, list[str]] = {}
        self.notes: list[str] = []
        self.held: Held | None = None
        self.fingerprint = ""
        self._call = call
        self._engine = call.engine
        self._lease = lease
        self._options = options
        self._state = state
        self._deadline = deadline
        self._writer: SyncWriter | None = None
        self._collector: Collector | None = None
        self._from_cursor = False

    def do(self, begins: Run | None, killed: JsonObject) -> None:
        """Run the connector to its end; raise what stopped it, with nothing applied that was staged.

        `begins` is what to store of the run, None for a dry run; `killed` what came of earlier ones without an end.
        """
        registered = self._call.registered()
        manifest = registered.require_manifest()
        streams = chosen_streams(manifest, self._options.streams)
        as_of = self._engine.now()
        self.fingerprint = _fingerprint(self._call.configuration, manifest)
        writer = self._writer = self._open(streams, begins, killed)
        self._from_cursor = not writer.resumed and any(writer.cursor(stream) is not None for stream in streams)
        collector = self._collector = Collector(writer, streams)
        self.places = collector.encoder.places
        syncs = registered.syncs
        if syncs is None:
            raise BrokenConnectorError(manifest.id, "its manifest declares streams, but it has no sync")
        with self._call.context(
            RecordingLadder(manifest.verify, self._call.masker.mask, lambda _: None),
            progress=RunProgress(self._engine.store, self._call.key, writer),
            state=RunState(self._engine, self._call.key, collector, dry_run=self._options.dry_run),
            streams=streams,
            deadline=self._deadline,
            window=self._options.window,
        ) as context:
            self._collect(syncs, context, collector)
        self._call.warnings.extend(notes(self._options.window, collector.completed))
        if gone := vanished.note(self._state, manifest.streams, manifest.id):
            self._call.warnings.append(gone)
        collector.check_quality()
        self.changes = writer.changes()
        if not writer.direct:
            self.notes += [
                _kept(stream, each.invalid) for stream, each in self.changes.items() if each.listed and each.invalid
            ]
        if self._options.preview:
            self.preview = writer.preview(self._options.preview)
        self._end(writer, as_of)

    def _end(self, writer: SyncWriter, as_of: datetime) -> None:
        """Apply all that was staged or, over a limit, nothing; of a dry run nothing is left."""
        open_already = self._state.hold_id if self._state else ""
        if open_already:
            self.notes.append(said_of_hold(open_already))
        reasons = self._over_limit(writer)
        self.held = Held(reasons=reasons, beside=open_already) if reasons else None
        if self._options.dry_run:
            writer.discard()
        elif reasons:
            hold = writer.hold(connector=self._call.configuration.connector, reasons=reasons, as_of=as_of)
            self.held = held_by(hold, "reopened" if hold.reopened else "new")
        else:
            self.changes = writer.promote(as_of)

    def _collect(self, syncs: Syncs[Any], context: ConnectorContext[Any], collector: Collector) -> None:
        """Take all changes. What came before an end that the next run goes on from is kept, however little it is."""
        stopped = self._engine.stop.event.is_set
        try:
            for change in syncs.sync(context):
                collector.add(change)
                # Not behind a checkpoint: it may be the last one, and what has come to its end is applied.
                if not isinstance(change, Checkpoint) and (time.monotonic() > self._deadline or stopped()):
                    raise self._ended_early()
        except (TransientError, RateLimited, Interrupted) as error:
            collector.flush()
            if isinstance(error, TransientError) and error.code == SLOW and time.monotonic() >= self._deadline:
                waited = f" while it waited for {error.message.partition(': ')[0]}"
                raise late(self._call.configuration.target, self._options.timeout, waited) from None
            raise
        collector.end()

    def leave(self, error: Exception) -> None:
        """Keep the staging for the next run where the failure is of a kind that passes, else discard it."""
        if self._from_cursor:
            cursors.hint(error, self._call.configuration.target)
        keep = isinstance(error, _RESUMABLE) and not self._options.dry_run and not self._stands_still(error)
        if self._writer and not keep:
            self._writer.discard()
        elif self._writer:
            self._writer.settle()  # the end of the run would refuse a batch that is still on its way

    def _stands_still(self, error: Exception) -> bool:
        """Tell whether the run went on from a staging and could not, as others before it."""
        resumed = self._writer is not None and self._writer.resumed
        moved = self._collector is not None and self._collector.moved
        return resumed and not moved and cursors.stands_still(error, self._state)

    def _open(self, streams: frozenset[Stream], begins: Run | None, killed: JsonObject) -> SyncWriter:
        over = not self._options.window and cursors.starts_over(self._state, streams)
        if over and self._state and not self._options.full:
            self._call.warnings.append(cursors.note(self._state.failures))
        return self._engine.store.open_sync(
            self._lease,
            run_id=self._call.run_id,
            streams=streams,
            fingerprint=self.fingerprint,
            fresh=self._options.full or over,
            dry_run=self._options.dry_run,
            windowed=self._options.window is not None,
            begins=begins,
            killed=killed,
        )

    def _ended_early(self) -> Interrupted | TransientError:
        if self._engine.stop.event.is_set():
            return Interrupted()
        return late(self._call.configuration.target, self._options.timeout)

    def _over_limit(self, writer: SyncWriter) -> tuple[str, ...]:
        """Return each limit that the changes are over; a first load has nothing to lose."""
        if writer.direct:
            return ()
        known = self._state.fingerprint if self._state else ""
        waived = bool(known) and known != self.fingerprint
        if waived:
            self.notes.append("settings or connector changed since the last sync: the change limit was waived once")
        return tuple(over_limit(self._call.configuration.guard, self.changes, waive_changes=waived))


def late(target: str, timeout: timedelta, waited: str = "") -> TransientError:
    """Return the error of a run that was not done in time: the limit is ours, whoever was slow."""
    return TransientError(
        f"{target} was stopped by our own limit of {timeout.total_seconds():.0f} s for one sync{waited}",
        remedy="The next sync goes on from what is stored. If it stays so, give it more time:"
        f" `mkt sync {target} --now --timeout 2h`, or --timeout in cron's line.",
        actor="us",
        code=DEADLINE,
    )


def _kept(stream: Stream, invalid: int) -> str:
    what = f"a record of {stream}" if invalid == 1 else f"{invalid} records of {stream}"
    return f"{what} could not be read, so what is no longer listed is kept: ask the partner to mend that"


def killed() -> LocalError:
    """Return the error of an earlier run that has no end."""
    return LocalError(
        "the run did not come to its end: its process was killed or stood still, the machine went down, or the store"
        " was away when it ended",
        remedy="The next run went on from what it had stored. Its events tell how far it came, and what it said last:"
        " `mkt runs show`. If they break off and it happens again, look in the kernel's log for the out-of-memory"
        " killer.",
        code="local.killed",
    )


def _fingerprint(configuration: ConnectorConfiguration, manifest: Manifest) -> str:
    """Return a digest of what decides which records a sync sees: connector, its version, settings."""
    text = orjson.dumps([manifest.id, manifest.version, configuration.settings], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=16).hexdigest()
