"""An exception becomes a failure: class, code, message, remedy, actor, fingerprint."""

import hashlib
import re
import traceback
from collections.abc import Callable
from pathlib import PurePath

from mkt.engine.report import Failure
from mkt.errors import ConnectorError

_VARIABLE = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|[\w.+-]*\d[\w.+-]*|https?://\S+|/\S+")


def failure_of(
    error: Exception, connector: str, tenant: str = "", mask: Callable[[str], str] = lambda text: text
) -> Failure:
    """Return what a person can act on. What is no `ConnectorError` is a bug, of which no text is repeated."""
    if not isinstance(error, ConnectorError):
        return _bug(error, connector)
    return Failure(
        error_class=error.error_class,
        code=error.code,
        message=mask(error.message),
        remedy=mask(error.remedy),
        actor=error.actor,
        fingerprint=fingerprint(connector, error.error_class, error.code, error.message, tenant),
        retry_at=error.retry_at,
    )


def fingerprint(connector: str, error_class: str, code: str, message: str, tenant: str = "") -> str:
    """Return a short id that equal causes share over tenants: the code or else the message without its variables."""
    cause = code
    if code == error_class:
        cause = _VARIABLE.sub("#", message.replace(tenant, "#") if tenant else message).casefold()
    text = f"{connector}\x00{error_class}\x00{cause}"
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _bug(error: Exception, connector: str) -> Failure:
    """Name the type and the place only: the text of an unforeseen exception may hold personal data."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
    message = f"connector {connector} failed with {type(error).__name__} at {place}"
    return Failure(
        error_class="bug",
        code=f"bug.{type(error).__name__}",
        message=message,
        remedy=f"Report it to the maintainer of {connector} with this line; the other integrations are not affected.",
        actor="us",
        fingerprint=fingerprint(connector, "bug", "bug", message),
    )
