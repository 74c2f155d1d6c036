"""Integrations that partners used to call and no longer do.

Nobody tells us that a partner has stopped to send. What tells it is the past: an integration is silent when nothing
was accepted for a day and for half as long again as its usual longest pauses. Usual is what nine of ten days with
deliveries keep: nights, weekends, and not the one outage of last week. An integration of which less than a week, five
days with deliveries and twenty deliveries are known has no usual yet, and one that is silent for longer than the past
that is looked at has become one that nobody calls.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from mkt.engine.failure import fingerprint
from mkt.engine.report import Failure
from mkt.store.base import Key, Store
from mkt.store.deliveries import DeliveryHistory

LOOKED_AT: Final = timedelta(days=28)
SHORTEST: Final = timedelta(hours=24)
_KNOWN_FOR: Final = timedelta(days=7)
_DAYS: Final = 5
_NUMBER: Final = 20
_LONGER: Final = 1.5
_USUAL_SHARE: Final = 0.9
_HOURS_UP_TO: Final = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """That nothing came since, where `usual` deliveries come on a day that has any."""

    since: datetime
    usual: int


def silences(store: Store, keys: Collection[Key] | None, now: datetime) -> Mapping[Key, Silence]:
    """Return which of these integrations, or of all, are silent."""
    past = store.delivery_history((now - LOOKED_AT).date(), keys)
    found = {key: silence(each, now) for key, each in past.items()}
    return {key: each for key, each in found.items() if each}


def silence_failure(found: Silence, now: datetime) -> Failure:
    """Return what `mkt status` says of it."""
    hours = int((now - found.since).total_seconds() // 3600)
    lasting = f"{hours} h" if hours < _HOURS_UP_TO else f"{hours // 24} d"
    return Failure(
        error_class="partner",
        code="partner.silent",
        message=f"usually {found.usual} deliveries a day, none for {lasting}",
        remedy="See whether `mkt serve` can be reached from outside, then ask the partner whether its webhook is on.",
        actor="us",
        fingerprint=fingerprint("", "partner", "partner.silent", ""),
    )


def silence(past: DeliveryHistory, now: datetime) -> Silence | None:
    """Return the silence of one integration, None where it is not longer than usual."""
    quiet = now - past.last_at
    if not past.days or quiet < SHORTEST or quiet > LOOKED_AT:
        return None
    known_for = past.last_at.date() - past.days[0].day
    if known_for < _KNOWN_FOR or len(past.days) < _DAYS or sum(day.number for day in past.days) < _NUMBER:
        return None
    gaps = sorted(day.longest_gap for day in past.days)
    usual_gap = gaps[min(int(len(gaps) * _USUAL_SHARE), len(gaps) - 1)]
    if quiet.total_seconds() < usual_gap * _LONGER:
        return None
    return Silence(since=past.last_at, usual=round(median(day.number for day in past.days)))
