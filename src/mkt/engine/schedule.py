"""When an integration is due. No scheduler runs: this is computed from the last finished run."""

from datetime import UTC, datetime, timedelta
from typing import Final

from mkt.contract import ConnectorConfiguration
from mkt.engine.report import Result
from mkt.store.base import IntegrationState

_RETRIES: Final = (timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=60))
_DEFERRED: Final = timedelta(minutes=5)
AT_ONCE: Final = datetime.min.replace(tzinfo=UTC)
_OVERDUE_AT_MOST: Final = timedelta(hours=24)


def next_due(
    configuration: ConnectorConfiguration, result: Result, failures: int, finished_at: datetime
) -> datetime | None:
    """Return when a run that ended so is followed by the next; None: only on request.

    `failures` counts failed runs in a row, this one included. A transient failure is tried again after 5, 15 and
    60 minutes, unless the next slot comes first, and then at the slots. What was interrupted is due at once.
    """
    if configuration.schedule is None:
        return None
    failure = result.failure
    if result.outcome == "deferred":
        if failure is None:
            return finished_at
        return failure.retry_at or finished_at + _DEFERRED
    slot = configuration.schedule.next_after(finished_at)
    if failure and failure.error_class == "transient" and failures <= len(_RETRIES):
        return min(finished_at + _RETRIES[failures - 1], slot)
    return slot


def due_at(configuration: ConnectorConfiguration, state: IntegrationState | None) -> datetime | None:
    """Return when the integration is due: the first moment of all where it has never run, None without a schedule.

    What the last run computed holds as long as the schedule is the one that it knew.
    """
    if configuration.schedule is None:
        return None
    if state is None or state.last_finished_at is None:
        return AT_ONCE
    if state.next_due_at is not None and state.schedule == str(configuration.schedule):
        return state.next_due_at
    return configuration.schedule.next_after(state.last_finished_at)


def is_due(configuration: ConnectorConfiguration, state: IntegrationState | None, now: datetime) -> bool:
    """Tell whether a scheduled sync takes this integration now. Missed slots run once."""
    due = due_at(configuration, state)
    return due is not None and due <= now


def overdue(configuration: ConnectorConfiguration, state: IntegrationState | None, now: datetime) -> bool:
    """Tell whether a due run is missing for longer than one interval of the schedule, at most 24 h."""
    due = due_at(configuration, state)
    if due is None or due == AT_ONCE or configuration.schedule is None:
        return False
    following = configuration.schedule.next_after(due)
    return now > due + min(following - due, _OVERDUE_AT_MOST)
