"""Values as PostgreSQL's JSON takes them."""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

import orjson

# An escaped backslash before it makes other characters of it.
_NUL: Final = re.compile(rb"((?<!\\)(?:\\\\)*)\\u0000")


def as_json(value: Any) -> Any:
    """Return dicts, lists and scalars; raise `TypeError` for what is no JSON, such as half a character.

    PostgreSQL holds no NUL, in texts as in JSON: a replacement character stands in its place.
    """
    return orjson.loads(_NUL.sub(rb"\1\\ufffd", orjson.dumps(value, default=_standard)))


def as_text(value: Any) -> str:
    """Return a value as JSON text, for a column of text: a NUL is written as an escape there."""
    return orjson.dumps(value, default=_standard).decode()


def _standard(value: Any) -> Any:
    """Let orjson write what the contract calls JSON but is no dict or list."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence | AbstractSet):
        return list(value)
    raise TypeError(f"a {type(value).__name__} is no JSON")
