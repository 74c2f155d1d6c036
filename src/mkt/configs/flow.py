"""A value as YAML in one line: what mkt writes into a tenant's file."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

from mkt.configs.scalars import resolve
from mkt.contract import Json

_PLAIN: Final = re.compile(r"\w(?:[\w ./()+-]*[\w./()+-])?", re.ASCII)
_URL: Final = re.compile(r"https?://[\w./-]+", re.ASCII)
_ONLY_ESCAPED: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""YAML refuses some of these where they stand bare, and takes others for a line break or a byte order mark."""


def flow(value: Json, *, quoted: bool = False) -> str:
    """Return a value in flow style; `quoted` puts all text in double quotes, as JSON does."""
    if isinstance(value, str):
        return _in_quotes(value) if quoted or not _is_plain(value) else value
    if isinstance(value, Mapping):
        pairs = (f"{flow(key, quoted=quoted)}: {flow(item, quoted=quoted)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, Sequence):
        return f"[{', '.join(flow(item, quoted=quoted) for item in value)}]"
    return json.dumps(value)


def _in_quotes(text: str) -> str:
    return _ONLY_ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def _is_plain(text: str) -> bool:
    """Tell whether text without quotes is read as this text, also within brackets."""
    if _URL.fullmatch(text):
        return True
    try:
        return bool(_PLAIN.fullmatch(text)) and isinstance(resolve(text), str)
    except ValueError:  # a number beyond what is read
        return False
