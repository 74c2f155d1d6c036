"""Time as a run has it: now, how much is left, and waits that a stop ends."""

import threading
import time
from collections.abc import Callable
from datetime import datetime
from math import inf

from mkt.errors import Interrupted


class Clock:
    """`deadline` is of the whole run, in seconds of `time.monotonic`; `wait` sleeps, unless the stop is set."""

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        stop: threading.Event,
        deadline: float | None = None,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self.now = now
        self._stop = stop
        self._deadline = inf if deadline is None else deadline
        self._wait = wait or stop.wait

    @property
    def left(self) -> float:
        """Seconds until the run's deadline; infinite without one."""
        return self._deadline - time.monotonic()

    def check(self) -> None:
        """Raise `Interrupted` when the run is to stop."""
        if self._stop.is_set():
            raise Interrupted

    def wait(self, seconds: float) -> None:
        """Let the time pass; raise `Interrupted` as soon as the run is to stop."""
        self.check()
        self._wait(seconds)
        self.check()
