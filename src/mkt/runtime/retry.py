"""When a request is tried again, and how long to wait before it."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar

from mkt.errors import ConnectorError, RateLimited, TransientError
from mkt.runtime.clock import Clock

T = TypeVar("T")

_BASE: Final = 0.5
_CAP: Final = 30.0
_LONGEST_HINT: Final = 60.0
_YEAR: Final = 366 * 86400.0


class SlowAnswer(TransientError):  # noqa: N818 - what happened, as in `TransientError`'s siblings
    """An answer that was not complete at its deadline: the time for trying again is used up."""


def retry_at(header: str, now: datetime) -> datetime | None:
    """Return what a `Retry-After` says (RFC 9110: seconds, or an HTTP date); None for no usable hint."""
    try:
        seconds = float(header)
    except ValueError:
        seconds = _until(header, now)
    return now + timedelta(seconds=seconds) if 0 < seconds < _YEAR else None


def _until(header: str, now: datetime) -> float:
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return 0
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()


class Retry:
    """Exponential backoff with full jitter; the partner's own hint goes first."""

    def __init__(self, clock: Clock, *, tries: int) -> None:
        self._clock = clock
        self._tries = tries
        self._final: ConnectorError | None = None

    def run(self, attempt: Callable[[], T], *, repeatable: bool) -> T:
        """Return the first success; raise the last error, which then says how often it was tried."""
        started = time.monotonic()
        tried = 1
        while True:
            try:
                return attempt()
            except (TransientError, RateLimited) as error:
                pause = self._pause(error, tried) if repeatable and tried < self._tries else None
                if pause is None:
                    self._give_up(error, tried, time.monotonic() - started)
                    raise
            self._clock.wait(pause)
            tried += 1

    def _pause(self, error: ConnectorError, tried: int) -> float | None:
        """Return seconds to wait; None when it is not worth the waiting."""
        if isinstance(error, SlowAnswer) or error is self._final:
            return None
        # Jitter only has to spread the load; after a hint it also makes up for its whole seconds.
        jitter = random.uniform(0, 1)  # noqa: S311
        if error.retry_at is None:
            pause = jitter * min(_CAP, _BASE * 2 ** (tried - 1))
        else:
            hint = max(0.0, (error.retry_at - self._clock.now()).total_seconds())
            if hint > _LONGEST_HINT:
                return None
            pause = hint + jitter * _BASE
        return pause if pause < self._clock.left else None

    def _give_up(self, error: ConnectorError, tried: int, seconds: float) -> None:
        # A token is asked for within a try: what was final there must not be tried again out here.
        self._final = error
        if tried > 1:
            error.message = f"{error.message} ({tried} tries in {seconds:.0f} s)"
            error.args = (error.message,)
