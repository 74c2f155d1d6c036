"""One delivery in the hands of its connector, and what came of it, stored in one transaction."""

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qs

from mkt.contract import (
    Change,
    Deleted,
    PartnerError,
    Record,
    Stream,
    TransientError,
    WebhookRequest,
    WebhookResponse,
)
from mkt.engine.base import Engine
from mkt.engine.call import Call, StoredProgress
from mkt.engine.isolation import attempt
from mkt.engine.sync.records import Encoder
from mkt.engine.verify.ladder import RecordingLadder
from mkt.engine.webhooks.failing import fail
from mkt.engine.webhooks.routes import Route
from mkt.engine.webhooks.state import DeliveryState
from mkt.errors import StoreError
from mkt.store.base import Row
from mkt.store.deliveries import Delivery, Effects, StateTakenError

INLINE_SECONDS: Final = 15.0
WORK_SECONDS: Final = 60.0
_TRIES_FOR_STATE: Final = 3
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OF_THE_SERVER: Final = frozenset({"connection", "content-length", "transfer-encoding"})
_VALUE: Final = re.compile(r"[\t -~\x80-\xff]*")


class WrongChangeError(Exception):
    """A connector answers a delivery with what only a sync yields, or with another stream: a bug in the connector."""


class WrongAnswerError(Exception):
    """A connector's answer cannot be sent: a bug in the connector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """What a connector did: its answer, or why there is none."""

    delivery: Delivery
    """As it was stored."""
    response: WebhookResponse | None
    lost: bool = False
    """Another has claimed the delivery meanwhile, and nothing was stored."""


@dataclass(frozen=True, slots=True)
class _Try:
    """One call of the connector."""

    response: WebhookResponse
    effects: Effects


class Handling:
    """Calls the connector for one delivery. `do` never raises what the connector raises.

    A delivery that is not `kept` has no entry of its own: one of a flood.
    """

    def __init__(
        self, engine: Engine, route: Route, delivery: Delivery, headers: Mapping[str, str], *, kept: bool = True
    ) -> None:
        self._kept = kept
        self._engine = engine
        self._route = route
        self._delivery = delivery
        self._headers = headers
        self._call = Call.prepare(engine, route.configuration, delivery.id)
        self._inline = route.declared.inline
        self._started = time.monotonic()

    def do(self) -> Handled:
        """Have the delivery handled and store what came of it; raise `StoreError` where that fails."""
        done = attempt(self._do)
        if isinstance(done, StoreError):
            raise done
        # What a connector gives can be what no store takes, such as half a character: that is its failure.
        return self._failed(done) if isinstance(done, Exception) else done

    def _do(self) -> Handled:
        claimed = None if self._inline else self._delivery.attempts
        for _ in range(_TRIES_FOR_STATE):
            tried = attempt(self._try)
            if isinstance(tried, Exception):
                break
            done = self._done(tried.response)
            try:
                changed = self._engine.store.commit_delivery(done, tried.effects, claimed=claimed)
            except StateTakenError:
                continue  # another took the value meanwhile: handled again, the connector finds None
            if changed is None:
                return Handled(delivery=done, response=tried.response, lost=True)
            self._tell(done, changed)
            return Handled(delivery=done, response=tried.response)
        else:
            tried = StateTakenError()
        return self._failed(tried)

    def _failed(self, error: Exception) -> Handled:
        failed = replace(self._delivery, duration_ms=self._elapsed(), details=self._details(), **self._without_body())
        stored = fail(self._engine, failed, self._call.failure(error), kept=self._kept)
        return Handled(delivery=stored or failed, response=None, lost=stored is None)

    def _try(self) -> _Try:
        manifest = self._call.registered().require_manifest()
        state = DeliveryState(self._engine, self._call.key)
        seconds = INLINE_SECONDS if self._inline else WORK_SECONDS
        with self._call.context(
            RecordingLadder(manifest.verify, self._call.masker.mask, lambda _: None),
            progress=StoredProgress(self._engine.store, self._call.key),
            state=state,
            streams=frozenset(manifest.streams),
            deadline=time.monotonic() + seconds,
        ) as context:
            response = self._route.connector.handle_webhook(self._request(), context)
            _check_sendable(response)
            if not self._inline and response.status >= 400:  # noqa: PLR2004 - an error of HTTP
                raise _said(response.status)
            rows = _rows(response.changes, context.streams)
            return _Try(response, state.effects(rows, kept=self._kept))

    def _request(self) -> WebhookRequest:
        delivery = self._delivery
        return WebhookRequest(
            id=delivery.id,
            method=delivery.method,
            path=str(delivery.details.get("path", "")),
            query=parse_qs(delivery.query, keep_blank_values=True),
            headers=self._headers,
            body=delivery.body or b"",
            received_at=delivery.received_at,
        )

    def _done(self, response: WebhookResponse) -> Delivery:
        refusal = dict(response.refusal or {})
        known = {name: value for name, value in self._details().items() if name != "error"}
        status = response.status if self._inline else self._delivery.status
        return replace(
            self._delivery,
            verdict="rejected" if response.refusal else "handled",
            reason=str(refusal.pop("reason", "")),
            status=status,
            duration_ms=self._elapsed(),
            next_try_at=None,
            details={**known, **({"refusal": refusal} if refusal else {})},
            **self._without_body(),
        )

    def _without_body(self) -> dict[str, Any]:
        """Leave out what is of no use again: the connector's own verification never passes twice."""
        return {"query": "", "body": None} if self._inline else {}

    def _details(self) -> dict[str, Any]:
        """Return the details without the path that is of no use again either: it may hold what is good once."""
        return {n: v for n, v in self._delivery.details.items() if not (self._inline and n == "path")}

    def _elapsed(self) -> int:
        return round((time.monotonic() - self._started) * 1000)

    def _tell(self, done: Delivery, changed: dict[str, int]) -> None:
        if not self._kept:
            return
        counts = ", ".join(f"{count} {kind}" for kind, count in changed.items() if count)
        details: dict[str, Any] = {"status": done.status, "duration_ms": done.duration_ms, **changed}
        if done.verdict == "rejected":
            said = f"{done.method} {done.path}: {done.reason or 'refused'}"
            self._call.reporter.emit("webhook.rejected", said, "warning", **details)
        else:
            self._call.reporter.emit("webhook.handled", counts or "handled", **details)


