"""What a person reads who meets a lease that another run holds: since when, whose it is, what ends it."""

from collections.abc import Iterable
from datetime import UTC
from typing import Final

from mkt.store.base import Key, Run, Store

LOOKED_AT: Final = 10
"""Of an integration's newest runs: among them is the one that is going on."""


def running(runs: Iterable[Run]) -> Run | None:
    """Return the sync that is going on, None where it is a person's verdict, or has just ended."""
    return next((run for run in runs if run.command == "sync" and run.outcome == "running"), None)


def said_of(run: Run | None, holder: str) -> str:
    """Return what is going on: "since 02:15 UTC, run 4f31819b, process 4711 on host box"."""
    since = f"since {run.started_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, run {run.id[-8:]}" if run else ""
    return ", ".join(part for part in (since, holder) if part)


def busy_note(store: Store, key: Key) -> tuple[str, str]:
    """Return why a sync that was asked for waits for its turn, and what shows how far the other one is."""
    target, run = "/".join(key), running(store.runs([key], limit=LOOKED_AT))
    said = said_of(run, store.holder(key))
    note = (
        f"another run of {target} is going on{f', {said}' if said else ''}; it ends by itself, at the latest at its"
        " limit of time. If it hangs, end that process: the next sync goes on from what it has stored"
    )
    return note, f"mkt events --run {run.id[-8:]} --follow" if run else f"mkt runs list {target}"
