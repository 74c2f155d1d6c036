"""The pages that people see: plain HTML that works in a frame, without script but for sending a form by itself.

Every value is escaped where it is filled in. The Content-Security-Policy allows our one style and our one script (by
their digests), frames and forms of the platform, and nothing else.
"""

import hashlib
import html
from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from string import Template, punctuation
from typing import Final
from urllib.parse import quote

from mkt.connectors.lti_1p3_deeplink.refusal import LaunchRefused
from mkt.contract import WebhookResponse

_FOLDER: Final = Path(__file__).parent / "templates"


class Markup(str):
    """HTML that was made here: it is filled in as it is."""

    __slots__ = ()


def fill(template: str, **values: str) -> Markup:
    """Fill a template in; what is no `Markup` is escaped."""
    safe = {n: v if isinstance(v, Markup) else html.escape(v) for n, v in values.items()}
    return Markup(_template(template).substitute(safe))


def join(parts: Iterable[Markup]) -> Markup:
    """Put pieces one after the other."""
    return Markup("".join(parts))


def page(
    title: str,
    body: Markup,
    frames: Iterable[str],
    *,
    status: int = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
) -> WebhookResponse:
    """Return a whole page; `frames` are the origins that may show it and that its forms may go to."""
    script, style = (Markup(_text(name)) for name in ("page.js", "page.css"))
    content = fill("page.html", title=title, body=body, script=script, style=style)
    return WebhookResponse(status, {**_headers(list(frames)), **(headers or {})}, content.encode())


def redirect(status: int, url: str, headers: Mapping[str, str] | None = None) -> WebhookResponse:
    """Send the browser to an address, which may have letters that no header can have."""
    location = quote(url, safe=punctuation)
    own = {"Location": location, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return WebhookResponse(status, {**own, **(headers or {})})


def refusal_page(refused: LaunchRefused, reference: str, frames: Iterable[str]) -> WebhookResponse:
    """Say that it did not work, with what was received and the delivery's id in the ledger."""
    rows = {name: value for name, value in refused.received.items() if value}
    received = join(
        fill("received.html", name=name, value=value) for name, value in {**rows, "reference": reference}.items()
    )
    sentence = refused.message[:1].upper() + refused.message[1:]
    body = fill("refused.html", message=sentence, advice=refused.advice, received=received)
    return page("This did not work", body, frames, status=refused.status)


def _headers(frames: list[str]) -> Mapping[str, str]:
    allowed = " ".join(("'self'", *frames))
    policy = {
        "default-src": "'none'",
        "style-src": _digest("page.css"),
        "script-src": _digest("page.js"),
        "form-action": allowed,
        "frame-ancestors": allowed,
        "base-uri": "'none'",
    }
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


@cache
def _digest(name: str) -> str:
    digest = hashlib.sha256(_text(name).encode()).digest()
    return f"'sha256-{b64encode(digest).decode()}'"


@cache
def _template(name: str) -> Template:
    return Template(_text(name))


@cache
def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
