"""Deliveries after they were answered: handled from the ledger, of one integration one at a time and in order."""

import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from mkt.engine.base import Engine
from mkt.engine.isolation import attempt
from mkt.engine.webhooks.failing import fail_for
from mkt.engine.webhooks.handling import WORK_SECONDS, Handling
from mkt.engine.webhooks.lanes import Lanes
from mkt.engine.webhooks.routes import NoRoute, Route, Routes
from mkt.errors import ConfigError, TransientError
from mkt.store.deliveries import Delivery

CLAIM: Final = timedelta(minutes=3)
"""So long a delivery is ours alone; a process that dies leaves it to the others after that."""
_POLL_SECONDS: Final = 0.5
_QUIET_SECONDS: Final = 4.0
"""So long at most a ledger is left alone in which nothing was found: over a network, each look is a request."""
_CLAIMED_AT_ONCE: Final = 100
_GRACE_SECONDS: Final = 10.0


@dataclass(eq=False, slots=True)
class _Working:
    """A delivery in work."""

    delivery: Delivery
    ends: float


def handle_accepted(engine: Engine, routes: Routes, delivery: Delivery) -> Delivery:
    """Handle what was accepted before; where nothing can be done with it now it is tried as often as the others."""
    route = routes.find(*delivery.key)
    if isinstance(route, Route) and not route.declared.inline:
        return Handling(engine, route, delivery, delivery.details.get("headers", {})).do().delivery
    reason = route.reason if isinstance(route, NoRoute) else "its connector answers inline now"
    error = ConfigError(
        f"{delivery.target} cannot handle what it has accepted: {reason}",
        remedy="Mend the integration; it is tried again, or replay it later.",
        code="config.webhook",
    )
    return fail_for(engine, delivery, error) or delivery


class Work:
    """The threads that handle deliveries, and the one that looks for what waits in the ledger."""

    def __init__(self, engine: Engine, routes: Routes, *, workers: int) -> None:
        self.lanes = Lanes()
        self._engine = engine
        self._routes = routes
        self._stopping = threading.Event()
        self._working: dict[_Working, None] = {}
        self._lock = threading.Lock()
        self._looking = threading.Thread(target=self._look, name="mkt-webhook-look", daemon=True)
        self._looking.start()
        for _ in range(workers):
            self._start_worker()

    def stop(self, seconds: float) -> None:
        """Let those at work come to their end, at most so long, and leave the rest to other processes."""
        self._stopping.set()
        left = self.lanes.close()
        ends = time.monotonic() + seconds
        while self._working and time.monotonic() < ends:
            time.sleep(0.05)
        self._looking.join(timeout=max(ends - time.monotonic(), 1.0))
        claims = {delivery.id: delivery.attempts for delivery in left}
        if claims:
            attempt(lambda: self._engine.store.release_deliveries(claims, self._engine.now()))

    def _start_worker(self) -> None:
        threading.Thread(target=self._work, name="mkt-webhook", daemon=True).start()

    def _work(self) -> None:
        while (delivery := self.lanes.take()) is not None:
            working = _Working(delivery, time.monotonic() + WORK_SECONDS + _GRACE_SECONDS)
            with self._lock:
                self._working[working] = None
            # A store that fails now leaves the delivery claimed: it is found again when the claim has ended.
            attempt(lambda: self._handle(delivery))
            with self._lock:
                abandoned = self._working.pop(working, working) is working
            if abandoned:
                return  # another worker has its place
            self.lanes.done(delivery.key)

    def _handle(self, delivery: Delivery) -> None:
        """Have it handled; give it back where another could take it meanwhile, so much of the claim has gone by."""
        now, until = self._engine.now(), delivery.next_try_at
        if until is None or until - now < timedelta(seconds=WORK_SECONDS):
            self._engine.store.release_deliveries({delivery.id: delivery.attempts}, now)
        else:
            handle_accepted(self._engine, self._routes, delivery)

    def _look(self) -> None:
        quiet, claim_at = 0.0, 0.0
        while not self._stopping.wait(_POLL_SECONDS):
            now = time.monotonic()
            if now >= claim_at or self.lanes.behind(()):
                found = attempt(self._claim)
                quiet = 0.0 if found is True else min(max(2 * quiet, _POLL_SECONDS), _QUIET_SECONDS)
                claim_at = now + quiet
            self._abandon_late()

    def _claim(self) -> bool:
        """Fetch what waits in the ledger; tell whether to look again soon."""
        now, any_found = self._engine.now(), False
        while (full := self.lanes.full_ones()) is not None:
            behind = self.lanes.behind(full)
            found = self._engine.store.claim_deliveries(now, now + CLAIM, _CLAIMED_AT_ONCE, without=full)
            for delivery in found:
                self.lanes.put(delivery)
            any_found = any_found or bool(found)
            if len(found) < _CLAIMED_AT_ONCE:
                self.lanes.catch_up(behind)
                return any_found or bool(full)
        return True

    def _abandon_late(self) -> None:
        now = time.monotonic()
        with self._lock:
            late = [working for working in self._working if working.ends <= now]
            for working in late:
                del self._working[working]
        for working in late:
            self._start_worker()
            self.lanes.done(working.delivery.key)
            delivery = working.delivery
            error = TransientError(
                f"{delivery.target} did not come to an end with the delivery within {WORK_SECONDS:.0f} s",
                remedy="Nothing to do yet: it is tried again.",
                code="transient.deadline",
            )
            attempt(lambda: fail_for(self._engine, delivery, error))  # noqa: B023 - called here and now
