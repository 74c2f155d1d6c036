"""`context.state`: small JSON values that an integration remembers.

A value stands there as the text that it was written as. A name may be what a stranger sent, such as a nonce: whatever
it holds and however long it is, the database takes it.
"""

import hashlib
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

import orjson

from mkt.contract import Json
from mkt.store.base import Key
from mkt.store.supabase.calls import Part
from mkt.store.supabase.json_values import as_text

_LONGEST: Final = 500
"""Bytes of a name: an index takes no more than 2,700 for the whole key."""


def stored_name(name: str) -> str:
    """Return what a name is called in the table, without NUL and half characters; another one for every name."""
    known = name.replace("\\", "\\\\").replace("\0", "\\0").encode("utf-8", "backslashreplace")
    if len(known) <= _LONGEST:
        return known.decode()
    return f"{known[:100].decode(errors='ignore')}\\#{hashlib.sha256(known).hexdigest()}"


def entry(name: str, value: Json, expires_at: datetime | None) -> dict[str, Any]:
    """Return a put as `mkt_private.put_memory` takes it."""
    return {"name": stored_name(name), "value": as_text(value), "expires_at": expires_at and expires_at.isoformat()}


class Memory(Part):
    """`context.state`."""

    def memory_get(self, key: Key, name: str, now: datetime) -> Json:
        return _value(self._calls.call("mkt_memory_get", _named(key, name, now)))

    def memory_put(self, key: Key, name: str, value: Json, expires_at: datetime | None) -> None:
        entries = [entry(name, value, expires_at)]
        self._calls.call("mkt_memory_put", {"tenant": key.tenant, "integration": key.integration, "entries": entries})

    def memory_take(self, key: Key, name: str, now: datetime) -> Json:
        return _value(self._calls.call("mkt_memory_take", {**_named(key, name, now), "attempt": str(uuid4())}))


def _named(key: Key, name: str, now: datetime) -> dict[str, Any]:
    return {
        "tenant": key.tenant,
        "integration": key.integration,
        "name": stored_name(name),
        "now": now.isoformat(),
    }


def _value(found: str | None) -> Json:
    value: Json = None if found is None else orjson.loads(found)
    return value
