"""One integration's turn in a sync: take the lease, run, write down what came of it."""

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from mkt.contract import ConnectorConfiguration, JsonObject, RateLimited, Stream, uuid7
from mkt.engine.base import Engine
from mkt.engine.call import Call, chosen_streams
from mkt.engine.connection import connection_after, report_connection
from mkt.engine.failure import failure_of
from mkt.engine.isolation import attempt
from mkt.engine.pause import (
    end_pause,
    file_digest,
    is_paused,
    paused_now,
    refusals_after,
    report_pause,
    said_meanwhile,
    said_when_it_begins,
)
from mkt.engine.report import Failure, Result, StreamCounts, SyncOutcome, held_by
from mkt.engine.reporter import sync_details
from mkt.engine.sync.busy import busy_note
from mkt.engine.sync.heartbeat import Heartbeat
from mkt.engine.sync.run import SyncOptions, SyncRun, killed, late
from mkt.engine.sync.schedule import due_at, is_due, next_due
from mkt.errors import ConnectorError, Interrupted, StoreError
from mkt.store.base import IntegrationState, Lease, Run, StreamChanges


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
        self._known = False
        """Whether the state has been read: what is not known is not written over."""
        self._reporting = threading.Lock()

    def run(self) -> Result | None:
        """Return what came of it; None where a scheduled run finds the integration taken or already done."""
        self._started = time.monotonic()
        configuration, engine = self._call.configuration, self._engine
        if not configuration.active(engine.now().date()):
            note = f"{configuration.target} is disabled{_why_disabled(configuration)}"
            return self._left_alone("skipped", note, next_command=f"mkt enable {configuration.target}")
        if nothing := self._no_stream():
            return self._left_alone("skipped", nothing)
        lease = attempt(lambda: engine.store.acquire(self._call.key))
        if isinstance(lease, Exception):
            return self._finish(lease, None)
        if lease is None:
            return None if self._options.scheduled else self._taken()
        self._lease = lease
        with self._heartbeat.holding(lease):
            return self._under_lease(lease)

    def _taken(self) -> Result:
        """Report that another run has the integration; where not even that can be found out, only this."""
        busy = attempt(lambda: busy_note(self._engine.store, self._call.key))
        if isinstance(busy, Exception):
            return self._left_alone("deferred", f"another run of {self._call.configuration.target} is going on")
        note, command = busy
        return self._left_alone("deferred", note, next_command=command)

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
        self._state, self._known = state, True
        if self._options.scheduled and not is_due(self._call.configuration, state, engine.now()):
            return None
        if state and state.hold_id and not self._options.dry_run:
            return self._held_already(state)
        if state and state.paused_at:
            if is_paused(self._call.configuration, state):
                target = self._call.configuration.target
                return self._left_alone("skipped", said_meanwhile(target, state), next_command=f"mkt verify {target}")
            self._state = state = self._mended(state)
        sync_run = SyncRun(self._call, lease, self._options, state, self._started + self.seconds)
        error = attempt(lambda: self._do(sync_run))
        if error is not None:
            failed: Exception = error
            attempt(lambda: sync_run.leave(failed))
        return self._finish(error, sync_run)

    def _held_already(self, state: IntegrationState) -> Result:
        """Report the open hold; the partner is not asked again before a person has decided."""
        holds = attempt(lambda: self._engine.store.find_holds(state.hold_id))
        if isinstance(holds, Exception):
            return self._finish(holds, None)
        held = held_by(holds[0], "open")
        result = replace(self._result("held", None, None, ""), held=held)
        self._call.reporter.synced(result)
        return result

    def _mended(self, state: IntegrationState) -> IntegrationState:
        """End a pause that began with other settings or references in the file. A dry run writes nothing."""
        if not self._options.dry_run:
            attempt(lambda: end_pause(self._engine.store, self._call.reporter, "change"))
        return replace(state, paused_at=None, paused_with="", refusals=0)

    def _do(self, sync_run: SyncRun) -> None:
        self._call.reporter.emit("sync.started", f"sync {self._call.configuration.target}")
        self._entry = self._call.new_run("sync")
        sync_run.do(None if self._options.dry_run else self._entry, _killed(self._entry.connector))

    def _no_stream(self) -> str:
        """Return why there is nothing to sync here; a connector that is unknown or broken fails later."""
        found = self._engine.registry.get(self._call.configuration.connector)
        if not (found and found.manifest) or chosen_streams(found.manifest, self._options.streams):
            return ""
        return f"{found.id} has no stream {', '.join(sorted(self._options.streams)) or 'to sync'}"

    def _left_alone(self, outcome: SyncOutcome, note: str, next_command: str = "") -> Result:
        result = replace(self._result(outcome, None, None, note), next_command=next_command)
        self._call.reporter.synced(result)
        return result

    def _finish(self, error: Exception | None, sync_run: SyncRun | None) -> Result:
        result = self._outcome(error, sync_run)
        if not self._reporting.acquire(blocking=False):
            return result  # abandoned, and reported as such
        written: IntegrationState | Exception | None = None
        if not self._options.dry_run:
            self._look_again()
            result = self._with_pause(result)
            written = attempt(lambda: self._write_down(result, sync_run))
            if isinstance(written, Exception) and not result.failure:
                result = self._outcome(written, sync_run)
            if isinstance(written, StoreError):  # no other command can show what is not stored
                result = replace(result, next_command="mkt doctor")
            if isinstance(written, IntegrationState) and result.outcome in ("failed", "deferred"):
                due = due_at(self._call.configuration, written, self._engine.now())
                result = replace(result, next_due_at=due)
        self._call.reporter.synced(result)
        if isinstance(written, IntegrationState):
            self._report_changes(written, result)
        return result

    def _with_pause(self, result: Result) -> Result:
        if self._options.window or not paused_now(result, self._state):
            return result
        said = said_when_it_begins(result.target)
        return replace(result, note=f"{result.note}; {said}" if result.note else said)

    def _report_changes(self, state: IntegrationState, result: Result) -> None:
        """Say what has changed for more than this run, once it is stored."""
        before = self._state or IntegrationState(key=state.key)
        report_connection(self._call.reporter, before.connection, state.connection, result)
        if state.paused_at and not before.paused_at:
            report_pause(self._call.reporter, state.refusals)

    def _look_again(self) -> None:
        """Read the state anew: a verify may have ended a pause, or found the connection good, during the run."""
        if self._known:
            key = self._call.key
            state = attempt(lambda: self._engine.store.states([key], streams=False).get(key))
            self._state = self._state if isinstance(state, Exception) else state

    def _outcome(self, error: Exception | None, sync_run: SyncRun | None) -> Result:
        note = "; ".join([*(sync_run.notes if sync_run else ()), *self._call.warnings])
        if error is None:
            return self._result("held" if sync_run and sync_run.held else "ok", sync_run, None, note)
        if isinstance(error, Interrupted):
            return self._result("deferred", sync_run, None, f"{error.message}; the next sync goes on from here")
        later = isinstance(error, RateLimited) or (isinstance(error, ConnectorError) and error.retry_at is not None)
        return self._result("deferred" if later else "failed", sync_run, self._call.failure(error), note)

    def _write_down(self, result: Result, sync_run: SyncRun | None) -> IntegrationState | None:
        """Store the run and return the new state that was stored with it."""
        entry = self._call.ended(self._entry, result, sync_details(result))
        previous = self._state or IntegrationState(key=self._call.key)
        state = next_state(previous, self._call.configuration, result, entry)
        if result.outcome == "ok" and sync_run:
            state = replace(state, fingerprint=sync_run.fingerprint)
        # A window is no turn of the schedule: what was due is still due, and what had failed has.
        kept = state if self._known and not self._options.window else None
        self._engine.store.finish_run(entry, kept, self._lease)
        return kept

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
            held=sync_run.held if sync_run else None,
            note=note,
            duration_ms=round((time.monotonic() - self._started) * 1000),
            streams={stream: counts_of(change) for stream, change in sorted(changes.items())},
            invalid_places={s: tuple(places) for s, places in sync_run.places.items()} if sync_run else {},
            preview={s: tuple(records) for s, records in sorted(sync_run.preview.items())} if sync_run else {},
        )


