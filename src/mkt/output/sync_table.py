"""The report of a sync for a person: what went wrong, then what was brought over."""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from datetime import datetime
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from mkt.engine.following import after_result, broken_source
from mkt.engine.report import Held, Report, Result, StreamCounts
from mkt.engine.triage.causes import REVIEW
from mkt.output.causes import also, by_cause, triage
from mkt.output.fitting import Fitting, facts
from mkt.output.preview_table import changes_page
from mkt.output.text import (
    DIM,
    acts,
    ago,
    clean,
    clock,
    duration,
    line,
    next_command,
    outcome_text,
    plural,
    short_id,
)

_ORDER: Final = {"failed": 0, "held": 1, "deferred": 2, "skipped": 3, "ok": 4}
_ROWS_SHOWN: Final = 20
_TOLD_APART: Final = 3
"""Of more failures than these, the causes are what to look at next."""
_COUNTS: Final = ("created", "updated", "deleted", "unchanged", "invalid")
_SYNC_FIRST: Final = "A sync makes the hold that you then decide about."
_SPARE: Final = ("connector", "time", "invalid")


def sync_page(report: Report, now: datetime, *, values: bool = False) -> Iterator[RenderableType]:
    """Problems first, then the integrations that changed, then a count of those that did not.

    `values` reveals those of the records that a dry run previews.
    """
    results = sorted(report.results, key=lambda result: (_ORDER.get(result.outcome, 0), result.target))
    if report.dry_run:
        yield line("dry run: nothing was stored", style="bold")
    for result, others in by_cause([r for r in results if r.outcome != "ok"], _cause):
        yield from _problem(result, now, kept=not report.dry_run)
        if others:
            failure = result.failure
            yield also([other.target for other in others], triage(failure.fingerprint if failure else ""))
    for result in results:
        yield from changes_page(result.target, result.preview, result.streams, values=values)
    yield from _counts([result for result in results if result.outcome == "ok"])
    yield line(_summary(report))
    yield next_command(_next(results, kept=not report.dry_run))


def not_due_line(report: Report, now: datetime, *, everything: bool = False) -> str:
    """Return what a person reads who asked for a sync, perhaps of everything, when nothing was due."""
    dated = [left.next_due_at for left in report.not_due if left.next_due_at]
    stopped = Counter(left.stopped for left in report.not_due if left.stopped)
    free = len(report.not_due) - stopped.total()
    when = f"next {clock(min(dated), now)}" if dated else "none has a schedule" if free else ""
    waiting = ", ".join(f"{count:,} {why}" for why, count in sorted(stopped.items()))
    option = "--all" if everything else "--now"
    runs = f"{option} runs {'the others' if stopped else 'them'}" if free else ""
    parts = (f"0 of {len(report.not_due):,} due", when, waiting and f"{waiting} (mkt status)", runs)
    return "; ".join(part for part in parts if part)


def _cause(result: Result) -> Hashable:
    """Tell which of many failed, or were put off, for the same reason."""
    return (result.outcome, result.failure.fingerprint) if result.failure and result.integration else None


def _problem(result: Result, now: datetime, *, kept: bool) -> Iterator[RenderableType]:
    yield Text.assemble(
        (clean(result.target), "bold"),
        f"  {clean(result.connector or broken_source(result.failure.message if result.failure else ''))}  ",
        outcome_text(result.outcome),
        (f"  {duration(result.duration_ms)}", DIM),
    )
    yield from facts(_told(result, now, kept=kept))


def _told(result: Result, now: datetime, *, kept: bool) -> Iterator[tuple[str, str]]:
    if result.failure:
        yield result.failure.error_class, result.failure.message
        yield acts(result.failure.actor), result.failure.remedy
    yield _again(result, now)
    if result.held:
        yield from _explain_hold(result.held, now)
    yield "note", result.note
    if kept and result.run_id and result.outcome not in ("skipped", "held") and not result.next_command:
        yield "more", f"mkt runs show {short_id(result.run_id)}"


