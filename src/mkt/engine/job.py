"""One integration's turn in a sync: take the lease, run, write down what came of it."""

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from mkt.contract import ConnectorConfiguration, RateLimited, Stream, uuid7
from mkt.engine.base import Engine
from mkt.engine.call import Call, chosen_streams
from mkt.engine.heartbeat import Heartbeat
from mkt.engine.isolation import attempt
from mkt.engine.report import Failure, Result, StreamCounts, SyncOutcome
from mkt.engine.reporter import sync_details
from mkt.engine.run import SyncOptions, SyncRun, late
from mkt.engine.schedule import is_due, next_due
from mkt.errors import ConnectorError, Interrupted
from mkt.store.base import IntegrationState, Lease, StreamChanges


class SyncJob:
    """One integration's turn. `run` and `abandon` never raise."""

    def __init__(
        self, engine: Engine, configuration: ConnectorConfiguration, options: SyncOptions, heartbeat: Heartbeat
    ) -> None:
        self.seconds = options.timeout.total_seconds()
        self._engine = engine
        self._options = options
        self._heartbeat = heartbeat
        self._call = Call.prepare(engine, configuration, uuid7())
        self._entry = self._call.new_run("sync")
        self._started = time.monotonic()
        self._lease: Lease | None = None
        self._state: IntegrationState | None = None
        self._reporting = threading.Lock()

    def run(self) -> Result | None:
        """Return what came of it; None where a scheduled run finds the integration taken or already done."""
        self._started = time.monotonic()
        configuration, engine = self._call.configuration, self._engine
        if not configuration.active(engine.now().date()):
            return self._left_alone("skipped", f"{configuration.target} is disabled{_why_disabled(configuration)}")
        if nothing := self._no_stream():
            return self._left_alone("skipped", nothing)
        lease = attempt(lambda: engine.store.acquire(self._call.key))
        if isinstance(lease, Exception):
            return self._finish(lease, None)
        if lease is None:
            note = f"another run of {configuration.target} is going on"
            return None if self._options.scheduled else self._left_alone("deferred", note)
        self._lease = lease
        with self._heartbeat.holding(lease):
            return self._under_lease(lease)

    def abandon(self) -> Result:
        """Report the run and fence it off: its later commits are refused."""
        target = self._call.configuration.target
        stopped = self._engine.stop.event.is_set()
        result = self._finish(Interrupted() if stopped else late(target, self._options.timeout), None)
        if self._lease:
            self._heartbeat.drop(self._lease)
        return result

    def _under_lease(self, lease: Lease) -> Result | None:
        engine, key = self._engine, self._call.key
        state = attempt(lambda: engine.store.states([key]).get(key))
        if isinstance(state, Exception):
            return self._finish(state, None)
        self._state = state
        if self._options.scheduled and not is_due(self._call.configuration, state, engine.now()):
            return None
        sync_run = SyncRun(self._call, lease, self._options, state, self._started + self.seconds)
        error = attempt(lambda: self._do(sync_run))
        if error is not None:
            failed: Exception = error
            attempt(lambda: sync_run.leave(failed))
        return self._finish(error, sync_run)

    def _do(self, sync_run: SyncRun) -> None:
        self._call.reporter.emit("sync.started", f"sync {self._call.configuration.target}")
        self._entry = self._call.new_run("sync")
        if not self._options.dry_run:
            self._engine.store.start_run(self._entry)
        sync_run.do()

    def _no_stream(self) -> str:
        """Return why there is nothing to sync here; a connector that is unknown or broken fails later."""
        found = self._engine.registry.get(self._call.configuration.connector)
        if not (found and found.manifest) or chosen_streams(found.manifest, self._options.streams):
            return ""
        return f"{found.id} has no stream {', '.join(sorted(self._options.streams)) or 'to sync'}"

    def _left_alone(self, outcome: SyncOutcome, note: str) -> Result:
        result = self._result(outcome, None, None, note)
        self._call.reporter.synced(result)
        return result

    def _finish(self, error: Exception | None, sync_run: SyncRun | None) -> Result:
        result = self._outcome(error, sync_run)
        if not self._reporting.acquire(blocking=False):
            return result  # abandoned, and reported as such
        if not self._options.dry_run:
            written = attempt(lambda: self._write_down(result, sync_run))
            if written is not None and not result.failure:
                result = self._outcome(written, sync_run)
        self._call.reporter.synced(result)
        return result

    def _outcome(self, error: Exception | None, sync_run: SyncRun | None) -> Result:
        note = "; ".join([*([sync_run.note] if sync_run and sync_run.note else []), *self._call.warnings])
        if error is None:
            return self._result("ok", sync_run, None, note)
        if isinstance(error, Interrupted):
            return self._result("deferred", sync_run, None, f"{error.message}; the next sync goes on from here")
        later = isinstance(error, RateLimited) or (isinstance(error, ConnectorError) and error.retry_at is not None)
        return self._result("deferred" if later else "failed", sync_run, self._call.failure(error), note)

    def _write_down(self, result: Result, sync_run: SyncRun | None) -> None:
        entry = self._call.ended(self._entry, result, sync_details(result))
        previous = self._state or IntegrationState(key=self._call.key)
        state = _next_state(previous, self._call.configuration, result, entry.finished_at or self._engine.now())
        if result.outcome == "ok" and sync_run:
            state = replace(state, fingerprint=sync_run.fingerprint)
        self._engine.store.finish_run(entry, state, self._lease)

    def _result(self, outcome: SyncOutcome, sync_run: SyncRun | None, failure: Failure | None, note: str) -> Result:
        call = self._call
        changes: Mapping[Stream, StreamChanges] = sync_run.changes if sync_run else {}
        return Result(
            tenant=call.key.tenant,
            integration=call.key.integration,
            connector=call.configuration.connector,
            category=call.reporter.category,
            run_id=call.run_id,
            outcome=outcome,
            failure=failure,
            note=note,
            duration_ms=round((time.monotonic() - self._started) * 1000),
            streams={stream: _counts(change) for stream, change in sorted(changes.items())},
            invalid_places={s: tuple(places) for s, places in sync_run.places.items()} if sync_run else {},
            preview={s: tuple(records) for s, records in sorted(sync_run.preview.items())} if sync_run else {},
        )


def _next_state(
    previous: IntegrationState, configuration: ConnectorConfiguration, result: Result, now: datetime
) -> IntegrationState:
    ok = result.outcome == "ok"
    failures = previous.failures + 1 if result.outcome == "failed" else previous.failures * (not ok)
    totals = result.totals
    changed = ok and bool(totals.created or totals.updated or totals.deleted)
    return replace(
        previous,
        next_due_at=next_due(configuration, result, failures, now),
        schedule=str(configuration.schedule or ""),
        last_run_id=result.run_id or "",
        last_outcome=result.outcome,
        last_error=result.failure.as_dict() if result.failure else None,
        last_finished_at=now,
        last_ok_at=now if ok else previous.last_ok_at,
        last_change_at=now if changed else previous.last_change_at,
        failures=failures,
    )


def _counts(change: StreamChanges) -> StreamCounts:
    return StreamCounts(
        created=change.created,
        updated=change.updated,
        unchanged=change.unchanged,
        deleted=change.deleted,
        invalid=change.invalid,
    )


def _why_disabled(configuration: ConnectorConfiguration) -> str:
    disabled = configuration.disabled
    if disabled is None:
        return ""
    until = f" until {disabled.until}" if disabled.until else ""
    return f"{until}: {disabled.reason}" if disabled.reason else until
