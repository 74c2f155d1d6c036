"""Climb the preflight ladder of each integration, all of them side by side."""

import time
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import timedelta
from typing import Final

from mkt.contract import ConnectorConfiguration, ConnectorError, TransientError, uuid7
from mkt.engine.base import Engine
from mkt.engine.broken import report_broken
from mkt.engine.call import Call, StoredProgress, StoredState, chosen_streams
from mkt.engine.connection import connection_after, report_connection
from mkt.engine.following import DEADLINE, SLOW, next_command, said_of_hold
from mkt.engine.isolation import attempt
from mkt.engine.pause import end_pause
from mkt.engine.pool import Pool
from mkt.engine.report import Failure, Report, Result, StepResult, VerifyOutcome
from mkt.engine.selection import Selected, Selection
from mkt.engine.summary import finished
from mkt.engine.triage.triage import with_cause
from mkt.engine.verify.asked import what_was_told
from mkt.engine.verify.ladder import RecordingLadder
from mkt.errors import Interrupted

TIMEOUT: Final = timedelta(minutes=5)


def verify(engine: Engine, selection: Selection, *, concurrency: int, timeout: timedelta = TIMEOUT) -> Report:
    """Verify what is selected; an integration that is disabled only when a target names it."""
    started = time.monotonic()
    results = verify_once(engine, selection, concurrency, timeout)
    return finished(engine, Report(command="verify", results=results), started)


def verify_once(
    engine: Engine,
    selection: Selection,
    concurrency: int,
    timeout: timedelta,
    only: AbstractSet[str] | None = None,
) -> tuple[Result, ...]:
    """Verify what is selected or, of that, `only` these targets; a tenant stands for all that it has."""
    selected = selection.choose(engine.source.load())
    jobs = [
        VerifyJob(engine, configuration, timeout.total_seconds())
        for configuration in chosen(engine, selection, selected)
        if only is None or {configuration.target, configuration.tenant} & only
    ]
    tenants = None if only is None else {target.partition("/")[0] for target in only}
    broken = [b for b in selected.broken if tenants is None or b.tenant in tenants]
    reported = [report_broken(engine, tenant, "verify.completed") for tenant in broken]
    engine.telemetry.expect(len(jobs))
    if jobs:
        engine.runtimes.prepare()
    results = Pool[Result | None](jobs, concurrency, engine.stop).run()
    return (*reported, *(result for result in results if result is not None))


def chosen(engine: Engine, selection: Selection, selected: Selected) -> list[ConnectorConfiguration]:
    """Return the integrations whose turn it is; of those that are disabled, what a target names."""
    today = engine.now().date()
    return [each for each in selected.configurations if each.active(today) or selection.names(each)]


def narrowed(engine: Engine, selection: Selection) -> Selection:
    """Return the selection with the targets of its cause, where it has one; raise `Refused` as `find_cause` does."""
    return with_cause(engine, selection, engine.source.load()) if selection.cause else selection


