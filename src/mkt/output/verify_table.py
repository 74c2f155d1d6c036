"""The report of a verify for a person: the broken ladders step by step, the others as a count."""

from collections.abc import Hashable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mkt.engine.following import after_broken, broken_source
from mkt.engine.report import Report, Result, StepResult
from mkt.engine.verify.ladder import NOT_REACHED
from mkt.output.causes import also, by_cause
from mkt.output.text import DIM, acts, ago, clean, duration, line, next_command, outcome_text, plural, row, table

_ORDER: Final = {"fail": 0, "deferred": 1, "warn": 2, "pass": 3}
_TARGETS_NAMED: Final = 3


def verify_page(report: Report) -> Iterator[RenderableType]:
    """Problems first; a single integration is shown with its whole ladder, whatever came of it."""
    results = sorted(report.results, key=lambda result: (_ORDER.get(result.outcome, 0), result.target))
    alone = len(results) == 1
    for result, others in by_cause([r for r in results if alone or r.outcome != "pass"], _cause):
        yield from _integration(result, whole=alone)
        if others:
            yield also([other.target for other in others], "-o json names all")
    passed = [result for result in results if result.outcome == "pass"]
    if passed and not alone:
        steps = sum(len(result.steps) for result in passed)
        yield line(f"{plural(len(passed), 'integration')} passed ({plural(steps, 'step')})")
    yield from (line(f"{result.target}: {result.note}") for result in results if result.note)
    yield line(_summary(report))
    yield next_command(_next(results))


def change_line(result: Result, now: datetime) -> str:
    """Return what is new about one integration while a person waits: when, what, who acts."""
    local = now.astimezone()
    step = next((step for step in result.steps if step.outcome == "fail"), None)
    at = f" at {step.title}" if step else ""
    why = f"{at}: {result.failure.message} ({acts(result.failure.actor)})" if result.failure else ""
    return clean(f"{local:%H:%M:%S} {local.tzname()}  {result.target}  {result.outcome}{why}")


def _cause(result: Result) -> Hashable:
    """Tell which of many fail or warn for the same reason."""
    if result.failure:
        return result.failure.fingerprint if result.integration else None
    return result.connector, *(step.step for step in result.steps if step.outcome == "warn")


def _integration(result: Result, *, whole: bool) -> Iterator[RenderableType]:
    yield Text.assemble(
        (clean(result.target), "bold"),
        f"  {clean(result.connector or broken_source(result.failure.message if result.failure else ''))}  ",
        outcome_text(result.outcome),
        (f"  {duration(result.duration_ms)}", DIM),
    )
    whole = whole and any(step.evidence != NOT_REACHED for step in result.steps)
    shown = [step for step in result.steps if whole or step.outcome in ("fail", "warn") or step.remedy]
    grid = table("", "", "")
    for step in shown:
        _add_step(grid, step)
    if result.failure and not any(step.outcome == "fail" or step.remedy for step in shown):
        failure = result.failure
        row(grid, outcome_text(result.outcome), failure.code, failure.message)
        row(grid, "", acts(failure.actor), failure.remedy)
    if result.failure and result.failure.retry_at:
        row(grid, "", "again", ago(result.failure.retry_at, datetime.now(UTC)))
    if grid.row_count:
        yield Padding(grid, (0, 0, 0, 2), expand=False)
    folded = _folded([step for step in result.steps if step not in shown])
    if folded:
        yield Padding(line(folded, style=DIM), (0, 0, 0, 2), expand=False)


def _add_step(grid: Table, step: StepResult) -> None:
    row(grid, outcome_text(step.outcome), step.title, step.evidence)
    if step.remedy:
        row(grid, "", acts(step.actor), step.remedy)


def _folded(steps: Sequence[StepResult]) -> str:
    passed = sum(step.outcome == "pass" for step in steps)
    skipped = len(steps) - passed
    words = [plural(passed, "step") + " passed"] if passed else []
    return ", ".join([*words, *([f"{skipped} skipped"] if skipped else [])])


def _summary(report: Report) -> str:
    counts = report.summary()
    words = [f"{counts['failed']:,} failed", f"{counts['warn']:,} warned", f"{counts['ok']:,} passed"]
    words += [f"{counts['deferred']:,} deferred"] if counts["deferred"] else []
    stopped = f"; {report.stopped} before the rest" if report.stopped else ""
    return f"{', '.join(words)} in {duration(report.duration_ms)}{stopped}"


def _next(results: Sequence[Result]) -> str:
    if broken := [result.failure for result in results if not result.integration]:
        return after_broken(broken[0].message if broken[0] else "")
    if len(results) == 1 and results[0].next_command:
        return results[0].next_command
    if failed := [result for result in results if result.outcome in ("fail", "deferred")]:
        return f"mkt verify {_named(failed)}{_once_more(failed) if len(results) == 1 else ''}"
    if disabled := [result for result in results if result.disabled]:
        return f"mkt enable {_named(disabled)}"
    return f"mkt sync {results[0].target} --now" if len(results) == 1 else "mkt status"


def _named(results: Sequence[Result]) -> str:
    return " ".join(result.target for result in results[:_TARGETS_NAMED])


def _once_more(failed: Sequence[Result]) -> str:
    """Return the option for a ladder that is shown in full: the text for the customer, or until it has passed."""
    options = {"customer": " --for-customer", "partner": " --wait"}
    failure = failed[0].failure
    if failed[0].outcome == "deferred":
        return " --wait"
    return options.get(failure.actor, "") if failure else ""
