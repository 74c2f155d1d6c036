"""Where each integration stands: what `finish_run` stores, and the streams that a sync has moved."""

from collections.abc import Collection, Iterator
from dataclasses import fields
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from mkt.store.base import Connection, IntegrationState, Key, StreamState
from mkt.store.supabase.calls import Part
from mkt.store.supabase.cursors import cursor_of
from mkt.store.supabase.json_values import as_json

_PAGE: Final = 500
_ELSEWHERE: Final = frozenset({"key", "hold_id", "streams"})
_COLUMNS: Final = tuple(known.name for known in fields(IntegrationState) if known.name not in _ELSEWHERE)
_TIMES: Final = frozenset(
    {"next_due_at", "last_finished_at", "last_ok_at", "last_change_at", "paused_at", "connection_since"}
)


def state_row(state: IntegrationState) -> dict[str, Any]:
    """Return all but the streams and the hold, which only a sync moves, as `mkt_private.save_state` takes it."""
    row: dict[str, Any] = as_json({name: getattr(state, name) for name in _COLUMNS})
    return row


def moment_or_none(text: str | None) -> datetime | None:
    """Return a time, None for NULL."""
    return None if text is None else datetime.fromisoformat(text)


class States(Part):
    """Where each integration stands."""

    def states(self, keys: Collection[Key] | None = None, *, streams: bool = True) -> dict[Key, IntegrationState]:
        """Return these integrations, or every one that ever ran."""
        return {state.key: state for state in map(_state, self._state_rows(keys, streams=streams))}

    def set_connection(self, key: Key, connection: Connection, now: datetime) -> Connection | None:
        """Note how the line stands and return how it stood before."""
        given = {"tenant": key.tenant, "integration": key.integration, "attempt": str(uuid4())}
        said = self._calls.call("mkt_set_connection", {**given, "connection": connection, "now": now.isoformat()})
        before: Connection | None = said["before"]
        return before

    def resume(self, key: Key) -> datetime | None:
        """Count refusals anew and end the pause that they led to; return when it began, None where there is none."""
        given = {"tenant": key.tenant, "integration": key.integration, "attempt": str(uuid4())}
        return moment_or_none(self._calls.call("mkt_resume", given)["paused_at"])

    def _state_rows(self, keys: Collection[Key] | None, *, streams: bool) -> Iterator[dict[str, Any]]:
        """Ask page by page."""
        wanted = None if keys is None else [list(key) for key in keys]
        place: list[str] | None = None
        while True:
            page = self._calls.call(
                "mkt_states", {"keys": wanted, "place": place, "limit": _PAGE, "streams": streams}
            )
            yield from (row for row in page if row["state"] or row["streams"])
            if len(page) < _PAGE:
                return
            place = [page[-1]["tenant_id"], page[-1]["integration"]]


def _state(row: dict[str, Any]) -> IntegrationState:
    streams = {
        stream: StreamState(cursor=cursor_of(found["cursor"]), as_of=moment_or_none(found["as_of"]))
        for stream, found in (row["streams"] or {}).items()
    }
    stored = row["state"] or {}
    known: dict[str, Any] = {name: stored[name] for name in _COLUMNS if stored}
    known |= {name: moment_or_none(known[name]) for name in _TIMES & known.keys()}
    key = Key(row["tenant_id"], row["integration"])
    return IntegrationState(key=key, hold_id=row["hold_id"] or "", streams=streams, **known)
