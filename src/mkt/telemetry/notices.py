"""What mkt has to complain of on its own account, such as an alert that could not be sent: on stderr, at the end."""

import sys
from contextlib import suppress
from typing import TextIO

from mkt.contract import ConnectorEvent
from mkt.runtime.masking import for_terminal


class NoticeSink:
    """Keeps the warnings that are no tenant's and says each of them once, behind all that moves on a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._messages: dict[str, None] = {}

    def __str__(self) -> str:
        return "the notices"

    def __call__(self, event: ConnectorEvent) -> None:
        if event.level == "warning" and not event.tenant:
            self._messages[event.message] = None

    def close(self) -> None:
        for message in self._messages:
            notice(message, self._stream)
        self._messages.clear()


def notice(message: str, stream: TextIO | None = None) -> None:
    """Say it on stderr; a stderr that nobody reads, or on a full disk, changes nothing about the run."""
    with suppress(OSError):
        print(f"mkt: {for_terminal(message)}", file=stream or sys.stderr)
