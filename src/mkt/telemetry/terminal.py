"""Live progress for a person at a terminal."""

import time
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.text import Text

from mkt.contract import ConnectorEvent

_STARTED: Final = frozenset({"verify.started", "sync.started"})
_ENDED: Final = frozenset(
    {"verify.completed", "sync.completed", "sync.failed", "sync.deferred", "sync.skipped", "sync.held"}
)
_NAMES_SHOWN: Final = 3
_REDRAWN_AFTER: Final = 0.1
"""Seconds: nobody reads faster, and a terminal is slower than a fleet."""


class TerminalSink:
    """One line that follows the run: how many are done of how many, how many failed, which are at work.

    Anything that is not a terminal, or cannot move its cursor, gets nothing: the report at the end says it all.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._able = console.is_terminal and not console.is_dumb_terminal
        self._running: dict[str, str] = {}
        self._done = 0
        self._all = 0
        self._failed = 0
        self._drawn_at = 0.0

    def __str__(self) -> str:
        return "the terminal"

    def __call__(self, event: ConnectorEvent) -> None:
        self._count(event)
        if not self._able:
            return
        if self._live is None:
            self._live = Live(console=self._console, transient=True, auto_refresh=False)
            self._live.start()
        if time.monotonic() - self._drawn_at >= _REDRAWN_AFTER:
            self._live.update(self.line(), refresh=True)
            self._drawn_at = time.monotonic()

    def expect(self, runs: int) -> None:
        """Take in that so many more runs begin now, after those that are done."""
        self._all = self._done + runs

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def line(self) -> Text:
        """Return the line as it stands now."""
        shown = list(self._running.items())[:_NAMES_SHOWN]
        names = [f"{target} {doing}".strip() for target, doing in shown]
        more = len(self._running) - len(shown)
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(f"{self._done} of {self._all} done" if self._all else f"{self._done} done", style="bold")
        if self._failed:
            text.append(f", {self._failed} failed", style="bold red")
        if names:
            text.append(f", {len(self._running)} running: {', '.join(names)}")
        return text.append(f" +{more}") if more else text

    def _count(self, event: ConnectorEvent) -> None:
        target = f"{event.tenant}/{event.integration}" if event.integration else event.tenant or ""
        if event.event in _STARTED:
            self._running[target] = ""
        elif event.event in _ENDED:
            self._running.pop(target, None)
            self._done += 1
            self._failed += event.level == "error"
        elif event.event == "verify.step" and target in self._running:
            self._running[target] = str(event.details.get("step", ""))
        elif event.event == "sync.progress" and target in self._running:
            self._running[target] = event.message
