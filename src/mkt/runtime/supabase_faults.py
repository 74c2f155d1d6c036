"""What Supabase refused, or did not answer, becomes an error that a person can act on.

Codes: https://docs.postgrest.org/en/stable/references/errors.html and PostgreSQL's appendix A.
"""

import re
import socket
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import httpx

from mkt.errors import (
    AccessDenied,
    Actor,
    AuthError,
    ConfigError,
    ConnectorError,
    LocalError,
    PartnerError,
    RateLimited,
    TransientError,
)
from mkt.runtime.faults import causes

_WAIT: Final = (
    "Try again in a few minutes, as cron and the server do by themselves; if it stays, see status.supabase.com and "
    "the project's dashboard."
)
_LOOK: Final = "Check SUPABASE_URL, and whether this machine's network and proxy let it through."
_CHECK: Final = "Run `mkt db check`: it says what is missing and what to do."
_KEY: Final = (
    "Compare SUPABASE_SECRET_KEY and SUPABASE_URL with the project's dashboard, Project Settings, API Keys: the key "
    "was revoked, or it is another project's."
)
_PAUSED: Final = 540
_PAGE: Final = (
    "Check SUPABASE_URL: it is https://REF.supabase.co and nothing more. If it is right, something in between "
    "answers: a proxy, or the login page of a network."
)
_LITERAL: Final = re.compile(r"\"[^\"]*\"?")
_LONGEST: Final = 300
_DATA: Final = "22"
"""The class of PostgreSQL's codes whose messages repeat a value, in quotes."""
_UNREADABLE: Final = "PGRST100"
"""What could not be parsed is repeated in its message."""


class SupabaseConflict(LocalError):  # noqa: N818 - what happened, as in its siblings
    """Somebody else was first: the row is there already, or is not the one any more that was read."""

    reason: str = ""
    """What the database said, whole: one of mkt's own functions says why it refused."""


class SupabaseRejection(LocalError):  # noqa: N818 - what happened, as in its siblings
    """A value that the database does not take."""


_Meaning = tuple[type[ConnectorError], str, str, str, Actor]
"""Class, code, what happened, remedy, actor."""
_AUTH: Final[_Meaning] = (AuthError, "supabase.key", "Supabase does not accept the key", _KEY, "us")
_DENIED: Final[_Meaning] = (
    AccessDenied,
    "supabase.denied",
    "the key has no right to this",
    f"The migrations grant it. {_CHECK}",
    "us",
)
_SCHEMA: Final[_Meaning] = (
    ConfigError,
    "supabase.schema",
    "mkt's tables and functions are missing or old",
    "Run `mkt db init`, then `supabase db push`; `mkt db check` says what is missing.",
    "us",
)
_CONFLICT: Final[_Meaning] = (
    SupabaseConflict,
    "supabase.conflict",
    "the row was changed by somebody else, or is there already",
    "Look at it again, then repeat what you did.",
    "us",
)
_INVALID: Final[_Meaning] = (
    SupabaseRejection,
    "supabase.invalid",
    "the database does not take a value",
    f"{_CHECK} If that finds nothing, it is a bug in mkt: please report this line.",
    "us",
)
_BUSY: Final[_Meaning] = (TransientError, "supabase.busy", "the database is not ready", _WAIT, "us")
_SLOW: Final[_Meaning] = (
    TransientError,
    "supabase.slow",
    "the database gave up after its statement_timeout",
    "It is tried again. If it stays, look at the database's load in the dashboard.",
    "us",
)
_READ_ONLY: Final[_Meaning] = (
    TransientError,
    "supabase.read_only",
    "the database takes no writes, as when its disk is full",
    "Look at the disk in the project's dashboard, Database settings; once it is larger, it is written again.",
    "us",
)
_BY_CODE: Final[Mapping[str, _Meaning]] = {
    "PGRST301": _AUTH,
    "PGRST302": _AUTH,
    "PGRST303": _AUTH,
    "42501": _DENIED,
    **dict.fromkeys(("PGRST106", "PGRST202", "PGRST203", "PGRST204", "PGRST205", "42703", "42P01", "42883"), _SCHEMA),
    **dict.fromkeys(("23505", "23503", "PT409", "PGRST116"), _CONFLICT),
    "57014": _SLOW,
    **dict.fromkeys(("25006", "53100"), _READ_ONLY),
    **dict.fromkeys(("PGRST000", "PGRST001", "PGRST002", "PGRST003"), _BUSY),
    **dict.fromkeys(("40001", "40P01", "55P03", "57P01", "57P02", "57P03"), _BUSY),
}
_BY_CLASS: Final[Mapping[str, _Meaning]] = {"22": _INVALID, "23": _INVALID, "53": _BUSY, "08": _BUSY}
"""By the first two characters of PostgreSQL's code."""


