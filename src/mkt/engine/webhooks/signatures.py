"""Whether a delivery is the partner's: its signature over the raw bytes, its time, and what it is known by."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from mkt.contract import WebhookVerification
from mkt.contract.webhook import Scheme
from mkt.runtime.webhooks import keys_of

_STAMP: Final = re.compile(r"[0-9]{1,16}")
_MILLISECONDS: Final = 1000
_LONGEST_ID: Final = 200
# What HubSpot's documentation wants decoded in the URI before it is signed; its own library does not do it.
_HUBSPOT_ESCAPES: Final = {
    f"%{ord(character):02X}": character for character in ":/?@!$'()*,;"
}  # https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """What a signature can be over. `url` is the public one, as it was called; header names are lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class UnverifiedError(Exception):
    """Why a delivery is not the partner's: for the ledger, never for who sent it."""

    def __init__(self, reason: str, **details: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.details = details


@dataclass(frozen=True, slots=True)
class _Claim:
    """What the request says of itself: signatures, and the texts of which one was signed."""

    signatures: Sequence[str]
    signed: Sequence[bytes]
    name: str = ""


def verify(declared: WebhookVerification, secret: str, request: SignedRequest, now: float) -> str:
    """Return what the delivery is known by, empty where nothing tells it from others.

    `now` is in seconds since 1970. Raise `UnverifiedError`, and `ConfigError` for a secret that cannot be one.
    """
    if declared.scheme == "static_token":
        _check_token(declared, secret, request)
        return _field(declared, request.body)
    claim = _CLAIMS[declared.scheme](declared, request, now)
    keys = _keys(declared.scheme, secret)
    expected = [_sign(declared, key, text) for key in keys for text in claim.signed]
    matches = [_equal(one, other) for one in expected for other in claim.signatures]  # all of them: equal time
    if not any(matches):
        raise UnverifiedError(
            "wrong signature", header=declared.signature_header, **{"secrets tried": str(len(keys))}
        )
    return _short(_field(declared, request.body) or claim.name)


def spend(body: bytes) -> None:
    """Take as long as a verification does, where there is nothing to verify with."""
    _equal(hmac.new(b"nobody", body, hashlib.sha256).hexdigest(), "0" * 64)


def lines(secret: str) -> list[str]:
    """Return the valid secrets: one a line."""
    return [line.strip() for line in secret.splitlines() if line.strip()]


def _keys(scheme: Scheme, secret: str) -> list[bytes]:
    return keys_of(secret) if scheme == "standard_webhooks" else [line.encode() for line in lines(secret)]


def _check_token(declared: WebhookVerification, secret: str, request: SignedRequest) -> None:
    given = _header(request, declared.signature_header)
    wanted = [declared.prefix + line for line in lines(secret)]
    if not any([_equal(one, given) for one in wanted]):  # noqa: C419 - all of them: equal time
        raise UnverifiedError("wrong token", header=declared.signature_header)


def _standard(declared: WebhookVerification, request: SignedRequest, now: float) -> _Claim:
    """https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md."""
    name, stamp = _header(request, "webhook-id"), _time(declared, request, now)
    given = [part for part in _header(request, declared.signature_header).split(" ") if part.startswith("v1,")]
    signed = b".".join((_raw(name), _raw(stamp), request.body))
    return _Claim([part.removeprefix("v1,") for part in given], [signed], name)


def _github(declared: WebhookVerification, request: SignedRequest, now: float) -> _Claim:
    """https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries.

    `X-GitHub-Delivery` is not signed, so whoever repeats a delivery can change it; the body has its own times.
    """
    del now
    given = _header(request, declared.signature_header).removeprefix("sha256=")
    return _Claim([given], [request.body], _digest(request.body))


def _stripe(declared: WebhookVerification, request: SignedRequest, now: float) -> _Claim:
    """https://docs.stripe.com/webhooks#verify-manually."""
    pairs = [part.strip().partition("=") for part in _header(request, declared.signature_header).split(",")]
    stamp = next((value for name, _, value in pairs if name == "t"), "")
    _check_time(stamp, stamp, declared, now)
    signed = b".".join((_raw(stamp), request.body))
    return _Claim([value for name, _, value in pairs if name == "v1"], [signed], _digest(signed))


def _hubspot(declared: WebhookVerification, request: SignedRequest, now: float) -> _Claim:
    """https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation."""
    stamp = _time(declared, request, now, units=_MILLISECONDS)
    signed = [
        b"".join((request.method.encode(), url.encode(), request.body, _raw(stamp)))
        for url in dict.fromkeys((request.url, _decoded(request.url)))
    ]
    # Known by the decoded form: the same request with its address escaped in another way is no other one.
    return _Claim([_header(request, declared.signature_header)], signed, _digest(signed[-1]))


def _generic(declared: WebhookVerification, request: SignedRequest, now: float) -> _Claim:
    given = _header(request, declared.signature_header)
    signed, name = request.body, ""
    if declared.time_header:
        stamp = _time(declared, request, now)
        signed = _raw(stamp) + declared.separator.encode() + request.body
        name = _digest(signed)
    if not given.startswith(declared.prefix):
        raise UnverifiedError(f"the header {declared.signature_header} does not begin with {declared.prefix!r}")
    return _Claim([given.removeprefix(declared.prefix)], [signed], name)


_CLAIMS: Final[Mapping[Scheme, Callable[[WebhookVerification, SignedRequest, float], _Claim]]] = {
    "standard_webhooks": _standard,
    "github": _github,
    "stripe": _stripe,
    "hubspot_v3": _hubspot,
    "hmac": _generic,
}
_BASE64: Final = frozenset({"standard_webhooks", "hubspot_v3"})


def _sign(declared: WebhookVerification, key: bytes, text: bytes) -> str:
    algorithm = declared.algorithm if declared.scheme == "hmac" else "sha256"
    made = hmac.new(key, text, algorithm)
    in_base64 = declared.encoding == "base64" if declared.scheme == "hmac" else declared.scheme in _BASE64
    return base64.b64encode(made.digest()).decode() if in_base64 else made.hexdigest()


def _header(request: SignedRequest, name: str) -> str:
    value = request.headers.get(name, "")
    if not value:
        raise UnverifiedError(f"the header {name} is missing", header=name)
    return value


def _time(declared: WebhookVerification, request: SignedRequest, now: float, *, units: int = 1) -> str:
    stamp = _header(request, declared.time_header)
    seconds = str(int(stamp) // units) if _STAMP.fullmatch(stamp) else ""
    _check_time(seconds, stamp, declared, now)
    return stamp


def _check_time(seconds: str, stamp: str, declared: WebhookVerification, now: float) -> None:
    if not _STAMP.fullmatch(seconds):
        raise UnverifiedError("the timestamp is missing or no number")
    off = int(seconds) - round(now)
    if abs(off) > declared.tolerance_seconds:
        raise UnverifiedError(
            f"the timestamp is {abs(off)} s {'ahead of' if off > 0 else 'behind'} our clock,"
            f" {declared.tolerance_seconds} s are allowed",
            timestamp=stamp,
        )


def _field(declared: WebhookVerification, body: bytes) -> str:
    """Return what the body itself says it is; only read once the body is known to be the partner's."""
    if not declared.id_field:
        return ""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    for name in declared.id_field.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return str(found) if isinstance(found, str | int) else ""


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_ID else _digest(name.encode(errors="surrogatepass"))


def _decoded(url: str) -> str:
    for escape, character in _HUBSPOT_ESCAPES.items():
        url = url.replace(escape, character).replace(escape.lower(), character)
    return url


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _raw(text: str) -> bytes:
    """Return the bytes that stood in the header."""
    return text.encode("latin-1", errors="replace")


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(errors="surrogatepass"), other.encode(errors="surrogatepass"))
