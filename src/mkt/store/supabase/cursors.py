"""Cursors as the database's JSON holds them: it has no NUL, and a partner's may have one."""

from typing import Any, Final

import orjson

from mkt.contract import Json
from mkt.store.supabase.json_values import as_json, as_text

_TEXT: Final = "json"
_NUL: Final = "\\u0000"


def stored_cursor(cursor: Json) -> Any:
    """Return what stands in the table for it: itself, unless it has a NUL."""
    known = as_text(cursor)
    return {_TEXT: known} if _NUL in known else as_json(cursor)


def cursor_of(stored: Any) -> Json:
    """Return the cursor that stands there."""
    if isinstance(stored, dict) and stored.keys() == {_TEXT} and _NUL in str(stored[_TEXT]):
        cursor: Json = orjson.loads(stored[_TEXT])
        return cursor
    found: Json = stored
    return found