def next_state(
    previous: IntegrationState, configuration: ConnectorConfiguration, result: Result, entry: Run
) -> IntegrationState:
    """Return where the integration stands after a run that ended so."""
    ok, now = result.outcome == "ok", entry.finished_at or entry.started_at
    pauses = paused_now(result, previous)
    failures = previous.failures + 1 if result.outcome == "failed" else previous.failures * (not ok)
    totals = result.totals
    connection = connection_after(result, failures) or previous.connection
    changed = ok and bool(totals.created or totals.updated or totals.deleted)
    return replace(
        previous,
        next_due_at=next_due(configuration, result, failures, now, started_at=entry.started_at),
        schedule=str(configuration.schedule or ""),
        last_run_id=result.run_id or "",
        last_outcome=result.outcome,
        last_error=result.failure.as_dict() if result.failure else None,
        last_finished_at=now,
        last_ok_at=now if ok else previous.last_ok_at,
        last_change_at=now if changed else previous.last_change_at,
        failures=failures,
        refusals=refusals_after(result, previous.refusals),
        paused_at=now if pauses else previous.paused_at,
        paused_with=file_digest(configuration) if pauses else previous.paused_with,
        connection=connection,
        connection_since=previous.connection_since if connection == previous.connection else now,
    )


def counts_of(change: StreamChanges) -> StreamCounts:
    """Return what is reported of a stream's changes."""
    return StreamCounts(
        created=change.created,
        updated=change.updated,
        unchanged=change.unchanged,
        deleted=change.deleted,
        absent=change.absent,
        invalid=change.invalid,
    )


@cache
def _killed(connector: str) -> JsonObject:
    """Return the failure of a run that has no end; its words are the same for every tenant."""
    return failure_of(killed(), connector).as_dict()


def _why_disabled(configuration: ConnectorConfiguration) -> str:
    disabled = configuration.disabled
    if disabled is None:
        return ""
    until = f" until {disabled.until}" if disabled.until else ""
    return f"{until}: {disabled.reason}" if disabled.reason else until
