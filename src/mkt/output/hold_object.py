"""A hold for scripts."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mkt.contract import Stream
from mkt.engine.report import StreamCounts
from mkt.engine.sync.holds import counted
from mkt.output.objects import moment
from mkt.output.preview_object import changes_object
from mkt.store.base import ChangedRecord, Hold


def hold_object(hold: Hold) -> dict[str, Any]:
    """Return a hold with the counts of what is still in it."""
    return {
        "id": hold.id,
        "tenant": hold.key.tenant,
        "integration": hold.key.integration,
        "connector": hold.connector,
        "run_id": hold.run_id,
        "state": hold.state,
        "reasons": list(hold.reasons),
        "opened_at": moment(hold.opened_at),
        "as_of": moment(hold.as_of),
        "reopened": hold.reopened,
        "closed_at": moment(hold.closed_at),
        "reason": hold.reason or None,
        "streams": {stream: asdict(counts) for stream, counts in counted(hold).items()},
    }


def hold_details(hold: Hold, changes: Mapping[Stream, Sequence[ChangedRecord]], *, values: bool) -> dict[str, Any]:
    """Return a hold with the first records that are in it; values only for whom they were revealed."""
    return {**hold_object(hold), "records": changes_object(changes, values=values)}


def verdict_object(hold: Hold, applied: StreamCounts | None = None) -> dict[str, Any]:
    """Return a hold as it stands after a verdict, and what that has applied."""
    return {**hold_object(hold), "applied": asdict(applied) if applied else None}
