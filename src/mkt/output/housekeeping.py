"""What `mkt db` did."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.console import RenderableType

from mkt.output.text import BOLD, line, next_command, row, table
from mkt.settings import Retention
from mkt.store.base import STAGING_KEPT, Pruned

_UNITS: Final = ("B", "KB", "MB", "GB")
_STEP: Final = 1000


def pruned_object(pruned: Pruned, *, dry_run: bool) -> dict[str, Any]:
    """Return the counts for scripts."""
    return {**asdict(pruned), "dry_run": dry_run}


def pruned_page(pruned: Pruned, kept: Retention, *, dry_run: bool) -> Iterator[RenderableType]:
    """Show each kind with how long it is kept."""
    if dry_run:
        yield line("dry run: nothing was forgotten", style=BOLD)
    hours = int(STAGING_KEPT.total_seconds() // 3600)
    grid = table("what", "kept", "too old" if dry_run else "forgotten", right=("too old", "forgotten"))
    row(grid, "events", f"{kept.events} d", f"{pruned.events:,}")
    row(grid, "runs", f"{kept.runs} d", f"{pruned.runs:,}")
    row(grid, "deleted records", f"{kept.tombstones} d", f"{pruned.tombstones:,}")
    row(grid, "closed holds", f"{kept.holds} d", f"{pruned.holds:,}")
    row(grid, "deliveries", f"{kept.deliveries} d", f"{pruned.deliveries:,}")
    row(grid, "leftovers of runs", f"{hours} h", f"{pruned.stagings:,}")
    yield grid
    yield next_command("mkt db prune" if dry_run and any(asdict(pruned).values()) else "mkt status")


def backup_object(path: Path) -> dict[str, Any]:
    """Return where the backup is, for scripts."""
    return {"path": str(path.absolute()), "bytes": path.stat().st_size, "integrity": "ok"}


def backup_page(path: Path) -> Iterator[RenderableType]:
    """Say where the backup is, and how to look into it."""
    yield line(f"{path} is a whole copy of the store ({_size(path.stat().st_size)}, checked)")
    yield line(
        "To restore it: stop every mkt of the project, remove the store's file, -wal and -shm, put the copy there."
    )
    yield next_command(f"mkt status --store sqlite:{path.absolute()}")


def _size(number: float) -> str:
    for unit in _UNITS[:-1]:
        if number < _STEP:
            return f"{number:.0f} {unit}"
        number /= _STEP
    return f"{number:.1f} {_UNITS[-1]}"
