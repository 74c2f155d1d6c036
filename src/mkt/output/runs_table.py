"""Past runs, for a person: a list, and one of them with all that is known of it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, cast

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from mkt.contract import ConnectorEvent
from mkt.engine.following import after_run
from mkt.engine.report import stored_failure
from mkt.output.fitting import Fitting, facts
from mkt.output.tables import event_line
from mkt.output.text import (
    BOLD,
    acts,
    ago,
    amount,
    clean,
    clock,
    duration,
    line,
    next_command,
    outcome_text,
    row,
    short_id,
    table,
)
from mkt.store.base import Run

_COLUMNS: Final = ("run", "command", "integration", "outcome", "started", "at", "took", "why")
_OTHERS: Final = tuple(name for name in _COLUMNS if name not in ("command", "integration"))
_SPARE: Final = ("took", "at", "command")
_COUNTS: Final = ("created", "updated", "deleted", "absent", "unchanged", "invalid")
_TOLD: Final = frozenset(
    {"verify.started", "verify.step", "verify.completed", "sync.started", "sync.completed", "sync.failed"}
    | {"sync.held", "sync.deferred", "sync.skipped"}
)
"""Events whose contents stand above them already."""


def runs_page(runs: Sequence[Run], now: datetime) -> Iterator[RenderableType]:
    """Newest first."""
    if not runs:
        yield line("no runs yet")
        yield next_command("mkt sync")
        return
    yield Fitting(_COLUMNS, [_cells(run, now) for run in runs], spare=_SPARE, folds="why", most=2)
    yield next_command(f"mkt runs show {short_id(runs[0].id)}")


def run_page(
    run: Run, events: Sequence[ConnectorEvent], others: Sequence[Run], now: datetime
) -> Iterator[RenderableType]:
    """One run: what came of it, step by step or stream by stream, and the runs of the integration around it."""
    target = f"{run.key.tenant}/{run.key.integration}"
    yield Text.assemble(
        (f"{run.command} {clean(target)}", BOLD), f"  {clean(run.connector)}  ", outcome_text(run.outcome)
    )
    yield from facts(_facts(run, now))
    yield from _steps(events)
    yield from _streams(run.details.get("streams"))
    yield from (event_line(event) for event in events if event.event not in _TOLD)
    if others:
        yield line(f"other {run.command} runs of {target}", style=BOLD)
        rows = [_cells(other, now) for other in others]
        yield Padding(Fitting(_OTHERS, rows, spare=_SPARE, folds="why", most=1), (0, 0, 0, 2))
    yield next_command(after_run(run, others))


def _facts(run: Run, now: datetime) -> Iterator[tuple[str, str]]:
    yield "id", run.id
    yield "started", ago(run.started_at, now)
    if run.finished_at:
        yield "took", duration(_milliseconds(run))
    if run.error:
        failure = stored_failure(run.error)
        yield failure.error_class, failure.message
        yield acts(failure.actor), failure.remedy
        yield "code", failure.code
        yield "cause", failure.fingerprint
        yield "again", ago(failure.retry_at, now) if failure.retry_at else ""
    for reason in _reasons(run):
        yield "held", reason
    yield "note", str(run.details.get("note") or "")
    places = run.details.get("invalid_places")
    for stream, found in places.items() if isinstance(places, dict) else ():
        yield "left out", f"{stream}: {'; '.join(map(str, found))}"


def _steps(events: Sequence[ConnectorEvent]) -> Iterator[RenderableType]:
    """Show the ladder of a verify, as it was climbed."""
    steps = [event.details for event in events if event.event == "verify.step"]
    if not steps:
        return
    grid = table("", "", "")
    for step in steps:
        row(grid, outcome_text(str(step.get("outcome", ""))), step.get("title"), step.get("evidence"))
        if step.get("remedy"):
            row(grid, "", acts(str(step.get("actor") or "")), step["remedy"])
    yield Padding(grid, (0, 0, 0, 2), expand=False)


def _streams(streams: object) -> Iterator[RenderableType]:
    if not isinstance(streams, dict) or not streams:
        return
    found = cast("Mapping[str, Mapping[str, Any]]", streams)
    rows = [{"stream": name, **{kind: f"{own.get(kind, 0):,}" for kind in _COUNTS}} for name, own in found.items()]
    grid = Fitting(("stream", *_COUNTS), rows, right=_COUNTS, spare=("absent", "invalid", "unchanged"))
    yield Padding(grid, (0, 0, 0, 2))


def _cells(run: Run, now: datetime) -> dict[str, object]:
    span = amount(abs((now - run.started_at).total_seconds()))
    return {
        "run": short_id(run.id),
        "command": run.command,
        "integration": f"{run.key.tenant}/{run.key.integration}",
        "outcome": outcome_text(run.outcome),
        "started": f"{span} ago",
        "at": f"{clock(run.started_at, now)} {run.started_at.astimezone().tzname()}",
        "took": duration(_milliseconds(run)) if run.finished_at else "",
        "why": str((run.error or {}).get("message", "")) or "; ".join(_reasons(run)),
    }


def _reasons(run: Run) -> list[str]:
    """Return why it was held."""
    reasons = run.details.get("reasons")
    return [str(reason) for reason in reasons] if isinstance(reasons, list) else []


def _milliseconds(run: Run) -> int:
    seconds = (run.finished_at - run.started_at).total_seconds() if run.finished_at else 0
    return round(seconds * 1000)
