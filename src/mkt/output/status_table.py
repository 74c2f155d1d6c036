"""Where every integration stands, for a person: problems first; a single one with all that is known of it."""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from datetime import datetime
from typing import Final

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from mkt.engine.following import broken_source
from mkt.engine.status import PROBLEMS, Health, IntegrationStatus, StreamStatus
from mkt.output.causes import also, by_cause, triage
from mkt.output.fitting import Fitting, facts
from mkt.output.tables import action_text
from mkt.output.text import (
    acts,
    ago,
    amount,
    clean,
    line,
    next_command,
    outcome_text,
    plural,
    row,
    short_id,
    table,
)

_EXPLAINED: Final = 10
"""So many causes are told at length; what has another one is a row."""
_TOLD_APART: Final = 3
"""Of more failures than these, the causes are what to look at next."""
_SPARE: Final = ("connector", "last change", "next due", "data as of")


def status_page(
    found: Sequence[IntegrationStatus], now: datetime, *, whole: bool, queue: str = ""
) -> Iterator[RenderableType]:
    """Show problems, and the rest as counts; `whole` shows every row, `queue` tells of the workers'."""
    if len(found) == 1:
        yield from _detail(found[0], now, queue)
        return
    problems = [status for status in found if status.health in PROBLEMS]
    causes = list(by_cause(problems, _cause))
    for status, others in causes[:_EXPLAINED]:
        yield from _problem(status, now)
        if others:
            yield also([other.target for other in others], triage(status.fingerprint))
    unexplained = [one for status, others in causes[_EXPLAINED:] for one in (status, *others)]
    rows = [*unexplained, *(s for s in found if s.health not in PROBLEMS and (whole or _notable(s)))]
    if rows:
        yield Fitting(_columns(rows), [_cells(status, now) for status in rows], spare=_SPARE, folds="why", most=2)
    counts = Counter(status.health for status in found)
    yield line(plural(len(found), "integration") + _counted(counts))
    if queue:
        yield line(queue)
    if sum(status.health == "failing" for status in found) > _TOLD_APART:
        yield next_command("mkt triage")
        return
    otherwise = "mkt sync" if whole else "mkt status --all"
    yield next_command(next((status.next_command for status in found if status.next_command), otherwise))


def _cause(status: IntegrationStatus) -> Hashable:
    return (status.health, status.fingerprint) if status.integration else None


def _notable(status: IntegrationStatus) -> bool:
    return status.health not in ("ok", "disabled")


def _counted(counts: Counter[Health]) -> str:
    return f": {', '.join(f'{count:,} {health}' for health, count in counts.items())}" if counts else ""


def _columns(shown: Sequence[IntegrationStatus]) -> Sequence[str]:
    why = ["why"] if any(status.why for status in shown) else []
    return ["integration", "connector", "health", "data as of", "last change", "next due", *why]


def _cells(status: IntegrationStatus, now: datetime) -> dict[str, object]:
    return {
        "integration": status.target,
        "connector": status.connector,
        "health": outcome_text(status.health),
        "data as of": _as_of(status.streams, now),
        "last change": ago(status.last_change_at, now),
        "next due": _due(status, now),
        "why": f"{status.why} ({status.actor})" if status.why and status.actor else status.why,
    }


def _problem(status: IntegrationStatus, now: datetime) -> Iterator[RenderableType]:
    """Tell what is wrong, since when, who acts, and what to type."""
    yield _heading(status)
    told = [("why", status.why), (acts(status.actor), status.remedy), _pause(status, now)]
    if status.integration:
        told += [("data as of", _as_of(status.streams, now)), ("last change", ago(status.last_change_at, now))]
    yield from facts([*told, ("overdue", _overdue(status, now))], status.next_command)


def _heading(status: IntegrationStatus) -> Text:
    times = f"  {status.failures} times in a row" if status.failures > 1 else ""
    return Text.assemble(
        (clean(status.target), "bold"),
        f"  {clean(status.connector or broken_source(status.why))}  ",
        outcome_text(status.health),
        times,
    )


def _as_of(streams: Sequence[StreamStatus], now: datetime) -> str:
    """Return one time where all streams have the same, else each stream's."""
    if not streams:
        return "never"
    if len({stream.as_of for stream in streams}) == 1:
        return _loaded(streams[0], now)
    return ", ".join(f"{stream.stream} {_loaded(stream, now)}" for stream in streams)


def _loaded(stream: StreamStatus, now: datetime) -> str:
    return ago(stream.as_of, now) if stream.as_of else "first load not finished"


def _due(status: IntegrationStatus, now: datetime) -> str:
    if status.health in ("disabled", "broken"):
        return "-"
    if status.health in ("paused", "held"):
        return f"not while it is {status.health}"
    if status.next_due_at is None:
        return "on request"
    return "now" if status.next_due_at <= now else ago(status.next_due_at, now)


def _since(moment: datetime | None, now: datetime) -> str:
    return f"since {ago(moment, now)}" if moment else ""


def _pause(status: IntegrationStatus, now: datetime) -> tuple[str, str]:
    """Return since when it is paused, or how near that is and what counts anew."""
    if status.paused_at or status.tries_left is None:
        return "paused", _since(status.paused_at, now)
    tries = plural(status.tries_left, "more failed sync")
    return "pause", f"after {tries} like this; a verify that passes counts anew"


def _again(status: IntegrationStatus, now: datetime) -> str:
    """Return until when a deferred one is not asked for again."""
    waits = status.health == "deferred" and status.retry_at != status.next_due_at
    return ago(status.retry_at, now) if status.retry_at and waits else ""


def _connection(status: IntegrationStatus, now: datetime) -> str:
    return f"{status.connection}, {_since(status.connection_since, now)}" if status.connection else ""


def _overdue(status: IntegrationStatus, now: datetime) -> str:
    if status.overdue_by is None:
        return ""
    return f"by {amount(status.overdue_by.total_seconds())}, since {ago(now - status.overdue_by, now)}"


def _detail(status: IntegrationStatus, now: datetime, queue: str) -> Iterator[RenderableType]:
    yield _heading(status)
    yield from facts(_facts(status, now))
    if status.streams:
        streams = table("stream", "live", "deleted", "data as of", right=("live", "deleted"))
        for stream in status.streams:
            row(streams, stream.stream, f"{stream.live:,}", f"{stream.deleted:,}", _loaded(stream, now))
        yield Padding(streams, (0, 0, 0, 2), expand=False)
    if queue:
        yield line(queue)
    otherwise = f"mkt enable {status.target}" if status.health == "disabled" else f"mkt sync {status.target} --now"
    yield next_command(status.next_command or otherwise)


def _facts(status: IntegrationStatus, now: datetime) -> Iterator[tuple[str, str]]:
    yield "why", status.why
    if status.remedy:
        yield acts(status.actor), status.remedy
    if status.integration:
        yield _pause(status, now)
        yield "asked again", _again(status, now)
        yield "overdue", _overdue(status, now)
        yield "connection", _connection(status, now)
        yield "last ok", ago(status.last_ok_at, now)
        yield "going on", status.running
        yield "last run", f"{ago(status.last_finished_at, now)} {short_id(status.last_run_id)}".strip()
        yield "note", status.note
        yield "last change", ago(status.last_change_at, now)
        yield "next due", _due(status, now)
        yield "schedule", str(status.schedule or "none: only on request")
    if status.last_action:
        yield "last action", f"{ago(status.last_action.timestamp, now)} {action_text(status.last_action)}"
    yield "written in", status.place