def _check_sendable(response: WebhookResponse) -> None:
    """Refuse what HTTP cannot say, before anything is stored: a line break in a header would begin another one."""
    if not 200 <= response.status <= 599:  # noqa: PLR2004 - the final answers of HTTP
        raise WrongAnswerError(f"status {response.status}")
    for name, value in response.headers.items():
        if not (_HEADER.fullmatch(name) and _VALUE.fullmatch(value)) or name.lower() in _OF_THE_SERVER:
            raise WrongAnswerError(f"header {name!r}")


def _rows(changes: Iterable[Change], streams: frozenset[Stream]) -> list[Row]:
    """Return what is stored; raise `PartnerError` for a record that is not usable."""
    encoder, rows = Encoder(), []
    for change in changes:
        if not isinstance(change, Record | Deleted) or change.stream not in streams:
            raise WrongChangeError(f"{type(change).__name__} of {change.stream}")
        row = encoder.row(change) if isinstance(change, Record) else encoder.gone(change)
        if row is not None:
            rows.append(row)
    if encoder.invalid:
        places = "; ".join(f"{stream} {place}" for stream, found in encoder.places.items() for place in found)
        raise PartnerError(
            f"the delivery has records that are not usable: {places}",
            remedy="Ask the partner what it sends there; nothing of the delivery was stored.",
            code="partner.bad_records",
        )
    return rows


def _said(status: int) -> Exception:
    message = f"its connector answered the delivery with {status}"
    if status >= 500:  # noqa: PLR2004 - "try again"
        return TransientError(message, remedy="Nothing to do yet: it is tried again.", code="transient.webhook")
    return PartnerError(message, remedy="Look at what the partner sent.", code="partner.webhook_refused")
