"""When an integration is due. No scheduler runs: this is computed from the last finished run.

What came of it           next due
------------------------  ------------------------------------------------------------------------------------------
ok, held                  the next slot
failed: transient, local  after 5, 15 and 60 minutes unless the slot comes first, then at the slots; what is local (a
                          full disk, a store that is busy) passes as a partner's fault does, and the staging that the
                          next run goes on from is kept for a day only
failed: all other         the next slot: the same question gets the same answer, and wrong passwords lock accounts
deferred                  when the partner said, at most a day later; in 5 minutes where it did not say
interrupted               at once
never ran                 at once
paused, an open hold      not at all (see `engine/pause.py` and `engine/holds.py`)

Slots are those after the end of the last run, so what was missed runs once. Each integration has a delay of its own,
so that a thousand with the same schedule do not start in the same second; retries have none.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from mkt.contract import ConnectorConfiguration, ErrorClass, Schedule
from mkt.engine.pause import is_paused
from mkt.engine.report import Result
from mkt.runtime.retry import LONGEST_DEFERRAL
from mkt.store.base import IntegrationState

RETRIES: Final = (timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=60))
RETRIED: Final[frozenset[ErrorClass]] = frozenset({"transient", "local"})
AT_ONCE: Final = datetime.min.replace(tzinfo=UTC)
_DEFERRED: Final = timedelta(minutes=5)
_OVERDUE_AT_MOST: Final = timedelta(hours=24)
_JITTER_SHARE: Final = 10
_JITTER_AT_MOST: Final = timedelta(minutes=10)
_MINUTE: Final = timedelta(minutes=1)


def next_due(
    configuration: ConnectorConfiguration,
    result: Result,
    failures: int,
    finished_at: datetime,
    *,
    started_at: datetime | None = None,
) -> datetime | None:
    """Return when a run that ended so is followed by the next; None: only on request.

    `failures` counts failed runs in a row, this one included. `started_at` tells of a clock that was set back since.
    """
    schedule, failure = configuration.schedule, result.failure
    if schedule is None:
        return None
    if result.outcome == "deferred":
        return _deferred(failure.retry_at, finished_at) if failure else finished_at
    turn = _turn_after(configuration, schedule, started_at or finished_at, finished_at)
    if failure and failure.error_class in RETRIED and failures <= len(RETRIES):
        return min(finished_at + RETRIES[failures - 1], turn)
    return turn


def due_at(configuration: ConnectorConfiguration, state: IntegrationState | None, now: datetime) -> datetime | None:
    """Return when the integration is due: the first moment of all where that is at once, None where it is not.

    What the last run computed holds as long as the schedule is the one that it knew, and the clock has not been set
    back by so much that it would stand still.
    """
    schedule = configuration.schedule
    if schedule is None or stopped_by(configuration, state):
        return None
    if state is None or state.last_finished_at is None:
        return AT_ONCE
    due = state.next_due_at
    if due is None or (state.schedule != str(schedule) and state.last_outcome != "deferred"):
        due = _turn_after(configuration, schedule, state.last_finished_at, state.last_finished_at)
    # Only a run that ended in what is now the future can have computed a time that is too far off.
    if now < state.last_finished_at and due > _furthest(configuration, schedule, state, now):
        return AT_ONCE
    return due


def stopped_by(
    configuration: ConnectorConfiguration, state: IntegrationState | None
) -> Literal["held", "paused"] | None:
    """Return what keeps an integration from running, `--now` or not."""
    if state and state.hold_id:
        return "held"
    return "paused" if state and is_paused(configuration, state) else None


def is_due(configuration: ConnectorConfiguration, state: IntegrationState | None, now: datetime) -> bool:
    """Tell whether a scheduled sync takes this integration now."""
    due = due_at(configuration, state, now)
    return due is not None and due <= now


def overdue(configuration: ConnectorConfiguration, state: IntegrationState | None, now: datetime) -> bool:
    """Tell whether a due run is missing for longer than `overdue_after`: by default one interval, at most 24 h."""
    due = missing_since(configuration, state, now)
    if due is None or due > now or configuration.schedule is None:
        return False
    allowed = configuration.overdue_after
    if allowed is None:
        allowed = min(configuration.schedule.interval(configuration.schedule.next_after(due)), _OVERDUE_AT_MOST)
    return now > due + allowed


def missing_since(
    configuration: ConnectorConfiguration, state: IntegrationState | None, now: datetime
) -> datetime | None:
    """Return when the run was due that has not come to its end, or will be; None for what has no such moment.

    What is deferred again and again is due since the first slot after the last good run, whatever the partner says.
    """
    due = due_at(configuration, state, now)
    if due is None or due == AT_ONCE or configuration.schedule is None:
        return None
    if state and state.last_outcome == "deferred" and state.last_ok_at:
        return _turn_after(configuration, configuration.schedule, state.last_ok_at, state.last_ok_at)
    return due


def delay(configuration: ConnectorConfiguration, slot: datetime) -> timedelta:
    """Return how long after its slot the integration starts: always the same, and less than to the next slot.

    In whole minutes, for cron looks once in a minute: six seconds would cost a schedule of every minute each second
    turn.
    """
    limit, schedule = configuration.jitter, configuration.schedule
    if limit == timedelta() or schedule is None:
        return timedelta()
    interval = schedule.interval(slot)
    limit = min(interval / _JITTER_SHARE, _JITTER_AT_MOST) if limit is None else min(limit, interval - _MINUTE)
    return _hash(configuration.target) % (limit // _MINUTE + 1) * _MINUTE


def _turn_after(
    configuration: ConnectorConfiguration, schedule: Schedule, started_at: datetime, finished_at: datetime
) -> datetime:
    """Return the slot after a run, with its delay.

    A run that began after a slot and, by a clock that was set back meanwhile, ended before it has had this slot.
    """
    slot = schedule.next_after(max(started_at, finished_at))
    if started_at > finished_at and slot > _second_slot(schedule, finished_at):
        slot = schedule.next_after(finished_at)
    return slot + delay(configuration, slot)


def _furthest(
    configuration: ConnectorConfiguration, schedule: Schedule, state: IntegrationState, now: datetime
) -> datetime:
    """Return the last moment that can be next after a run that has ended about now."""
    slot = _second_slot(schedule, now)
    furthest = slot + delay(configuration, slot)
    return max(furthest, now + LONGEST_DEFERRAL) if state.last_outcome == "deferred" else furthest


def _second_slot(schedule: Schedule, moment: datetime) -> datetime:
    return schedule.next_after(schedule.next_after(moment))


def _deferred(retry_at: datetime | None, finished_at: datetime) -> datetime:
    if retry_at is None:
        return finished_at + _DEFERRED
    asked = retry_at if retry_at.tzinfo else retry_at.replace(tzinfo=UTC)
    return min(asked, finished_at + LONGEST_DEFERRAL) if asked > finished_at else finished_at + _DEFERRED


def _hash(target: str) -> int:
    return int.from_bytes(hashlib.blake2b(target.encode(), digest_size=8).digest())
