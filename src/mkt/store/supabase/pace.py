"""What was spent of the partners' budgets, for all hosts: the database keeps it, by its own clock."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from mkt.contract import RateLimit
from mkt.runtime.budgets import Budget, Budgets, Place, tenant_digest
from mkt.store.supabase.calls import Calls, Part

_LATE: Final = 0.1
"""So many seconds an answer takes, until the first one tells."""
_LONGEST_LATE: Final = 2.0
_TRIES: Final = 3


class Pace(Part):
    """The partners' budgets."""

    @cached_property
    def budgets(self) -> Budgets:
        return SupabaseBudgets(self._calls)


@dataclass
class SupabaseBudgets:
    """Places by the database's clock, which the answer's way here has gone on by.

    A call that is made again after a lost answer takes its places twice: that is never more than the budget.
    """

    calls: Calls
    late: float = _LATE
    """How long the last answer took."""

    def reserve(self, budget: Budget, rate: RateLimit, *, most: int, patience: float) -> Place:
        """Take places that are still there when the answer comes.

        What came too late is left: the next slots begin so much later. An answer that is always slower than its slot
        is long is taken in the end, so that work goes on, if a little before its time or after.
        """
        given = {
            **_named(budget),
            "requests": rate.requests,
            "seconds": rate.seconds,
            "most": most,
            "patience": patience,
        }
        for _ in range(_TRIES - 1):
            place = self._ask(given)
            if place.lasts > 0 or not place.requests:
                return place
        return self._ask(given)

    def _ask(self, given: Mapping[str, Any]) -> Place:
        began = time.monotonic()
        answer = self.calls.call("mkt_reserve_budget", {**given, "late": self.late})
        took = time.monotonic() - began
        self.late = min(took, _LONGEST_LATE)
        return _place(answer, took)

    def held(self, budget: Budget) -> float:
        return float(self.calls.call("mkt_held_budget", _named(budget))["wait"])

    def hold(self, budget: Budget, until: datetime) -> None:
        self.calls.call("mkt_hold_budget", {**_named(budget), "until": until.isoformat()})

    def purge(self, tenant: str) -> None:
        """Forget the budgets of a tenant."""
        self.calls.call("mkt_purge_budgets", {"digest": tenant_digest(tenant)})


def _named(budget: Budget) -> dict[str, Any]:
    return {"per": budget.per, "name": budget.name}


def _place(answer: Mapping[str, Any], took: float) -> Place:
    """Let the place open by the time that is known to have passed, and close by the time that may have."""
    lasts = max(0.0, answer["lasts"] - took)
    return Place(answer["requests"], float(answer["wait"]), lasts, held=answer["held"])
