"""An exception becomes a failure: class, code, message, remedy, actor, fingerprint."""

import hashlib
import traceback
from collections.abc import Callable
from pathlib import PurePath
from typing import Final

from mkt.engine.report import Failure
from mkt.engine.triage.cause_words import normalized
from mkt.errors import ConnectorError

_GENERAL: Final = frozenset(
    {"auth", "config", "http", "local", "network", "oauth", "partner", "permission", "rate_limit", "transient"}
)
"""First parts of the codes that mkt gives itself: they say what kind of thing happened, the message says what."""


def failure_of(
    error: Exception, connector: str, tenant: str = "", mask: Callable[[str], str] = lambda text: text
) -> Failure:
    """Return what a person can act on. What is no `ConnectorError` is a bug, of which no text is repeated."""
    if not isinstance(error, ConnectorError):
        return _bug(error, connector)
    message = mask(error.message)
    return Failure(
        error_class=error.error_class,
        code=error.code,
        message=message,
        remedy=mask(error.remedy),
        actor=error.actor,
        fingerprint=fingerprint(connector, error.error_class, error.code, message, tenant),
        retry_at=error.retry_at,
    )


def fingerprint(connector: str, error_class: str, code: str, message: str, tenant: str = "") -> str:
    """Return a short id that equal causes share over tenants, and that two causes never share.

    A connector's own code (`workday.no_report`) is the cause, whatever the message adds; one that mkt gives itself
    (`http.503`) is told apart by the words of its message.
    """
    general = code.partition(".")[0] in _GENERAL
    text = "\x00".join((connector, error_class, code, normalized(message, tenant) if general else ""))
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=6).hexdigest()


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
        fingerprint=fingerprint(connector, "bug", f"bug.{type(error).__name__}.{place}", message),
    )