class VerifyJob:
    """One integration's ladder."""

    def __init__(self, engine: Engine, configuration: ConnectorConfiguration, seconds: float) -> None:
        self.seconds = seconds
        self._engine = engine
        self._call = Call.prepare(engine, configuration, uuid7())
        self._ladder = RecordingLadder((), self._call.masker.mask, self._call.reporter.step)
        self._started = time.monotonic()
        self._run = self._call.new_run("verify")

    def run(self) -> Result | None:
        """Climb, record, report; None where a stop came before the end, which says nothing of the integration."""
        self._started = time.monotonic()
        error = attempt(self._climb)
        if isinstance(error, Interrupted):
            self._leave()
            return None
        failures = self._ladder.failures
        if error is None and failures:
            error = failures[0]
        return self._finish(error, self._ladder.finish())

    def abandon(self) -> Result | None:
        """Report the ladder as far as it was climbed."""
        if self._engine.stop.event.is_set():
            self._leave()
            return None
        return self._finish(self._late(), tuple(self._ladder.results))

    def _judge(self, error: ConnectorError) -> None:
        """Say of an answer that our own limit did not wait for that the limit is ours, whoever was slow."""
        if error.code == SLOW and time.monotonic() >= self._started + self.seconds:
            late = self._late(f" while it waited for {error.message.partition(': ')[0]}")
            error.message, error.remedy, error.actor, error.code = late.message, late.remedy, late.actor, late.code
        self._call.judge(error)

    def _late(self, waited: str = "") -> TransientError:
        target = self._call.configuration.target
        return TransientError(
            f"{target} was stopped by our own limit of {self.seconds:.0f} s for one verify{waited}",
            remedy=f"Give it more time: `mkt verify {target} --timeout 15m`. If it stays so, ask the partner why.",
            actor="us",
            code=DEADLINE,
        )

    def _leave(self) -> None:
        ended = replace(self._run, finished_at=self._engine.now(), outcome="interrupted")
        attempt(lambda: self._engine.store.finish_run(ended))

    def _climb(self) -> None:
        call, engine = self._call, self._engine
        call.reporter.emit("verify.started", f"verify {call.configuration.target}")
        self._run = call.new_run("verify")
        engine.store.start_run(self._run)
        registered = call.registered()
        manifest = registered.require_manifest()
        self._ladder = RecordingLadder(manifest.verify, call.masker.mask, call.reporter.step, self._judge)
        with call.context(
            self._ladder,
            progress=StoredProgress(engine.store, call.key),
            state=StoredState(engine, call.key),
            streams=chosen_streams(manifest, frozenset()),
            deadline=self._started + self.seconds,
        ) as context:
            registered.connector.verify(context)

    def _finish(self, error: Exception | None, steps: tuple[StepResult, ...]) -> Result:
        call = self._call
        failure = call.failure(error) if error else None
        result = Result(
            tenant=call.key.tenant,
            integration=call.key.integration,
            connector=call.configuration.connector,
            category=call.reporter.category,
            run_id=call.run_id,
            outcome=_outcome(failure, steps, call.warnings),
            failure=failure,
            note="; ".join(call.warnings),
            disabled=not call.configuration.active(self._engine.now().date()),
            duration_ms=round((time.monotonic() - self._started) * 1000),
            steps=steps,
        )
        call.reporter.completed(result)
        told = attempt(lambda: what_was_told(self._engine, call.configuration, result))
        outcomes = {"steps": {step.step: step.outcome for step in steps}}
        details = outcomes if isinstance(told, Exception) else {**outcomes, **told}
        attempt(lambda: self._engine.store.finish_run(call.ended(self._run, result, details)))
        noted = attempt(lambda: self._note(result))
        return result if isinstance(noted, Exception) else noted

    def _note(self, result: Result) -> Result:
        """Note how the line stands now, end a pause where everything works, and say so."""
        store, call = self._engine.store, self._call
        after = connection_after(result)
        if after is not None:
            before = store.set_connection(call.key, after, self._engine.now())
            report_connection(call.reporter, before, after, result)
        if result.outcome in ("fail", "deferred"):
            return result
        ended = ["no longer paused"] if end_pause(store, call.reporter, "verify") else []
        state = store.states([call.key]).get(call.key)
        hold = [said_of_hold(state.hold_id)] if state and state.hold_id else []
        command = next_command(result.target, "held", hold_id=state.hold_id) if state and hold else ""
        return replace(result, note="; ".join([*call.warnings, *ended, *hold]), next_command=command)


def _outcome(failure: Failure | None, steps: tuple[StepResult, ...], warnings: list[str]) -> VerifyOutcome:
    outcomes = {step.outcome for step in steps}
    if failure and failure.error_class == "rate_limit":
        return "deferred"
    if failure or "fail" in outcomes:
        return "fail"
    return "warn" if warnings or "warn" in outcomes else "pass"
