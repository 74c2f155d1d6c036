"""Events as JSON lines: one event a line, written as it happens."""

from collections.abc import Collection
from typing import Final, Protocol

import orjson

from mkt.contract import ConnectorEvent

_TOLD: Final = frozenset({"connection.changed", "integration.resumed", "sync.held"})
"""Recoveries, and what waits for a person: a hold that is no news is no error."""


class ByteStream(Protocol):
    """What the lines are written to, such as `sys.stdout.buffer`."""

    def write(self, data: bytes, /) -> object: ...
    def flush(self) -> object: ...


class JsonLinesSink:
    """Writes each event as one line of UTF-8 JSON.

    `quiet` leaves out what is neither a failure nor a recovery; `failing` are the (tenant, integration) pairs
    whose last sync failed, so that their next success is one.
    """

    def __init__(self, stream: ByteStream, *, quiet: bool = False, failing: Collection[tuple[str, str]] = ()) -> None:
        self._stream = stream
        self._quiet = quiet
        self._failing = frozenset(failing)
        self._wrote = False
        self._reader_left = False

    def __str__(self) -> str:
        return "the output"

    def __call__(self, event: ConnectorEvent) -> None:
        if self._reader_left or (self._quiet and not self._tells(event)):
            return
        try:
            self._stream.write(orjson.dumps(event.as_dict(), default=str) + b"\n")
            self._stream.flush()
        except BrokenPipeError:
            # `mkt sync | head` is no fault of anybody; the run goes on and the store keeps the events.
            self._reader_left = True
        self._wrote = True

    def close(self) -> None:
        """Nothing is buffered, and the stream is the caller's."""

    def _tells(self, event: ConnectorEvent) -> bool:
        if event.event == "run.summary":
            return self._wrote
        recovered = event.event == "sync.completed" and (event.tenant, event.integration) in self._failing
        return recovered or event.level == "error" or event.event in _TOLD
