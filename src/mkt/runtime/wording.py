"""How URLs and a partner's own words appear in errors: no secrets, nothing personal, nothing that breaks a line."""

import re
from typing import Any, Final

import httpx
import orjson

from mkt.runtime.masking import MaskRegister

_EXCERPT: Final = 200
_PARSED: Final = 1024 * 1024
_DEEPEST: Final = 4
# In the order in which partners put their best sentence: HubSpot, SCIM, OneRoster, SOAP, OAuth, lists of errors.
_KEYS: Final = (
    "error_description",
    "message",
    "detail",
    "imsx_description",
    "faultstring",
    "title",
    "error",
    "errors",
)
_EMAIL: Final = re.compile(r"[^\s@\"'<>(),:;=/?&]{1,64}@[^\s@\"'<>(),:;=/?&]{1,255}")
# An HTML page's title, or what a SOAP fault says.
_TITLE: Final = re.compile(r"<(?:\w+:)?(title|faultstring)\b[^>]*>([^<]*)</", re.IGNORECASE)


def shown_url(url: httpx.URL, masker: MaskRegister) -> str:
    """Return the URL without values: the names of query parameters stay, what looks personal goes."""
    keys = "&".join(dict.fromkeys(url.params.keys()))
    shown = f"{url.scheme}://{url.netloc.decode('ascii')}{url.path}" + (f"?{keys}" if keys else "")
    return _EMAIL.sub("…", _line(masker.mask(shown)))


def excerpt(content: bytes, masker: MaskRegister) -> str:
    """Return the partner's own message in at most 200 characters; empty where there is none."""
    words = _said(content[:_PARSED])
    # Masked before it is shortened: half a secret would no longer be known as one.
    shown = _EMAIL.sub("…@…", _line(masker.mask(words)[: 8 * _EXCERPT]))
    return shown if len(shown) <= _EXCERPT else f"{shown[: _EXCERPT - 1]}…"


def is_html(content_type: str, content: bytes) -> bool:
    """Tell a page for people from data."""
    start = content[:256].lstrip().lower()
    return "text/html" in content_type.lower() or start.startswith((b"<!doctype html", b"<html"))


def _line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _said(content: bytes) -> str:
    text = content.decode(errors="replace")
    if text.lstrip().startswith("<"):
        title = _TITLE.search(text)
        return title[2] if title else ""
    try:
        return _from_json(orjson.loads(content))
    except orjson.JSONDecodeError:
        return text


def _from_json(document: Any, depth: int = 0) -> str:
    if isinstance(document, str):
        return document
    if depth > _DEEPEST:
        return ""
    if isinstance(document, list):
        return next((said for item in document if (said := _from_json(item, depth + 1))), "")
    if not isinstance(document, dict):
        return ""
    said = next((said for key in _KEYS if (said := _from_json(document.get(key), depth + 1))), "")
    code = document.get("error")
    return f"{code}: {said}" if isinstance(code, str) and said and said != code else said
