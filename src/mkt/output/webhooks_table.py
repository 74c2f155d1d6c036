"""The ledger of inbound deliveries, for people and for scripts."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import RenderableType
from rich.text import Text

from mkt.contract import ConnectorEvent
from mkt.output.fitting import Fitting, facts
from mkt.output.objects import moment
from mkt.output.tables import event_line
from mkt.output.text import (
    BOLD,
    GREEN,
    RED,
    YELLOW,
    acts,
    ago,
    clean,
    duration,
    line,
    next_command,
    outcome_text,
    plural,
    short_id,
)
from mkt.store.deliveries import Delivery, Verdict

_COLUMNS: Final = ("delivery", "came", "integration", "request", "verdict", "status", "why")
_SPARE: Final = ("status", "came", "request")
_STYLES: Final[Mapping[Verdict, str]] = {
    "dead": RED,
    "failed": RED,
    "rejected": YELLOW,
    "unroutable": YELLOW,
    "handled": GREEN,
}
_NOT_NOW: Final = 503
_UNROUTABLE: Final = (
    "Whoever called has a wrong address, or looks for a way in: compare it with the one in `mkt handover`."
)
_UNREAD: Final[Mapping[int, str]] = {
    408: "Look at the proxy before `mkt serve` and at the partner's sender: which of them stopped in the middle?",
    413: "Have the partner send less at a time; nothing of this one was taken.",
}
_REJECTED: Final[Mapping[str, str]] = {
    "wrong signature": "The secret here is not the one at the partner: set the partner's.",
    "wrong token": "The token here is not the one at the partner: set the partner's.",
    "it is disabled": "Enable the integration, or have the partner stop.",
}


def delivery_object(delivery: Delivery) -> dict[str, Any]:
    """Return a delivery for scripts, without its body."""
    details = {name: value for name, value in delivery.details.items() if name not in ("headers", "path")}
    return {
        "id": delivery.id,
        "received_at": moment(delivery.received_at),
        "tenant": delivery.key.tenant or None,
        "integration": delivery.key.integration or None,
        "connector": delivery.connector or None,
        "method": delivery.method,
        "path": delivery.path,
        "verdict": delivery.verdict,
        "reason": delivery.reason or None,
        "status": delivery.status,
        "duration_ms": delivery.duration_ms,
        "attempts": delivery.attempts,
        "next_try_at": moment(delivery.next_try_at),
        "count": delivery.count,
        "request": dict(delivery.request),
        "details": details,
    }


def delivery_details(delivery: Delivery, events: Sequence[ConnectorEvent], *, values: bool) -> dict[str, Any]:
    """Return one delivery with its events and, where a person asks for values, its body."""
    shown = {"query": delivery.query, "body": _text(delivery.body)} if values else {}
    return {**delivery_object(delivery), **shown, "events": [event.as_dict() for event in events]}


def deliveries_page(deliveries: Sequence[Delivery], now: datetime) -> Iterator[RenderableType]:
    """Newest first."""
    if not deliveries:
        yield line("no deliveries")
        yield next_command("mkt serve")
        return
    yield Fitting(_COLUMNS, [_cells(delivery, now) for delivery in deliveries], spare=_SPARE, folds="why", most=2)
    bad = next((d for d in deliveries if d.verdict in ("dead", "failed", "rejected")), deliveries[0])
    yield next_command(f"mkt webhooks show {short_id(bad.id)}")


def delivery_page(
    delivery: Delivery, events: Sequence[ConnectorEvent], now: datetime, *, values: bool
) -> Iterator[RenderableType]:
    """One delivery: what came, what was made of it, what to do."""
    title = clean(delivery.target or f"{delivery.method} {delivery.path}")
    connector = f"  {clean(delivery.connector)}" if delivery.connector else ""
    yield Text.assemble((title, BOLD), f"{connector}  ", _verdict(delivery))
    yield from facts(_facts(delivery, now))
    refusal = delivery.details.get("refusal") or {}
    yield from facts((name, value) for name, value in refusal.items() if name != "message")
    yield line("request", style=BOLD)
    yield from facts(_request(delivery.request))
    if values:
        yield line("body", style=BOLD)
        yield line(_text(delivery.body) or "it was not kept")
    yield from (event_line(event) for event in events)
    yield next_command(_next(delivery))


def replay_page(deliveries: Sequence[Delivery], now: datetime) -> Iterator[RenderableType]:
    """Tell what came of a replay, in the order of handling."""
    yield Fitting(_COLUMNS, [_cells(delivery, now) for delivery in deliveries], spare=_SPARE, folds="why", most=2)
    bad = [delivery for delivery in deliveries if delivery.verdict != "handled"]
    done = f"{len(deliveries) - len(bad)} handled"
    yield line(f"{done}, {len(bad)} failed" if bad else done)
    yield next_command(f"mkt webhooks show {short_id(bad[0].id)}" if bad else "mkt webhooks list")


def _cells(delivery: Delivery, now: datetime) -> dict[str, object]:
    more = f" (and {delivery.count - 1:,} more like it)" if delivery.count > 1 else ""
    return {
        "delivery": short_id(delivery.id),
        "came": ago(delivery.received_at, now),
        "integration": delivery.target or "-",
        "request": f"{delivery.method} {delivery.path}",
        "verdict": _verdict(delivery),
        "status": str(delivery.status),
        "why": _why(delivery) + more,
    }


def _verdict(delivery: Delivery) -> Text:
    known = outcome_text(delivery.verdict)
    known.stylize(_STYLES.get(delivery.verdict, ""))
    return known


def _why(delivery: Delivery) -> str:
    message = (delivery.details.get("refusal") or {}).get("message", "")
    if message:
        return f"{delivery.reason}: {message}"
    return delivery.reason or _changes(delivery)


def _changes(delivery: Delivery) -> str:
    changes = delivery.details.get("changes") or {}
    return ", ".join(f"{count:,} {kind}" for kind, count in changes.items() if count)


def _facts(delivery: Delivery, now: datetime) -> Iterator[tuple[str, object]]:
    yield "id", delivery.id
    yield "came", ago(delivery.received_at, now)
    yield "why", delivery.reason
    yield "message", (delivery.details.get("refusal") or {}).get("message", "")
    error = delivery.details.get("error") or {}
    yield acts(error.get("actor", "us")), error.get("remedy") or _remedy(delivery)
    yield "answered", f"{delivery.status} after {duration(delivery.duration_ms)}" if delivery.status else ""
    yield "changed", _changes(delivery)
    yield "attempts", delivery.attempts if delivery.attempts > 1 or delivery.verdict == "failed" else ""
    yield "again", ago(delivery.next_try_at, now) if delivery.verdict == "failed" and delivery.next_try_at else ""
    yield "first", delivery.details.get("first", "")
    yield "stands for", plural(delivery.count, "request") if delivery.count > 1 else ""


def _remedy(delivery: Delivery) -> str:
    if delivery.verdict == "unroutable":
        return _UNROUTABLE
    if delivery.verdict != "rejected":
        return ""
    if delivery.status == _NOT_NOW:
        return "Mend it here; the partner was told to come again."
    if "our clock" in delivery.reason:
        return "Compare both clocks; what is sent again late is refused too."
    return _REJECTED.get(delivery.reason) or _UNREAD.get(delivery.status, "")


def _request(request: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for kind in ("query", "form", "headers"):
        values = request.get(kind) or {}
        yield kind, "; ".join(f"{name}: {value}" for name, value in values.items())
    if request.get("bytes"):
        yield "body", f"{request['bytes']:,} bytes, sha256 {request.get('sha256', '')}"


def _text(body: bytes | None) -> str:
    return "" if body is None else body.decode("utf-8", errors="replace")


def _next(delivery: Delivery) -> str:
    if delivery.verdict in ("failed", "dead") and delivery.attempts:
        return f"mkt webhooks replay {short_id(delivery.id)}"
    if delivery.verdict == "duplicate":
        return f"mkt webhooks show {short_id(str(delivery.details.get('first', '')))}"
    listed = f"mkt webhooks list {delivery.key.tenant}".strip()
    return _after_refusal(delivery) or listed if delivery.verdict == "rejected" else listed


def _after_refusal(delivery: Delivery) -> str:
    secret = delivery.details.get("secret")
    if delivery.reason == "it is disabled":
        return f"mkt enable {delivery.target}"
    if secret and delivery.status == _NOT_NOW:
        return f"mkt secrets which {delivery.target} {secret}"
    if delivery.status == _NOT_NOW:
        return f"mkt verify {delivery.target}" if delivery.key.integration else "mkt lint"
    return f"mkt secrets set {delivery.target} {secret}" if secret and "wrong" in delivery.reason else ""
