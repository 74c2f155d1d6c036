"""Access tokens (RFC 6749): asked for and understood."""

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from mkt.contract import BasicAuth, BearerAuth, Token
from mkt.errors import AccessDenied, AuthError, ConnectorError, PartnerError
from mkt.runtime.masking import MaskRegister
from mkt.runtime.response import HttpResponse

_LONGEST: Final = 10 * 366 * 86400.0
_SECRET_FIELDS: Final = ("assertion", "client_assertion", "client_secret", "code", "password", "refresh_token")
_ERRORS: Final[Mapping[str, tuple[type[ConnectorError], str]]] = {
    # RFC 6749 section 5.2
    "invalid_client": (AuthError, "Check the client id and its secret or key, and that the partner knows them."),
    "invalid_grant": (AuthError, "Have the partner's admin authorize the connection again and store what they get."),
    "unauthorized_client": (AccessDenied, "Have the partner's admin allow this grant type for the client."),
    "invalid_scope": (AccessDenied, "Have the partner's admin grant the scopes that the connector asks for."),
    "access_denied": (AccessDenied, "Have the partner's admin approve the connection."),
}


def header(auth: BasicAuth | BearerAuth | Token, masker: MaskRegister) -> str:
    """Return the Authorization header's value, its secret part registered for masking.

    Basic is RFC 7617 to the letter: the form-encoding that RFC 6749 section 2.3.1 asks of clients is undone by so
    few servers that those who need it encode the parts themselves.
    """
    if isinstance(auth, BasicAuth):
        secret = base64.b64encode(f"{auth.username}:{auth.password}".encode()).decode()
        masker.add(auth.password)
        masker.add(secret)
        return f"Basic {secret}"
    secret = auth.token if isinstance(auth, BearerAuth) else auth.access_token
    masker.add(secret)
    return f"Bearer {secret}"


def register_form(form: Mapping[str, str], masker: MaskRegister) -> None:
    """Register what is secret in a token request: assertions, passwords, refresh tokens."""
    for name in _SECRET_FIELDS:
        masker.add(form.get(name, ""))


def token_error(response: HttpResponse, target: str) -> ConnectorError | None:
    """Return what the error code of a token endpoint means; None for one that says nothing of its own."""
    try:
        reply = response.json()
    except ConnectorError:
        return None
    code = reply.get("error") if isinstance(reply, Mapping) else None
    if not isinstance(code, str) or code not in _ERRORS:
        return None
    kind, remedy = _ERRORS[code]
    return kind(
        f"{response.place} answered {response.status}: {response.excerpt}",
        remedy=f"{remedy} ({target})",
        code=f"oauth.{code}",
    )


def read_token(response: HttpResponse, now: datetime, masker: MaskRegister) -> tuple[Token, str]:
    """Return the token and the refresh token that came with it, if any. Raise `PartnerError`."""
    reply = response.json()
    if not isinstance(reply, Mapping):
        raise _no_token(response, "its JSON is no object")
    for name, value in reply.items():
        if _is_token(name) and isinstance(value, str):
            masker.add(value)
    access_token = reply.get("access_token")
    if not isinstance(access_token, str) or not access_token:
        raise _no_token(response, "there is no access_token in it")
    kind = reply.get("token_type", "bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise _no_token(response, "its token_type is not bearer")
    token = Token(
        access_token=access_token,
        expires_at=_expiry(reply.get("expires_in"), now),
        scope=str(reply.get("scope") or ""),
        reply={name: value for name, value in reply.items() if not _is_token(name)},
    )
    return token, str(reply.get("refresh_token") or "")


def _is_token(name: str) -> bool:
    return name.endswith("_token")


def _expiry(seconds: Any, now: datetime) -> datetime | None:
    """Return when `expires_in` (seconds, sometimes as text) is over; None when the partner does not say."""
    try:
        lifetime = float(seconds)
    except (TypeError, ValueError):
        return None
    return now + timedelta(seconds=lifetime) if 0 < lifetime < _LONGEST else None


def _no_token(response: HttpResponse, why: str) -> PartnerError:
    return PartnerError(
        f"{response.place} answered {response.status} without a usable token: {why}",
        remedy="Check that the token URL in the settings is the partner's token endpoint.",
        code="oauth.reply",
    )
