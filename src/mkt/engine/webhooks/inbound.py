"""What becomes of an inbound request: routed, verified, kept in the ledger, answered."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from mkt.contract import ConnectorEvent, uuid7
from mkt.engine.base import Engine
from mkt.engine.isolation import attempt
from mkt.engine.voice import Voice
from mkt.engine.webhooks import redaction
from mkt.engine.webhooks.accepting import Acceptance
from mkt.engine.webhooks.arrival import Answer, Arrival, Refusal, answer_json, refusal
from mkt.engine.webhooks.handling import Handling
from mkt.engine.webhooks.refusals import Refusals
from mkt.engine.webhooks.routes import NoRoute, Route, Routes
from mkt.engine.webhooks.signatures import SignedRequest, UnverifiedError, spend, verify
from mkt.engine.webhooks.work import CLAIM, Work
from mkt.errors import ConfigError, ConnectorError, MktError, StoreError
from mkt.store.base import Key
from mkt.store.deliveries import Delivery

ACCEPTED: Final = 202
REFUSED: Final = 403
NOT_NOW: Final = 503
FAILED: Final = 500
INLINE_OF_ONE: Final = 8
"""Deliveries of one integration that are answered at a time: one that hangs must not take every thread."""
WORKERS: Final = 8
_READY_KEY: Final = Key("", "")
_READY_SECONDS: Final = 1.0
_NO_ADDRESS: Final = "config.public_url"


class Inbound:
    """The engine behind the server. `receive` is called by many threads at once and never raises."""

    def __init__(
        self, engine: Engine, *, workers: int = WORKERS, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine = engine
        self._monotonic = monotonic
        self._routes = Routes(engine, monotonic=monotonic)
        self._refusals = Refusals(engine)
        self._acceptance = Acceptance(engine.store)
        self._work = Work(engine, self._routes, workers=workers)
        self._answering: Counter[Key] = Counter()
        self._lock = threading.Lock()
        self._ready: tuple[float, str] | None = None
        self._voice = Voice(engine, "the store", "Webhooks are answered with 503 meanwhile")
        self._others = Voice(engine, "what a webhook needs", "It is answered with 500")
        self._bugs = Voice(engine, "mkt serve")

    def receive(self, arrival: Arrival) -> Answer:
        """Return the answer; what was accepted is in the ledger by then."""
        name = uuid7()
        answer = attempt(lambda: self._receive(arrival, name))
        if isinstance(answer, StoreError):
            self._voice.failed(answer)
            return refusal(NOT_NOW, "not now", name)
        if isinstance(answer, Exception):
            (self._others if isinstance(answer, MktError) else self._bugs).failed(answer)
            return refusal(FAILED, "failed", name)
        return answer

    def refuse_unread(self, arrival: Arrival, status: int, error: Refusal, reason: str) -> Answer:
        """Return the answer to a request whose body was not read to its end."""
        tenant, integration, _ = arrival.names
        found = self._routes.find(tenant, integration)
        delivery = replace(self._delivery(arrival, found, uuid7()), reason=reason, status=status)
        self._refusals.add(delivery, lambda: delivery)
        return refusal(status, error, delivery.id)

    def is_expected(self) -> bool:
        """Tell whether anything can be accepted: whether an integration takes webhooks."""
        return self._routes.any()

    def not_ready(self) -> str:
        """Return why nothing can be accepted now, empty where it can."""
        now = self._monotonic()
        if self._ready is None or now - self._ready[0] > _READY_SECONDS:
            self._ready = now, self._look()
        return self._ready[1]

    def stop(self, seconds: float) -> None:
        """End the work after the answers: what is in work may come to its end, at most so long."""
        self._work.stop(seconds)
        self._refusals.stop(seconds)

    def _look(self) -> str:
        self._routes.look()
        put = attempt(lambda: self._engine.store.memory_put(_READY_KEY, "serve.ready", True, None))  # noqa: FBT003 - the value
        if put is not None:
            return "the store cannot be written"
        return "the configurations cannot be read" if self._routes.problem else ""

    def _delivery(self, arrival: Arrival, found: Route | NoRoute, name: str) -> Delivery:
        """Return it as a refused one, of the integration that its path leads to, if there is one."""
        return Delivery(
            id=name,
            received_at=arrival.received_at,
            key=found.key,
            connector=found.configuration.connector if isinstance(found, Route) else found.connector,
            method=arrival.method,
            path=arrival.shown_path(self._routes.secret_after(found)),
            verdict="rejected" if found.key.tenant else "unroutable",
            status=REFUSED,
        )

    def _receive(self, arrival: Arrival, name: str) -> Answer:
        tenant, integration, path = arrival.names
        found = self._routes.find(tenant, integration)
        delivery = self._delivery(arrival, found, name)
        if isinstance(found, NoRoute):
            spend(arrival.body)
            return self._refuse(arrival, delivery, None, found.reason, ours=found.ours)
        delivery = replace(delivery, query=arrival.query, body=arrival.body, details={"path": path})
        if found.declared.scheme == "connector":
            return self._answer_inline(arrival, delivery, found, kept=self._refusals.has_room(delivery))
        try:
            signed, now = self._signed(arrival, found), self._engine.now().timestamp()
            known_by = verify(found.declared, found.secret(), signed, now)
        except UnverifiedError as error:
            secret = found.declared.secret
            return self._refuse(arrival, delivery, found, error.reason, refusal=error.details, secret=secret)
        except ConnectorError as error:  # also a secret that is where nobody answers
            spend(arrival.body)
            about = {} if error.code == _NO_ADDRESS else {"secret": found.declared.secret}
            return self._refuse(arrival, delivery, found, error.message, ours=True, **about)
        delivery = replace(delivery, dedupe=known_by)
        if found.declared.inline:
            return self._answer_inline(arrival, delivery, found)
        return self._accept(arrival, delivery, found)

    def _works(self) -> None:
        self._voice.over()
        self._others.over()

    def _signed(self, arrival: Arrival, route: Route) -> SignedRequest:
        public_url = self._engine.settings.public_url.rstrip("/")
        if route.declared.scheme == "hubspot_v3" and not public_url:
            reason = "public_url in mkt.toml is not set: HubSpot signs our own address"
            raise ConfigError(reason, remedy="Set it.", code=_NO_ADDRESS)
        url = public_url + arrival.raw_path
        return SignedRequest(
            method=arrival.method,
            url=f"{url}?{arrival.query}" if arrival.query else url,
            headers=arrival.headers,
            body=arrival.body,
        )

    def _refuse(
        self,
        arrival: Arrival,
        delivery: Delivery,
        route: Route | None,
        reason: str,
        *,
        ours: bool = False,
        **details: Any,
    ) -> Answer:
        """Answer without a word on why; where we have to mend something the partner may come again."""
        status = NOT_NOW if ours else REFUSED
        refused = replace(delivery, reason=reason, status=status, details=details, query="", body=None)
        declared = route.declared if route else None
        self._refusals.add(refused, lambda: replace(refused, request=redaction.shown(arrival, declared)))
        return refusal(status, "not now" if ours else "refused", refused.id)

    def _accept(self, arrival: Arrival, delivery: Delivery, route: Route) -> Answer:
        """Store it, have it handled after, and answer at once."""
        headers = redaction.for_later(arrival.headers, route.declared)
        with self._work.lanes.place(route.key) as room:
            now = self._engine.now()
            stored = self._acceptance.add(
                replace(
                    delivery,
                    verdict="received",
                    status=ACCEPTED,
                    attempts=1 if room else 0,
                    next_try_at=now + CLAIM if room else now,
                    request=redaction.shown(arrival, route.declared),
                    details={**delivery.details, "headers": headers},
                )
            )
        self._works()
        answer = self._answer_stored(stored)  # it is told as received before it can be told as handled
        if room and stored.verdict == "received":
            self._work.lanes.put(stored)
        return answer

    def _answer_inline(self, arrival: Arrival, delivery: Delivery, route: Route, *, kept: bool = True) -> Answer:
        """Return the connector's own answer; what it did is stored by then."""
        with self._place(route.key) as free:
            if not free:
                return refusal(NOT_NOW, "not now", delivery.id)
            shown = replace(delivery, request=redaction.shown(arrival, route.declared) if kept else {})
            handled = Handling(self._engine, route, shown, arrival.headers, kept=kept).do()
            self._works()
        if handled.lost:
            return self._answer_stored(self._acceptance.add(handled.delivery))
        if handled.response is None:
            status = handled.delivery.status
            return refusal(status, "not now" if status == NOT_NOW else "failed", delivery.id)
        return Answer(handled.response.status, handled.response.headers, handled.response.body)

    @contextmanager
    def _place(self, key: Key) -> Iterator[bool]:
        """Give one of the places of an integration, False where all are taken."""
        with self._lock:
            free = self._answering[key] < INLINE_OF_ONE
            self._answering[key] += free
        try:
            yield free
        finally:
            with self._lock:
                self._answering[key] -= free
                if not self._answering[key]:
                    del self._answering[key]

    def _answer_stored(self, stored: Delivery) -> Answer:
        """Answer with what is in the ledger for certain: of a repeated delivery that is the first one."""
        if stored.verdict == "duplicate":
            self._refusals.add(stored, lambda: stored)
            return answer_json(stored.status, delivery=stored.details["first"])
        self._tell(stored)
        return answer_json(stored.status, delivery=stored.id)

    def _tell(self, stored: Delivery) -> None:
        self._engine.telemetry.emit(
            ConnectorEvent(
                event="webhook.received",
                message=f"{stored.method} {stored.path}",
                timestamp=stored.received_at,
                level="info",
                tenant=stored.key.tenant,
                integration=stored.key.integration,
                connector=stored.connector,
                run_id=stored.id,
                details={"status": stored.status},
            )
        )
