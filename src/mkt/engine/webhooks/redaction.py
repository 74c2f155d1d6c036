"""What the ledger shows of a request: what tells one from another, and nothing that lets anybody in."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Final
from urllib.parse import parse_qsl

from mkt.contract import WebhookVerification
from mkt.engine.webhooks.arrival import Arrival
from mkt.runtime.masking import MASK

_SHOWN_HEADERS: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "host",
        "user-agent",
        "x-request-id",
    }
)
_KEPT_BACK: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
_SHOWN_FIELDS: Final = frozenset(
    {"client_id", "error", "iss", "lti_deployment_id", "openid_configuration", "response_type", "target_link_uri"}
)
"""Of forms and queries: OpenID Connect's names of installations. Other values may be a person's, or a key."""
_WITH_KEYS: Final = "openid_configuration"
"""An address that some platforms put a registration token into."""
_NAME: Final = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")
_FORM: Final = "application/x-www-form-urlencoded"
_MOST: Final = 50
_LONGEST: Final = 200


def shown(arrival: Arrival, declared: WebhookVerification | None = None) -> dict[str, Any]:
    """Return the request as the ledger keeps it."""
    seen: dict[str, Any] = {"headers": _headers(arrival.headers, declared), "bytes": len(arrival.body)}
    if arrival.query:
        seen["query"] = _fields(arrival.query)
    if arrival.body:
        seen["sha256"] = hashlib.sha256(arrival.body).hexdigest()
        if arrival.headers.get("content-type", "").startswith(_FORM):
            seen["form"] = _fields(arrival.body.decode("latin-1"))
    return seen


def for_later(headers: Mapping[str, str], declared: WebhookVerification) -> dict[str, str]:
    """Return the headers that a connector gets which works after the partner was answered."""
    hidden = {*_KEPT_BACK, declared.signature_header}
    return {name: value for name, value in headers.items() if name not in hidden}


def _headers(headers: Mapping[str, str], declared: WebhookVerification | None) -> dict[str, str]:
    """Return the names, and the values of those that are no secret and nobody's own."""
    shown_too = {declared.time_header, "webhook-id", "x-github-event", "x-github-delivery"} if declared else set()
    pairs = _some(headers.items())
    return {name: value if name in _SHOWN_HEADERS | shown_too else MASK for name, value in pairs}


def _fields(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=1000)
    except ValueError:
        return {}
    # A body that is no form after all has all its text in a "name".
    named = [(name if _NAME.fullmatch(name) else MASK, value) for name, value in _some(pairs)]
    return {name: _value(name, value) for name, value in named}


def _value(name: str, value: str) -> str:
    if name not in _SHOWN_FIELDS:
        return MASK
    address, question, _ = value.partition("?")
    return f"{address}?{MASK}" if question and name == _WITH_KEYS else value


def _some(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the first pairs, none of them longer than a line or two."""
    return [(_line(name), _line(value)) for name, value in islice(pairs, _MOST)]


def _line(text: str) -> str:
    line = text[:_LONGEST]
    return line if line.isprintable() else "".join(each if each.isprintable() else "?" for each in line)
