"""What a process that goes on says of the world around it: a trouble once, and once that it is over."""

import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mkt.contract import ConnectorEvent, Level
from mkt.engine.base import Engine
from mkt.engine.isolation import attempt
from mkt.errors import MktError
from mkt.runtime.masking import PROCESS

T = TypeVar("T")


class Voice:
    """Tells of one thing that it needs, such as "the queue". Safe to use from several threads.

    `meanwhile` says what comes of the trouble.
    """

    def __init__(self, engine: Engine, what: str, meanwhile: str = "") -> None:
        self._engine = engine
        self._what = what
        self._meanwhile = meanwhile
        self._lock = threading.Lock()
        self._troubled = False
        self._bug = ""

    def listen(self, work: Callable[[], T]) -> T | Exception:
        """Return what the work returns or, when it has been said, the exception."""
        found = attempt(work)
        if isinstance(found, Exception):
            self.failed(found)
        else:
            self.over()
        return found

    def failed(self, error: Exception) -> None:
        """Say what went wrong, unless a trouble was the last that was said; of bugs, unless it was the same one."""
        told, level = self._told(error)
        with self._lock:
            new = told != self._bug if level == "error" else not self._troubled
            self._troubled, self._bug = True, told if level == "error" else self._bug
        if new:
            self._emit(told, level)

    def over(self) -> None:
        """Say that it works again, where it did not."""
        with self._lock:
            before, self._troubled, self._bug = self._troubled, False, ""
        if before:
            self._emit(f"{self._what} can be used again", "info")

    def _told(self, error: Exception) -> tuple[str, Level]:
        """Name the type alone of what nobody has foreseen: its text may hold what belongs to a person."""
        if not isinstance(error, MktError):
            *_, (frame, line) = traceback.walk_tb(error.__traceback__)
            place = f"{Path(frame.f_code.co_filename).name}, line {line}"
            return f"{self._what}: a bug in mkt: {type(error).__name__} in {place}", "error"
        parts = (PROCESS.mask(error.message), PROCESS.mask(error.remedy), self._meanwhile)
        return f"{self._what} cannot be used: {'. '.join(part.rstrip('.') for part in parts if part)}", "warning"

    def _emit(self, message: str, level: Level) -> None:
        event = ConnectorEvent(event="connector.message", message=message, timestamp=self._engine.now(), level=level)
        self._engine.telemetry.emit(event)
