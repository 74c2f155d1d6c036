"""How values stand in columns: times as fixed-width UTC text, which compares as it sorts; JSON as text."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any

import orjson


def stamp(moment: datetime) -> str:
    """Return an aware time as text: `2026-11-22T18:00:00.123456Z`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def stamp_or_none(moment: datetime | None) -> str | None:
    """Return a time as text, NULL for None."""
    return None if moment is None else stamp(moment)


def moment(text: str) -> datetime:
    """Return the aware time that `stamp` wrote."""
    return datetime.fromisoformat(text)


def moment_or_none(text: str | None) -> datetime | None:
    """Return a time, None for NULL."""
    return None if text is None else moment(text)


def _plain(value: Any) -> Any:
    """Let orjson write what the contract calls JSON but is no dict or list."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence | AbstractSet):
        return list(value)
    raise TypeError(f"a {type(value).__name__} is no JSON")


def dump(value: Any) -> str:
    """Return a value as JSON text."""
    return orjson.dumps(value, default=_plain).decode()


def dump_or_none(value: Any) -> str | None:
    """Return JSON text, NULL for None."""
    return None if value is None else dump(value)


def load(text: str | None) -> Any:
    """Return the value of JSON text, None for NULL."""
    return None if text is None else orjson.loads(text)


def id_list(ids: Iterable[str]) -> str:
    """Return ids as the JSON array that `json_each` takes: one parameter for any number of them."""
    return dump(list(ids))
