"""A delivery that could not be handled: when it is tried again, or that it is dead."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from mkt.contract import ConnectorEvent
from mkt.engine.base import Engine
from mkt.engine.failure import failure_of
from mkt.engine.following import DEAD
from mkt.engine.report import Failure, stored_failure
from mkt.errors import ConnectorError
from mkt.store.base import Key, Store
from mkt.store.deliveries import Delivery, Effects

RETRIES: Final = (
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=12),
)
"""After each failed attempt; after the last one the delivery is dead."""
DEAD_SHOWN_FOR: Final = timedelta(days=4)
"""`mkt status` tells what came since and is dead: over a long weekend, and not for ever what nobody can mend."""
_PASSING: Final = frozenset({"transient", "rate_limit", "local"})


def fail(engine: Engine, delivery: Delivery, failure: Failure, *, kept: bool = True) -> Delivery | None:
    """Store a failed attempt and say so; return None where another has claimed the delivery meanwhile.

    One with no attempt is inline: the partner has waited for the answer, and asks again if it wants to.
    """
    inline = not delivery.attempts
    retry_at = None if inline else _retry_at(delivery, failure, engine.now())
    failed = replace(
        delivery,
        verdict="failed" if inline or retry_at else "dead",
        reason=failure.message,
        status=_status(failure) if inline else delivery.status,
        next_try_at=retry_at,
        dedupe="" if inline else delivery.dedupe,
        details={**delivery.details, "error": failure.as_dict()},
    )
    claimed = None if inline else delivery.attempts
    if engine.store.commit_delivery(failed, Effects(kept=kept), claimed=claimed) is None:
        return None
    if kept:
        _tell(engine, failed, failure)
    return failed


def fail_for(engine: Engine, delivery: Delivery, error: ConnectorError) -> Delivery | None:
    """Do the same for what happened outside the connector."""
    return fail(engine, delivery, failure_of(error, delivery.connector, delivery.key.tenant))


def dead_failures(store: Store, keys: Collection[Key] | None, now: datetime) -> Mapping[Key, Failure]:
    """Return what `mkt status` says of those of them, or of all, with dead deliveries: the last, and how many."""
    found = store.dead_deliveries(now - DEAD_SHOWN_FOR, keys)
    return {key: _dead(number, last) for key, (number, last) in found.items()}


def _dead(number: int, last: Delivery) -> Failure:
    many = f"{number} deliveries are dead, the last one" if number > 1 else "a delivery is dead"
    failure = stored_failure(last.details.get("error") or {})
    return replace(failure, code=DEAD, message=f"{many}: {last.reason}", retry_at=None)


def _retry_at(delivery: Delivery, failure: Failure, now: datetime) -> datetime | None:
    """Return when it is tried again; what the partner sent wrong does not become right by waiting."""
    if failure.error_class == "partner" or delivery.attempts > len(RETRIES):
        return None
    wanted = now + RETRIES[delivery.attempts - 1]
    return max(wanted, failure.retry_at) if failure.retry_at else wanted


def _status(failure: Failure) -> int:
    return 503 if failure.error_class in _PASSING else 500


def _tell(engine: Engine, failed: Delivery, failure: Failure) -> None:
    dead = failed.verdict == "dead"
    details: dict[str, Any] = {"attempt": failed.attempts, "error": failure.as_dict()}
    if failed.next_try_at:
        details["retry_at"] = failed.next_try_at.isoformat()
    engine.telemetry.emit(
        ConnectorEvent(
            event="webhook.dead" if dead else "webhook.failed",
            message=failure.message,
            timestamp=engine.now(),
            level="error" if dead else "warning",
            tenant=failed.key.tenant,
            integration=failed.key.integration,
            connector=failed.connector,
            run_id=failed.id,
            details=details,
        )
    )