def _again(result: Result, now: datetime) -> tuple[str, str]:
    """Say when the schedule has it tried again or, where it has none, what the partner asked for."""
    if result.next_due_at:
        return "again", ago(result.next_due_at, now)
    when = result.failure.retry_at if result.failure else None
    return "not before", ago(when, now) if when else ""


def _explain_hold(held: Held, now: datetime) -> Iterator[tuple[str, str]]:
    """Say why nothing was applied, since when, who acts, what to type."""
    for reason in held.reasons:
        yield "why", reason
    if not held.hold_id:
        yield "", "too much would change: a sync would be held for review, and nothing applied"
        next_step = f"Decide about hold {short_id(held.beside)} first." if held.beside else _SYNC_FIRST
        yield acts("us"), f"{REVIEW} {next_step}"
        return
    yield acts("us"), REVIEW
    if held.standing == "open":
        yield "since", f"{ago(held.opened_at, now)}; until it is decided the partner is not asked"
    if held.standing == "reopened":
        yield "reopened", "it was rejected, and the partner sent the same again"
    yield "type", f"mkt holds show {short_id(held.hold_id)}"


def _counts(results: Sequence[Result]) -> Iterator[RenderableType]:
    told = sorted((r for r in results if _moved(r.totals) or r.note), key=lambda r: (-_moved(r.totals), r.target))
    if told:
        columns = ("integration", "connector", *_COUNTS, "time")
        yield Fitting(columns, _rows(told), right=(*_COUNTS, "time"), spare=_SPARE)
        yield from (line(f"{r.target}: {r.note}") for r in told if r.note)
        yield from (part for result in told for part in _left_out(result))
    if len(results) > len(told):
        same = [result for result in results if not (_moved(result.totals) or result.note)]
        records = plural(_total(same, "unchanged"), "record")
        yield line(f"{plural(len(same), 'integration')} without a change ({records} unchanged)")


def _rows(told: Sequence[Result]) -> Iterator[dict[str, object]]:
    for result in told[:_ROWS_SHOWN]:
        facts = {"integration": result.target, "connector": result.connector, "time": duration(result.duration_ms)}
        yield {**facts, **{name: _number(result.totals, name) for name in _COUNTS}}
    rest = told[_ROWS_SHOWN:]
    if rest:
        yield {"integration": f"and {len(rest):,} more", **{name: f"{_total(rest, name):,}" for name in _COUNTS}}


def _left_out(result: Result) -> Iterator[RenderableType]:
    for stream, places in result.invalid_places.items():
        count = result.streams[stream].invalid if stream in result.streams else len(places)
        yield line(f"{result.target}: {plural(count, 'record')} of {stream} left out: {'; '.join(places)}")


def _moved(counts: StreamCounts) -> int:
    return counts.created + counts.updated + counts.deleted + counts.invalid


def _number(counts: StreamCounts, name: str) -> str:
    return f"{getattr(counts, name):,}"


def _total(results: Sequence[Result], name: str) -> int:
    return sum(getattr(result.totals, name) for result in results)


def _summary(report: Report) -> str:
    counts = report.summary()
    words = [f"{counts[name]:,} {name}" for name in ("failed", "held", "deferred", "skipped") if counts[name]]
    words.append(f"{counts['ok']:,} ok")
    if counts["not_due"]:
        words.append(f"{counts['not_due']:,} not due")
    stopped = f"; {report.stopped} before the rest" if report.stopped else ""
    return f"{', '.join(words)} in {duration(report.duration_ms)}{stopped}"


def _next(results: Sequence[Result], *, kept: bool) -> str:
    """Return what to type next; a run that was not kept cannot be shown."""
    first = results[0] if results else None
    if first is None or first.next_command or first.outcome in ("ok", "skipped"):
        return (first and first.next_command) or "mkt status"
    if sum(result.failure is not None for result in results) > _TOLD_APART and first.integration:
        return "mkt triage"
    if first.held and first.held.beside:
        return f"mkt holds show {short_id(first.held.beside)}"
    if first.held and not first.held.hold_id:
        return f"mkt sync {first.target} --now"
    return after_result(first, kept=kept)
