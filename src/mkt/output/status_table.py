"""Where every integration stands, for a person: problems first; a single one with all that is known of it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from mkt.engine.status import Health, IntegrationStatus
from mkt.output.text import acts, ago, clean, line, next_command, outcome_text, plural, row, short_id, table


def status_page(found: Sequence[IntegrationStatus], now: datetime, *, whole: bool) -> Iterator[RenderableType]:
    """Show problems, and the rest as counts; `whole` shows every row."""
    if len(found) == 1:
        yield from _detail(found[0], now)
        return
    shown = [status for status in found if whole or status.health not in ("ok", "disabled")]
    if shown:
        grid = table("integration", "connector", "health", "last ok", "next due", "why")
        for status in shown:
            why = f"{status.why} ({status.actor})" if status.why and status.actor else status.why
            row(
                grid,
                status.target,
                status.connector,
                outcome_text(status.health),
                ago(status.last_ok_at, now),
                _due(status, now),
                why,
            )
        yield grid
    counts = Counter(status.health for status in found)
    yield line(plural(len(found), "integration") + _counted(counts))
    yield next_command(next((status.next_command for status in found if status.next_command), "mkt sync"))


def _counted(counts: Counter[Health]) -> str:
    return f": {', '.join(f'{count} {health}' for health, count in counts.items())}" if counts else ""


def _due(status: IntegrationStatus, now: datetime) -> str:
    if status.health in ("disabled", "broken"):
        return "-"
    if status.next_due_at is None:
        return "on request"
    return "now" if status.next_due_at <= now else ago(status.next_due_at, now)


def _detail(status: IntegrationStatus, now: datetime) -> Iterator[RenderableType]:
    yield Text.assemble(
        (clean(status.target), "bold"),
        f"  {clean(status.connector or 'config file')}  ",
        outcome_text(status.health),
    )
    grid = table("", "")
    for name, value in _facts(status, now):
        if value:
            row(grid, name, value)
    yield Padding(grid, (0, 0, 0, 2), expand=False)
    if status.streams:
        streams = table("stream", "live", "deleted", "data as of", right=("live", "deleted"))
        for stream in status.streams:
            as_of = ago(stream.as_of, now) if stream.as_of else "first load going on"
            row(streams, stream.stream, f"{stream.live:,}", f"{stream.deleted:,}", as_of)
        yield Padding(streams, (0, 0, 0, 2), expand=False)
    yield next_command(status.next_command or f"mkt sync {status.target} --now")


def _facts(status: IntegrationStatus, now: datetime) -> Iterator[tuple[str, str]]:
    yield "why", status.why
    if status.remedy:
        yield acts(status.actor), status.remedy
    if status.integration:
        yield "last ok", ago(status.last_ok_at, now)
        yield "last run", f"{ago(status.last_finished_at, now)} {short_id(status.last_run_id)}".strip()
        yield "last change", ago(status.last_change_at, now)
        yield "next due", _due(status, now)
        yield "schedule", str(status.schedule or "none: only on request")
    yield "failed in a row", str(status.failures or "")
    yield "written in", status.place
