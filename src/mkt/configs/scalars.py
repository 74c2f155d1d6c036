"""Plain scalars by the core schema of YAML 1.2.2, section 10.3.2: `no`, `on`, `1:30` and dates are text."""

import math
import re
from typing import Final

WORDS: Final[dict[str, bool | None]] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER: Final = re.compile(r"[-+]?[0-9]+\Z")
_OTHER_BASE: Final = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")
_NUMBER_STARTS: Final = frozenset("-+.0123456789")
LIMIT: Final = 2**63
_LONGEST: Final = 400
"""Characters; a longer integer is out of range in any base, and Python refuses to read far longer ones."""

TYPED_STARTS: Final = _NUMBER_STARTS | frozenset("~nNtTfF")
"""Text that begins with another character is text, which spares most scalars the way through `resolve`."""


def resolve(text: str) -> str | bool | float | None:
    """Return what a plain scalar means; raise ValueError for a number that JSON and the stores cannot hold."""
    if text in WORDS:
        return WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if _INTEGER.match(text):
        return _integer(text, 10)
    if _OTHER_BASE.match(text):
        return _integer(text, 0)
    if _FLOAT.match(text) or _NOT_FINITE.match(text):
        return _float(text)
    return text


def _integer(text: str, base: int) -> int:
    number = int(text, base) if len(text) <= _LONGEST else LIMIT
    if not -LIMIT <= number < LIMIT:
        raise ValueError("a whole number beyond 64 bits")
    return number


def _float(text: str) -> float:
    number = math.inf if _NOT_FINITE.match(text) else float(text)
    if not math.isfinite(number):
        raise ValueError("a number without a finite value")
    return number
