"""An integration in one form, whether a file or a row says it: what two of them say the same is the same here."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from mkt.contract import Json

Entry: TypeAlias = Mapping[str, Json]
COLUMNS: Final = (
    "connector",
    "labels",
    "enabled",
    "disabled",
    "schedule",
    "timezone",
    "settings",
    "secrets",
    "guard",
)
"""Of a row; tenant and name are its key."""
_DEFAULTS: Final[Mapping[str, Json]] = {"enabled": True, "labels": {}, "settings": {}, "secrets": {}, "guard": {}}
_IN_A_ROW: Final[Mapping[str, Json]] = {"enabled": True, "labels": {}, "settings": {}, "secrets": {}}
"""What stands in a column where nothing was said; NULL in the others."""


def of_file(entry: Entry, labels: Json) -> dict[str, Json]:
    """Return an entry of a tenant's file in the one form; the labels of its tenant are its own in a row."""
    cron = {"schedule": entry["schedule"] or ""} if "schedule" in entry else {}
    given: dict[str, Json] = {**entry, **cron, "name": entry.get("name") or entry["connector"], "labels": labels}
    return _plain(given)


def of_row(row: Mapping[str, Any]) -> dict[str, Json]:
    """Return a row in the one form. A schedule of NULL is the operator's default, an empty one none at all."""
    return _plain({"name": row["name"], **{column: row[column] for column in COLUMNS}})


def digest(entry: Entry) -> str:
    """Return what is another text where the entry says something else."""
    text = json.dumps(entry, sort_keys=True, separators=(",", ":"))  # orjson refuses the numbers that a row may hold
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def as_row(entry: Entry) -> dict[str, Json]:
    """Return the columns of the row that says the same."""
    return {column: entry.get(column, _IN_A_ROW.get(column)) for column in COLUMNS}


def as_written(entry: Entry) -> dict[str, Json]:
    """Return the keys of the file's entry that says the same; its labels are the tenant's."""
    order = ("name", *COLUMNS)
    found = {key: entry[key] for key in order if key in entry and key != "labels"}
    return {**found, "schedule": None} if found.get("schedule") == "" else found


def _plain(given: Mapping[str, Json]) -> dict[str, Json]:
    """Leave out what says nothing."""
    found = {key: _value(key, value) for key, value in given.items() if value is not None}
    return {key: value for key, value in found.items() if not _says_nothing(key, value)}


def _value(key: str, value: Json) -> Json:
    if key in ("disabled", "guard") and isinstance(value, Mapping):
        value = {name: item for name, item in value.items() if item not in (None, "")}
    return _numbers(value)


def _says_nothing(key: str, value: Json) -> bool:
    return key in _DEFAULTS and value == _DEFAULTS[key]


def _numbers(value: Json) -> Json:
    """Write whole numbers as such: the database keeps no difference between 1 and 1.0."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return value
