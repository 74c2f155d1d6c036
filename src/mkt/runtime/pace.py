"""The partner's pace: one budget of requests for all integrations and processes that share it.

The store keeps what was spent; this process asks it for a few places at a time, so that a request seldom costs a
write. What is never sent of them is lost to nobody: a budget is of a window, and the window passes.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Final

from mkt.contract import ConnectorConfiguration, RateLimit
from mkt.errors import RateLimited
from mkt.runtime.addresses import name_of
from mkt.runtime.budgets import Budget, Budgets, Place, tenant_digest
from mkt.runtime.clock import Clock

if TYPE_CHECKING:
    import httpx

_AHEAD: Final = 0.05
"""So many seconds' worth of the pace is asked for at once."""
_SHARE: Final = 20
"""Or one part in so many of what this process has used, but of the whole budget no more than that at once."""
_AT_MOST: Final = 100


class NoPlace(RateLimited):
    """The budget is spent for longer than is worth waiting; nothing was sent."""


class _Purse:
    """The places that this process has of one budget."""

    def __init__(self, budget: Budget, rate: RateLimit, budgets: Budgets, monotonic: Callable[[], float]) -> None:
        self._budget = budget
        self._rate = rate
        self._budgets = budgets
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._left = self._used = 0
        self._opens = self._closes = 0.0

    def take(self, patience: float) -> Place:
        """Return a place for one request."""
        with self._lock:
            now = self._monotonic()
            if not self._left or now >= self._closes:
                place = self._budgets.reserve(self._budget, self._rate, most=self._most(), patience=patience)
                if not place.requests:
                    return place
                now = self._monotonic()  # another process may have kept the budgets locked for a while
                self._left, self._opens = place.requests, now + place.wait
                self._closes = self._opens + place.lasts
            wait = max(0.0, self._opens - now)
            if wait > patience:
                return Place(0, wait)
            self._left -= 1
            self._used += 1
            return Place(1, wait)

    def _most(self) -> int:
        """Return how many to ask for at once. What a process that ends leaves unused stays little beside its use."""
        wanted = max(_AHEAD * self._rate.requests / self._rate.seconds, self._used / _SHARE)
        return max(1, int(min(wanted, self._rate.requests / _SHARE, _AT_MOST)))

    def held(self) -> float:
        return self._budgets.held(self._budget)

    def hold(self, until: datetime) -> None:
        self._budgets.hold(self._budget, until)
        with self._lock:
            self._left = 0  # what is asked for next meets the hold


class Pace:
    """All budgets as one process sees them."""

    def __init__(self, budgets: Budgets, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._budgets = budgets
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._purses: dict[tuple[Budget, RateLimit], _Purse] = {}

    def purse(self, budget: Budget, rate: RateLimit) -> _Purse:
        with self._lock:
            key = budget, rate
            if key not in self._purses:
                self._purses[key] = _Purse(budget, rate, self._budgets, self._monotonic)
            return self._purses[key]


class Pacer:
    """One integration's requests at the partner's pace. `account` is asked only where the budget is an account's."""

    def __init__(
        self,
        pace: Pace,
        rate: RateLimit,
        configuration: ConnectorConfiguration,
        *,
        account: Callable[[], str],
        clock: Clock,
        longest: float,
    ) -> None:
        self._pace = pace
        self._rate = rate
        self._configuration = configuration
        self._ask_account = account
        self._clock = clock
        self._longest = longest
        self._purses: dict[bytes, _Purse] = {}

    def wait(self, url: "httpx.URL") -> bool:
        """Return when a request may be sent, and whether that took time; raise `NoPlace` where it is too far away."""
        purse, waited = self._purse(url), 0.0
        while True:
            patience = max(0.0, min(self._longest - waited, self._clock.left))
            place = purse.take(patience)
            if place.wait > patience:
                raise self._no_place(url, place)
            if place.wait:
                self._clock.wait(place.wait)
                waited += place.wait
            if place.requests and not (place.wait and purse.held()):
                return waited > 0

    def hold(self, url: "httpx.URL", until: datetime) -> None:
        """Let nobody who shares the budget ask before then: so the partner wants it."""
        self._purse(url).hold(until)

    def _purse(self, url: "httpx.URL") -> _Purse:
        if url.netloc not in self._purses:
            self._purses[url.netloc] = self._pace.purse(self._budget(url), self._rate)
        return self._purses[url.netloc]

    def _budget(self, url: "httpx.URL") -> Budget:
        if self._rate.per == "host":
            return Budget("host", url.netloc.decode("ascii").lower())
        return Budget(self._rate.per, self._account if self._rate.per == "account" else self._tenant)

    @cached_property
    def _account(self) -> str:
        return self._ask_account()

    @cached_property
    def _tenant(self) -> str:
        return tenant_digest(self._configuration.tenant, self._configuration.connector)

    def _no_place(self, url: "httpx.URL", place: Place) -> NoPlace:
        free = self._clock.now() + timedelta(seconds=place.wait)
        until = f"until {free.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        connector = self._configuration.connector
        if place.held:
            why = f"the partner asked all that share {self._whose} to wait {until}"
            sooner = "only the partner can let us in sooner, and no option of ours passes this"
            ways = "agree on a higher limit with the partner, or give a slower pace as"
        else:
            why = f"{self._whose}, {self._rate.pace} for {connector}, is spent {until}"
            sooner = "sooner only with a higher limit that the partner has agreed to"
            ways = "spread the schedules, or agree on a higher limit with the partner and give it as"
        return NoPlace(
            f"nothing was sent to {name_of(url)}: {why}",
            remedy=f"Nothing to do: from then on it works again; {sooner}. If it comes often,"
            f" {ways} `[defaults.{connector}] rate_limit` in mkt.toml.",
            actor="partner" if place.held else "us",
            code="rate_limit.held" if place.held else "rate_limit.budget",
            retry_at=free,
        )

    @property
    def _whose(self) -> str:
        words = {
            "host": "the budget of this host",
            "account": "the budget of this account",
            "tenant": f"the budget of tenant {self._configuration.tenant}",
        }
        return words[self._rate.per]
