"""The mass-change guard: a sync that would remove or change too much is held."""

from collections.abc import Mapping
from typing import Final

from mkt.contract import Guard, Stream
from mkt.store.base import StreamChanges

EMPTIED: Final = "the partner listed none"
"""Whatever the limits are: of somebody with no people at all no percentage is asked."""


def over_limit(guard: Guard, changes: Mapping[Stream, StreamChanges], *, waive_changes: bool = False) -> list[str]:
    """Return, in words, each limit that these changes are over.

    An absence counts at its first sight, a create never. `waive_changes` is for the first sync after the settings
    or the connector's version changed: everything may then look different, but nothing more may be gone.
    """
    return [
        reason
        for stream, change in changes.items()
        for reason in (_emptied(stream, change), *_percentages(guard, stream, change, waive_changes=waive_changes))
        if reason
    ]


def _emptied(stream: Stream, change: StreamChanges) -> str:
    if change.live and change.listed and not change.seen:
        return f"{stream}: {EMPTIED}, {change.live} are stored"
    return ""


def _percentages(guard: Guard, stream: Stream, change: StreamChanges, *, waive_changes: bool) -> list[str]:
    if change.live < max(guard.ignore_below, 1) or _emptied(stream, change):
        return []
    gone = change.deleted + change.absent
    reasons = []
    if gone * 100 > guard.max_delete_percent * change.live:
        reasons.append(_reason(stream, gone, change.live, "deleted", guard.max_delete_percent))
    if not waive_changes and change.updated * 100 > guard.max_change_percent * change.live:
        reasons.append(_reason(stream, change.updated, change.live, "changed", guard.max_change_percent))
    return reasons


def _reason(stream: Stream, count: int, live: int, word: str, limit: float) -> str:
    return f"{stream}: {count} of {live} would be {word} ({count * 100 / live:.0f} %, limit {limit:g} %)"
