"""Streams that a connector brought over once and does not have any more."""

from collections.abc import Collection
from datetime import UTC, datetime

from mkt.contract import Stream
from mkt.store.base import IntegrationState

_NEVER = datetime.min.replace(tzinfo=UTC)


def note(state: IntegrationState | None, declared: Collection[Stream], connector: str) -> str:
    """Say once, in the first sync without them, which streams are gone; "" where none is."""
    finished = {stream: known.as_of or _NEVER for stream, known in (state.streams if state else {}).items()}
    last = max((as_of for stream, as_of in finished.items() if stream in declared), default=_NEVER)
    gone = [stream for stream, as_of in finished.items() if stream not in declared and _NEVER < as_of >= last]
    if not gone:
        return ""
    return f"{connector} has no stream {', '.join(sorted(gone))} any more: the records stay as they were"
