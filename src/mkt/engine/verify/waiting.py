"""Verify again and again until everything works: for whoever is mending something, and for scripts that wait."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain, repeat
from typing import Final

from mkt.engine.base import Engine
from mkt.engine.report import Report, Result
from mkt.engine.selection import Selection
from mkt.engine.summary import finished
from mkt.engine.verify.verify import TIMEOUT, verify_once

_LONGEST: Final = 60.0
_UNDONE: Final = frozenset({"fail", "deferred"})
_SLICE: Final = 0.2


def verify_until_green(
    engine: Engine,
    selection: Selection,
    *,
    concurrency: int,
    tell: Callable[[Result], None],
    pause: Callable[[Engine, float], None] | None = None,
    timeout: timedelta = TIMEOUT,
) -> Report:
    """Verify, then verify again what failed, until nothing fails or the engine is stopped.

    `tell` gets each failure of the first time, later each result that is another than before. `pause` waits for so
    many seconds, at most until the engine is stopped.
    """
    started, pauses = time.monotonic(), _pauses()
    results = _by_target(verify_once(engine, selection, concurrency, timeout))
    failing = _failing(results)
    for result in failing.values():
        tell(result)
    while failing and not engine.stop.event.is_set():
        (pause or _sleep)(engine, max(next(pauses), _least(failing.values(), engine.now())))
        if engine.stop.event.is_set():
            break
        new = _by_target(verify_once(engine, selection, concurrency, timeout, failing.keys()))
        changed = [result for result in new.values() if _differs(result, failing.get(result.target))]
        for result in changed:
            tell(result)
        pauses = _pauses() if changed else pauses
        results = {**_remaining(engine, results, failing, new), **new}
        failing = _failing(results)
    return finished(engine, Report(command="verify", results=tuple(results.values())), started)


def _remaining(
    engine: Engine, results: Mapping[str, Result], failing: Mapping[str, Result], new: Mapping[str, Result]
) -> dict[str, Result]:
    """Leave out what is no longer configured; what a stop left out is as it was."""
    gone = set() if engine.stop.event.is_set() else failing.keys() - new.keys()
    return {target: result for target, result in results.items() if target not in gone}


def _by_target(results: Collection[Result]) -> dict[str, Result]:
    return {result.target: result for result in results}


def _failing(results: Mapping[str, Result]) -> dict[str, Result]:
    return {target: result for target, result in results.items() if result.outcome in _UNDONE}


def _differs(result: Result, before: Result | None) -> bool:
    return before is None or (result.outcome, result.failure) != (before.outcome, before.failure)


def _pauses() -> Iterator[float]:
    """Yield seconds: quickly at first, because somebody may have just mended it."""
    return chain((5.0, 10.0, 20.0, 40.0), repeat(_LONGEST))


def _least(failing: Collection[Result], now: datetime) -> float:
    """Return how long to wait at least.

    Partners lock an account that a wrong password is tried on in a hurry, and have said when they may be asked again.
    """
    failures = [result.failure for result in failing if result.failure]
    refused = any(failure.error_class == "auth" for failure in failures)
    moments = [failure.retry_at for failure in failures]
    asked = min((moment for moment in moments if moment), default=now) if all(moments) else now
    return max(_LONGEST if refused else 0.0, (asked - now).total_seconds())


def _sleep(engine: Engine, seconds: float) -> None:
    """Sleep in slices: a signal's handler sets the event, and must not meet a lock that waiting for it holds."""
    ends = time.monotonic() + seconds
    while not engine.stop.event.is_set() and (left := ends - time.monotonic()) > 0:
        time.sleep(min(left, _SLICE))
