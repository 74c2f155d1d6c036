"""A line of a file with a spot marked, for any terminal and any log: short, aligned, and without secrets."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from rich.cells import cell_len

from mkt.configs.base import Position
from mkt.lint.scanning import Spot
from mkt.lint.tokens import known_tokens, random_texts

_TAB: Final = "    "
_BEFORE: Final = 60
"""Cells that are shown before the spot at most."""
_SPOT: Final = 80
_READ: Final = 2_000
"""Characters; where a spot has more before it, nothing of them is shown: a secret may have begun anywhere."""
_MORE: Final = "…"
HIDDEN: Final = "***"
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_NAMED: Final = re.compile(
    r"(?<![\w-])(?:[A-Z][A-Z0-9_]+|[\w-]*(?i:passw(?:or)?d|pwd|secret|token|(?:api|private)[_-]?key|credentials?))"
    r"[\"']?[ \t]*:[ \t]*+(?=\S)"
)
"""A name that secrets have, in front of its value."""
_REFERENCE: Final = re.compile(r"[\"']?(?:env|keyring|file|supabase):(?!//)")
_IN_BRACES: Final = re.compile(r"\"(?:[^\"\\]|\\.)*+\"?|'[^']*+'?|[^,}]*+")
"""A value that others can follow; one in a line of its own has all of the line."""
_KEY: Final = re.compile(r"[\"']?\s*:")
"""What follows a spot that is a name and not a value."""
_USERINFO: Final = re.compile(r"(://)[^/@\s]+@")


def excerpt(text: str, position: Position, *, secret: bool) -> tuple[str, str]:
    """Return the line up to the end of the marked spot, and the marks below it.

    What follows the spot is left out and values of secrets are hidden: a log of CI is read by many, and a file
    that is wrong may hold anything. `secret` says that the spot itself is one, unless it is a key.
    """
    start = min(position.column - 1, len(text))
    alone = position.end_line == position.line
    end = max(min(position.end_column - 1, len(text)) if alone else len(text), start)
    before = hidden(text[:start]) if start <= _READ else _MORE
    value = start <= _READ and any(
        spot.start <= start < spot.end for spot in _values(text[: min(end, start + _READ)])
    )
    named = is_key(text, end)
    spot = HIDDEN if value or (secret and not named) else _masked(text[start : min(end, start + _READ)])
    left, marked = _ending(visible(before), _BEFORE), _beginning(visible(spot), _SPOT)
    rest = f" {_MORE}" if text[end:].strip() else ""
    return f"{left}{marked}{rest}", " " * cell_len(left) + "^" * max(cell_len(marked), 1)


def is_key(text: str, end: int) -> bool:
    """Tell whether what ends there is a key, which is a name and no secret."""
    return bool(_KEY.match(text, end))


def hidden(text: str) -> str:
    """Return the text without what is a secret by its place, or may be one by its looks."""
    text = _masked(text)
    return _cut(text, random_texts(text))


def _masked(text: str) -> str:
    text = _USERINFO.sub(rf"\1{HIDDEN}@", _cut(text, _values(text)))
    return _cut(text, known_tokens(text))


def names_a_place(text: str) -> bool:
    """Tell whether a value only says where the secret is."""
    return bool(_REFERENCE.match(text))


def _values(text: str) -> Iterator[Spot]:
    """Find the values of what is called as secrets are, references left out."""
    end = 0
    for name in _NAMED.finditer(text):
        start = name.end()
        if name.start() < end or _REFERENCE.match(text, start):
            continue
        inside = _IN_BRACES.match(text, start) if "{" in text[: name.start()] else None
        end = inside.end() if inside else len(text)
        yield Spot(start, end, "")


def _cut(text: str, spots: Iterable[Spot]) -> str:
    for spot in reversed(list(spots)):
        text = f"{text[: spot.start]}{HIDDEN}{text[spot.end :]}"
    return text


def visible(text: str) -> str:
    r"""Return the text with tabs as blanks, and with what cannot be seen as `\u202e`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_seen(letter) for letter in text)


def _seen(letter: str) -> str:
    if letter == "\t":
        return _TAB
    if unicodedata.category(letter) not in _INVISIBLE:
        return letter
    return letter.encode("unicode_escape").decode()


def _ending(text: str, cells: int) -> str:
    """Return the end of a text that is too long."""
    return _beginning(text[::-1], cells)[::-1]


def _beginning(text: str, cells: int) -> str:
    """Return the beginning of a text that is too long, with a sign of what is left out."""
    if cell_len(text[: cells + 1]) <= cells:
        return text
    kept, used = "", len(_MORE)
    for letter in text:
        used += cell_len(letter)
        if used > cells:
            break
        kept += letter
    return kept + _MORE