def api_error(place: str, status: int, code: str, message: str) -> ConnectorError:
    """Return what an answer of 300 or more means.

    PostgreSQL's `details` hold whole rows and are never asked for; of its message the part is left out that repeats a
    value.
    """
    meaning = _BY_CODE.get(code) or _by_status(status) or _BY_CLASS.get(code[:2]) or _other(status, code)
    kind, own_code, what, remedy, actor = meaning
    said = _said(code, message)
    found = kind(f"{place}: {what} ({said or f'HTTP {status}'})", remedy=remedy, actor=actor, code=own_code)
    if isinstance(found, SupabaseConflict):
        found.reason = message
    return found


def _by_status(status: int) -> _Meaning | None:
    if status == HTTPStatus.UNAUTHORIZED:
        return _AUTH
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited, "supabase.rate_limit", "Supabase asks us to come back later", _WAIT, "us"
    if status == _PAUSED:
        remedy = "Open the project in Supabase's dashboard and restore it."
        return TransientError, "supabase.paused", "the project is paused", remedy, "us"
    return None


def _other(status: int, code: str) -> _Meaning:
    if status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError, "supabase.down", "Supabase cannot answer now", _WAIT, "us"
    if status == HTTPStatus.FORBIDDEN:
        return AccessDenied, "supabase.refused", "something before the database refused the request", _PAGE, "us"
    if _is_the_databases(code) or status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return _INVALID
    return ConfigError, "supabase.url", "this is not the address of a Supabase project", _PAGE, "us"


def _is_the_databases(code: str) -> bool:
    """Tell PostgREST's and PostgreSQL's codes from what supabase-py makes of a page: its status, or none."""
    return len(code) > len("404")


def _said(code: str, message: str) -> str:
    """Return code and message; an error page, whose code is its status, says nothing."""
    page = "<" in message or (code.isdecimal() and not _is_the_databases(code))
    if not message or page or code == _UNREADABLE:
        return code
    text = _LITERAL.sub("…", message) if code.startswith(_DATA) else message
    return " ".join(f"{code} {text}".split())[:_LONGEST]


def not_json(place: str) -> ConnectorError:
    """Return the error of an answer of 200 that is a page, or a part of what it should be."""
    return ConfigError(
        f"{place}: the answer is not JSON, as if another server had given it",
        remedy=_PAGE,
        code="supabase.not_json",
    )


def no_rows(place: str) -> ConnectorError:
    """Return the error of JSON that is something else than the rows of this table."""
    return ConfigError(
        f"{place}: the answer is not the rows of mkt's table, as if another server had given it",
        remedy=_PAGE,
        code="supabase.not_json",
    )


def too_deep(place: str) -> ConnectorError:
    """Return the error of JSON that is nested deeper than Python reads; mkt's tables take none that is."""
    return ConfigError(
        f"{place}: a value in the answer is nested too deep to be read",
        remedy=_CHECK,
        code="supabase.too_deep",
    )


def network_error(error: httpx.HTTPError, place: str) -> ConnectorError:
    """Return the error of an exchange that broke off. httpx's own text is not repeated: a header may stand in it."""
    for cause in causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            remedy = "If this network inspects TLS, name its authority in SSL_CERT_FILE."
            message = f"{place}: the certificate is not valid: {cause.verify_message}"
            return PartnerError(message, remedy=remedy, actor="us", code="network.certificate")
        if isinstance(cause, socket.gaierror | UnicodeError):
            remedy = (
                "Check SUPABASE_URL for a typing error, and this machine's DNS; a deleted project has no address."
            )
            return _passing(f"{place}: no address is known for this host", "network.dns", remedy)
        if isinstance(cause, ConnectionRefusedError):
            return _passing(f"{place}: the connection was refused", "network.refused", _LOOK)
    what, code = next(words for kind, words in _BROKEN.items() if isinstance(error, kind))
    return _passing(f"{place}: {what}", code)


_BROKEN: Final[Mapping[type[httpx.HTTPError], tuple[str, str]]] = {
    httpx.ConnectTimeout: ("no connection in time", "network.connect_timeout"),
    httpx.TimeoutException: ("no answer in time", "network.read_timeout"),
    httpx.ProxyError: ("the proxy of this machine did not let the request through", "network.proxy"),
    httpx.ConnectError: ("no connection", "network.connect"),
    httpx.RemoteProtocolError: ("the answer was cut off, or is not HTTP", "network.truncated"),
    httpx.HTTPError: ("the connection broke off", "network.reset"),
}


def _passing(message: str, code: str, remedy: str = _WAIT) -> TransientError:
    return TransientError(message, remedy=remedy, actor="us", code=code)
