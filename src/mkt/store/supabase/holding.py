"""A hold as the database's functions answer it: the row of `integration_holds`, by `mkt_private.hold_json`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mkt.store.base import Hold, Key, StreamChanges


def hold_of(row: Mapping[str, Any]) -> Hold:
    """Return the hold."""
    closed_at = row["closed_at"]
    return Hold(
        id=row["id"],
        key=Key(row["tenant_id"], row["integration"]),
        connector=row["connector"],
        run_id=row["run_id"],
        state=row["state"],
        reasons=tuple(row["reasons"]),
        changes={stream: StreamChanges(**change) for stream, change in row["changes"].items()},
        fingerprint=row["fingerprint"],
        windowed=row["windowed"],
        as_of=_moment(row["as_of"]),
        opened_at=_moment(row["opened_at"]),
        reopened=row["reopened"],
        closed_at=None if closed_at is None else _moment(closed_at),
        reason=row["reason"],
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
