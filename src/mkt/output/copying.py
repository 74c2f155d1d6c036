"""What `mkt db copy` copied, or would."""

from collections.abc import Iterator
from typing import Any, Final

from rich.console import RenderableType

from mkt.output.text import BOLD, line, next_command, plural, row, table
from mkt.store.copying import TABLES, Copied

_WORDS: Final = {
    "integration_records": "records, deleted ones too",
    "integration_events": "events",
    "integration_record_scopes": "scopes of records",
    "integration_absences": "absences",
    "integration_deliveries": "deliveries",
    "integration_delivery_days": "days of deliveries",
    "integration_memory": "values of context.state",
    "integration_alerts": "open alerts",
    "integration_alert_messages": "messages of alerts",
    "integration_staging_runs": "stagings",
    "integration_staging": "staged changes",
    "integration_staging_seen": "staged ids",
    "integration_holds": "holds",
    "integration_runs": "runs",
    "integration_streams": "streams with their cursors",
    "integration_state": "states of integrations",
}


def copied_object(copied: Copied, origin: str, to: str, *, dry_run: bool) -> dict[str, Any]:
    """Return the counts for scripts."""
    return {
        "from": origin,
        "to": to,
        "dry_run": dry_run,
        "resumed": copied.resumed,
        "streams_compared": copied.streams,
        "rows": {name: copied.counts[name] for name in TABLES},
    }


def copied_page(copied: Copied, origin: str, to: str, *, dry_run: bool) -> Iterator[RenderableType]:
    """Show each kind, and what has to be typed so that mkt works with the new store."""
    if dry_run:
        yield line("dry run: nothing was copied", style=BOLD)
    elif copied.resumed:
        yield line("went on with the copy that was begun earlier")
    grid = table("what", "rows", right=("rows",))
    for name, words in _WORDS.items():
        row(grid, words, f"{copied.counts[name]:,}")
    yield grid
    if dry_run:
        yield next_command(f"mkt db copy --from {origin} --to {to}")
        return
    yield line(f"{to} has the same rows; the records of {plural(copied.streams, 'stream')} were compared one by one.")
    yield line("Not copied: the partners' spent budgets, and who holds a lease.")
    yield line(f'To work with it write into mkt.toml, above its first section:  store = "{to}"')
    yield line(f"Then {origin} is history: let no cron, worker or server use it any more.")
    yield next_command(f"mkt status --store {to}")
