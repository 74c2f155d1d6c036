"""Secret values leave no output: each registered value is replaced by `***`, in every form it is written in.

Forms: as it is, URL-encoded, base64 (alone or inside something longer, as in `user:password`), escaped for JSON,
for XML and by Python's repr; of a text of several lines (a PEM key) also each long line. A value of fewer than
four characters is masked as a whole word only and in no other form: it would tear up any text.
"""

import base64
import html
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import date, time
from typing import Any, Final
from urllib.parse import quote, quote_plus

MASK: Final = "***"
_WORD_BELOW: Final = 4
_EMBEDDED_FROM: Final = 6
_LINE_FROM: Final = 16
_KEPT: Final = 4096
_OBEYED: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_HALF: Final = re.compile("[\ud800-\udfff]")
_BITS: Final = 64
"""Of the whole numbers that JSON is written with."""
_OBJECTS: Final = (dict, Mapping)
_ARRAYS: Final = (list, tuple, set, frozenset)
_DEEPEST: Final = 50
"""Levels of an event's details: an encoder, a database and who reads them have their limits."""


class MaskRegister:
    """A thread-safe set of values to mask; with a limit, the oldest are forgotten first."""

    def __init__(self, *, limit: int | None = None) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._forms: dict[str, frozenset[str]] = {}

    def add(self, value: str) -> None:
        """Mask this value from now on."""
        if value:
            self.keep(value, self._forms.get(value) or frozenset(_forms(value)))

    def keep(self, value: str, forms: frozenset[str]) -> None:
        """Mask these forms of a value."""
        with self._lock:
            # Taken out first, so that it counts as the newest.
            self._forms.pop(value, None)
            self._forms[value] = forms
            if self._limit is not None and len(self._forms) > self._limit:
                del self._forms[next(iter(self._forms))]

    def mask(self, text: str) -> str:
        """Return the text with each stretch that belongs to a registered value replaced.

        Half a character, as a partner leaves it that cuts its texts at a number of bytes, is replaced too: no output
        and no store takes it.
        """
        with self._lock:
            registered = list(self._forms.items())
        spans = sorted(span for value, forms in registered for span in _spans(text, value, forms))
        masked = _cut(text, spans) if spans else text
        return masked if masked.isascii() else _HALF.sub("\ufffd", masked)

    def mask_json(self, value: Any, depth: int = _DEEPEST) -> Any:
        """Return the same structure with every text in it masked, keys included.

        What JSON does not have becomes text: an event with a decimal in it is an event, and takes no other with it.
        """
        if isinstance(value, str):
            return self.mask(value)
        if value is None or isinstance(value, float) or (isinstance(value, int) and value.bit_length() < _BITS):
            return value
        if depth == 0 and isinstance(value, _OBJECTS + _ARRAYS):
            return "…"
        if isinstance(value, _OBJECTS):
            return {self.mask(str(key)): self.mask_json(item, depth - 1) for key, item in value.items()}
        if isinstance(value, _ARRAYS):
            return [self.mask_json(item, depth - 1) for item in value]
        return value.isoformat() if isinstance(value, date | time) else self.mask(str(value))


PROCESS: Final = MaskRegister(limit=_KEPT)
"""Every value that any `Masker` of this process has seen lately: for tracebacks and logs, which belong to no call."""


def for_terminal(text: str) -> str:
    """Take out every secret that this process has seen, and what a terminal would obey."""
    return _OBEYED.sub("?", PROCESS.mask(text))


class Masker(MaskRegister):
    """The values of one integration's call."""

    def keep(self, value: str, forms: frozenset[str]) -> None:
        super().keep(value, forms)
        PROCESS.keep(value, forms)


def _spans(text: str, value: str, forms: frozenset[str]) -> Iterator[tuple[int, int]]:
    if len(value) < _WORD_BELOW:
        yield from (match.span() for match in _whole_word(value).finditer(text))
        return
    for form in forms:
        start = text.find(form)
        while start >= 0:
            yield start, start + len(form)
            start = text.find(form, start + 1)


def _whole_word(value: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(value)}(?!\w)")


def _cut(text: str, spans: list[tuple[int, int]]) -> str:
    """Replace the spans, sorted by start; those that touch or overlap become one mask."""
    parts: list[str] = []
    end = -1
    for start, stop in spans:
        if start > end:
            parts += (text[max(end, 0) : start], MASK)
        end = max(end, stop)
    return "".join(parts) + text[end:]


def _forms(value: str) -> Iterator[str]:
    pieces = {value, value.strip(), *(line for line in value.split() if len(line) >= _LINE_FROM)}
    for piece in pieces:
        if len(piece) >= _WORD_BELOW:
            yield from _written(piece)


def _written(value: str) -> Iterator[str]:
    yield value
    for encode in (_quote_all, quote, quote_plus):
        yield from _both_cases(encode(value, errors="surrogatepass"), r"%[0-9A-F]{2}", str.lower)
    for ascii_only in (True, False):
        escaped = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        for text in (escaped, escaped.replace("/", "\\/")):
            yield from _both_cases(text, r"\\u[0-9a-f]{4}", _upper_escape)
    yield repr(value)[1:-1]
    yield html.escape(value)
    yield html.escape(value, quote=False)
    yield from _base64(value.encode(errors="surrogatepass"))


def _quote_all(text: str, *, errors: str) -> str:
    return quote(text, safe="", errors=errors)


def _both_cases(text: str, escapes: str, other: Callable[[str], str]) -> Iterator[str]:
    yield text
    yield re.sub(escapes, lambda match: other(match[0]), text)


def _upper_escape(escape: str) -> str:
    return escape[:2] + escape[2:].upper()


def _base64(raw: bytes) -> Iterator[str]:
    yield from _alphabets(base64.b64encode(raw).rstrip(b"=").decode())
    if len(raw) < _EMBEDDED_FROM:
        return
    # Only the characters that the value alone decides: 6 bits each, from 8 * before to 8 * (before + length).
    for before in range(3):
        text = base64.b64encode(b"\0" * before + raw).decode()
        yield from _alphabets(text[-(-8 * before // 6) : 8 * (before + len(raw)) // 6])


def _alphabets(standard: str) -> Iterator[str]:
    yield standard
    yield standard.replace("+", "-").replace("/", "_")
    yield quote(standard, safe="")
    yield _quote_all(standard, errors="strict").replace("%2B", "%2b").replace("%2F", "%2f")
