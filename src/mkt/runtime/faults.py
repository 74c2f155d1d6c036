"""What went wrong on the wire, or in the partner's answer, becomes an error that a person can act on."""

import socket
import ssl
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

import httpx

from mkt.errors import (
    AccessDenied,
    Actor,
    AuthError,
    ConfigError,
    ConnectorError,
    PartnerError,
    RateLimited,
    TransientError,
)
from mkt.runtime.addresses import name_of
from mkt.runtime.limits import Limits
from mkt.runtime.response import HttpResponse
from mkt.runtime.retry import SlowAnswer

_SERVER_ERROR = 500
_WAIT = "Nothing to do yet: it is tried again; if it stays, check base_url, firewalls and the partner's status page."


_PASSING: Final[tuple[tuple[type[httpx.HTTPError], str, str], ...]] = (
    (httpx.ConnectTimeout, "network.connect_timeout", "no connection within {limits.connect:g} s"),
    (httpx.TimeoutException, "network.read_timeout", "no answer within {limits.read:g} s"),
    (httpx.RemoteProtocolError, "network.truncated", "the answer was cut off, or is not HTTP"),
    (httpx.HTTPError, "network.reset", "the connection broke off"),
)


def network_error(error: httpx.HTTPError, place: str, limits: Limits) -> ConnectorError:
    """Return the error of an exchange that broke off. httpx's own text is not repeated: a header may stand in it."""
    if isinstance(error, httpx.ConnectError):
        return _connect_error(error, place)
    if isinstance(error, httpx.ProxyError):
        remedy = "Check HTTPS_PROXY and NO_PROXY, and whether the proxy allows this host."
        return _passing(f"{place}: the proxy did not let the request through", "network.proxy", remedy, "us")
    if isinstance(error, httpx.DecodingError):
        return PartnerError(
            f"{place}: the answer's compression is broken",
            remedy="Give the partner's support this line.",
            code="partner.encoding",
        )
    if isinstance(error, httpx.LocalProtocolError):
        return illegal_header(place)
    code, words = next((code, words) for kind, code, words in _PASSING if isinstance(error, kind))
    return _passing(f"{place}: {words.format(limits=limits)}", code)


def in_short(error: httpx.HTTPError, seconds: float) -> str:
    """Return what became of a request that is no partner's, in a few words."""
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {seconds:g} s"
    if isinstance(error, httpx.ProxyError):
        return "the proxy did not let the request through"
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes(error)):
        return "its certificate is not valid"
    return "no connection" if isinstance(error, httpx.ConnectError) else "the connection broke off"


def slow_answer(place: str, limits: Limits) -> SlowAnswer:
    """Return the error of an answer that dripped past its deadline."""
    return SlowAnswer(
        f"{place}: the answer was not complete within {limits.total:g} s, or within the run's own time",
        remedy="Ask for less at a time where the settings allow it (page_size), or give the run more time.",
        code="network.slow",
    )


def too_large(place: str, limits: Limits) -> PartnerError:
    """Return the error of an answer that would not fit into memory."""
    return PartnerError(
        f"{place}: the answer is larger than {limits.body / (1024 * 1024):g} MiB",
        remedy="Ask for less at a time where the settings allow it (page_size, columns, a filter).",
        actor="us",
        code="partner.too_large",
    )


def illegal_header(place: str) -> ConfigError:
    """Return the error of a header that HTTP cannot carry, without its value."""
    return ConfigError(
        f"{place}: a header cannot be sent, since it holds a line break or a character that is not ASCII",
        remedy="Look for a line break in the stored secrets of this integration, and store them without it.",
        code="config.header",
    )


def redirect(response: HttpResponse, url: httpx.URL, location: str) -> PartnerError:
    """Name the host alone: what else stands in a redirect may be a session or a signature."""
    try:
        target = name_of(url.join(location))
    except (httpx.InvalidURL, UnicodeError, ValueError):
        target = "an address that is no URL"
    return PartnerError(
        f"{response.place} answered {response.status}, a redirect to {target}",
        remedy="Correct the URL in the settings: redirects are not followed, and one to a login page means that this "
        "address is for people.",
        actor="us",
        code=f"http.{response.status}",
    )


def status_error(response: HttpResponse, target: str) -> ConnectorError:
    """Return what a status of 400 or more means; `target` is the integration."""
    said = response.excerpt
    message = f"{response.place} answered {_status(response.status)}" + (f": {said}" if said else "")
    kind, remedy = _meaning(response.status, target)
    return kind(message, remedy=remedy, code=f"http.{response.status}")


def _meaning(status: int, target: str) -> tuple[type[ConnectorError], str]:
    if status == HTTPStatus.UNAUTHORIZED:
        return AuthError, f"The credentials of {target} are not accepted: renew them and store the new ones."
    if status == HTTPStatus.FORBIDDEN:
        return AccessDenied, f"Grant the account of {target} the right to read this."
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited, (
            "Nothing to do: it goes on when the partner allows it; only they can let us in sooner, by a higher limit."
        )
    if status == HTTPStatus.REQUEST_TIMEOUT or status >= _SERVER_ERROR:
        return TransientError, "Nothing to do yet: it is tried again; if it stays, see the partner's status page."
    if status == HTTPStatus.NOT_FOUND:
        return PartnerError, "Check the URL and the names in the settings: nothing stands at this address."
    return PartnerError, "Compare the settings with the partner's documentation; their message says what they miss."


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _connect_error(error: httpx.ConnectError, place: str) -> ConnectorError:
    for cause in causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _certificate(cause, place)
        if isinstance(cause, ssl.SSLError):
            return _passing(
                f"{place}: no TLS connection: {cause.reason or 'the handshake failed'}",
                "network.tls",
                "Check that base_url names the right host and port; else the partner's server refuses modern TLS.",
            )
        if isinstance(cause, socket.gaierror | UnicodeError):
            return _passing(
                f"{place}: no address is known for this host",
                "network.dns",
                "Check base_url for a typing error, and this machine's DNS.",
                "us",
            )
        if isinstance(cause, ConnectionRefusedError):
            return _passing(f"{place}: the connection was refused", "network.refused")
    return _passing(f"{place}: no connection", "network.connect")


def _certificate(cause: ssl.SSLCertVerificationError, place: str) -> PartnerError:
    return PartnerError(
        f"{place}: the certificate is not valid: {cause.verify_message}",
        remedy="The partner renews or corrects the certificate. If this network inspects TLS, name its authority in "
        "SSL_CERT_FILE.",
        code="network.certificate",
    )


def _passing(message: str, code: str, remedy: str = _WAIT, actor: Actor = "partner") -> TransientError:
    return TransientError(message, remedy=remedy, actor=actor, code=code)


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what it came from."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
