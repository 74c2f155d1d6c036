"""The preflight ladder: the manifest's steps, each with outcome, evidence, remedy and who acts."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from mkt.contract import ConnectorError, RateLimited, Step, StepDeclaration, StepOutcome
from mkt.engine.report import StepResult

NOT_REACHED = "not reached"


class UndeclaredStepError(Exception):
    """A connector opened a step that its manifest does not declare, or one twice: a bug in the connector."""


class _Step:
    """The marks of one rung. The worst mark wins; all evidence is kept."""

    def __init__(self) -> None:
        self.outcome: StepOutcome = "pass"
        self.said: list[str] = []
        self.remedy = ""

    def evidence(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str, *, remedy: str = "") -> None:
        self.outcome = "warn"
        self.said.append(text)
        self.remedy = remedy or self.remedy

    def skip(self, reason: str) -> None:
        self.outcome = "skip"
        self.said.append(reason)


class RecordingLadder:
    """Records the steps of one run, masked, and reports each as it ends."""

    def __init__(
        self,
        declared: Sequence[StepDeclaration],
        mask: Callable[[str], str],
        report: Callable[[StepResult], None],
        judge: Callable[[ConnectorError], None] = lambda _: None,
    ) -> None:
        self._titles = {step.id: step.title for step in declared}
        self._mask = mask
        self._report = report
        self._judge = judge
        """Corrects who has to act, of what only the engine knows."""
        self.failures: list[ConnectorError] = []
        self.results: list[StepResult] = []

    @contextmanager
    def step(self, step_id: str, *, optional: bool) -> Iterator[Step]:
        """Open a step; a `ConnectorError` inside fails it and, unless it is optional, ends the ladder."""
        if step_id not in self._titles or any(step_id == result.step for result in self.results):
            raise UndeclaredStepError(step_id)
        step, started = _Step(), time.monotonic()
        try:
            yield step
        except ConnectorError as error:
            self._judge(error)
            self.failures.append(error)
            evidence = "; ".join([*step.said, error.message])
            result = StepResult(
                step=step_id,
                title=self._titles[step_id],
                outcome="skip" if isinstance(error, RateLimited) else "fail",  # put off is not failed
                evidence=self._mask(evidence),
                remedy=self._mask(error.remedy),
                actor=error.actor,
                ms=_ms(started),
            )
            self._add(result)
            if not optional:
                raise
        else:
            result = StepResult(
                step=step_id,
                title=self._titles[step_id],
                outcome=step.outcome,
                evidence=self._mask("; ".join(step.said)),
                remedy=self._mask(step.remedy),
                actor="us" if step.outcome == "warn" else None,
                ms=_ms(started),
            )
            self._add(result)

    def finish(self) -> tuple[StepResult, ...]:
        """Report the declared steps that were not reached as `skip`, and return all in the manifest's order."""
        reached = {result.step for result in self.results}
        for step_id, title in self._titles.items():
            if step_id not in reached:
                self._add(StepResult(step=step_id, title=title, outcome="skip", evidence=NOT_REACHED))
        order = list(self._titles)
        return tuple(sorted(self.results, key=lambda result: order.index(result.step)))

    def _add(self, result: StepResult) -> None:
        self.results.append(result)
        self._report(result)


def _ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
