"""When a request is tried again, and how long to wait before it."""

import random
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar

from mkt.errors import ConnectorError, RateLimited, TransientError
from mkt.runtime.clock import Clock
from mkt.runtime.pace import NoPlace

T = TypeVar("T")

_BASE: Final = 0.5
_CAP: Final = 30.0
_SECONDS: Final = re.compile(r"\d{1,300}(\.\d{1,300})?", re.ASCII)
_YEAR: Final = 366 * 86400.0
LONGEST_DEFERRAL: Final = timedelta(hours=24)
"""After so long a partner is asked again, whatever it said."""


class SlowAnswer(TransientError):  # noqa: N818 - what happened, as in `TransientError`'s siblings
    """An answer that was not complete at its deadline: the time for trying again is used up."""


def retry_at(header: str, now: datetime, date: str = "") -> datetime | None:
    """Return what a `Retry-After` says (RFC 9110: seconds, or an HTTP date); None for no usable hint.

    `date` is the answer's `Date`: a date is a time of the partner's clock, which may differ from ours. What is
    longer than a year is cut to one.
    """
    seconds = float(header) if _SECONDS.fullmatch(header) else _until(header, _moment(date) or now)
    return now + timedelta(seconds=min(seconds, _YEAR)) if seconds > 0 else None


def limit_deferral(error: ConnectorError, now: datetime) -> None:
    """Cut what the partner asked for to 24 h, and say so."""
    if error.retry_at is None or error.retry_at - now <= LONGEST_DEFERRAL:
        return
    days = (error.retry_at - now) / timedelta(days=1)
    error.message = f"{error.message} (it asks for a wait of {days:.0f} days, and is asked again after 24 h)"
    error.args = (error.message,)
    error.retry_at = now + LONGEST_DEFERRAL


def _until(header: str, now: datetime) -> float:
    moment = _moment(header)
    return (moment - now).total_seconds() if moment else 0


def _moment(header: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Retry:
    """Exponential backoff with full jitter; the partner's own hint goes first."""

    def __init__(self, clock: Clock, *, tries: int, longest: float) -> None:
        self._clock = clock
        self._tries = tries
        self._longest = longest
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

    def leave(self, error: ConnectorError) -> None:
        """Have this error be the last try's."""
        self._final = error

    def _pause(self, error: ConnectorError, tried: int) -> float | None:
        """Return seconds to wait; None when it is not worth the waiting."""
        if isinstance(error, SlowAnswer | NoPlace) or error is self._final:
            return None
        # Jitter only has to spread the load; after a hint it also makes up for its whole seconds.
        jitter = random.uniform(0, 1)  # noqa: S311
        if error.retry_at is None:
            pause = jitter * min(_CAP, _BASE * 2 ** (tried - 1))
        else:
            hint = max(0.0, (error.retry_at - self._clock.now()).total_seconds())
            if hint > self._longest:
                return None
            pause = hint + jitter * _BASE
        return pause if pause < self._clock.left else None

    def _give_up(self, error: ConnectorError, tried: int, seconds: float) -> None:
        # A token is asked for within a try: what was final there must not be tried again out here.
        self._final = error
        if tried > 1:
            error.message = f"{error.message} ({tried} tries in {seconds:.0f} s)"
            error.args = (error.message,)
