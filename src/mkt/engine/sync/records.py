"""A connector's changes become rows: validated, encoded, hashed. A bad record is left out and counted."""

from collections import Counter
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

import orjson

from mkt.contract import FIELDS, Complete, Deleted, FieldType, PartnerError, Record, Stream
from mkt.store.base import DIGEST_BYTES, Row

MAX_BYTES: Final = 1_000_000
MAX_KEY_BYTES: Final = 2000
"""Of an external id and its scope: an index of PostgreSQL takes 2,700 bytes, and the integration's name with them."""
PLACES_KEPT: Final = 5
_TYPES: Final[Mapping[FieldType, tuple[type, ...]]] = {
    "text": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "real": (float, int),
    "list": (list, tuple),
}
_USUAL: Final = {stream: {n: _TYPES[t][0] for n, t in fields.items()} for stream, fields in FIELDS.items()}
_NUL: Final = b"\\u0000"


class BadRecordError(Exception):
    """Why a record is left out, without any of its values."""


class Encoder:
    """Turns the records of one run into rows and counts those that it leaves out."""

    def __init__(self) -> None:
        self.listed: Counter[Stream] = Counter()
        self.invalid: Counter[Stream] = Counter()
        self.places: dict[Stream, list[str]] = {}

    def row(self, record: Record) -> Row | None:
        """Return the row, None for a record that is left out."""
        stream, external_id, _, scope = record
        self.listed[stream] += 1
        try:
            document = encode(record)
        except BadRecordError as error:
            self.invalid[stream] += 1
            places = self.places.setdefault(stream, [])
            if len(places) < PLACES_KEPT:
                places.append(f"record {self.listed[stream]} of this run: {error}")
            return None
        digest = blake2b(document, digest_size=DIGEST_BYTES).digest()
        return Row(stream, external_id, scope, document, digest)

    @staticmethod
    def gone(deleted: Deleted) -> Row | None:
        """Return the row, None for an id that no record can have."""
        try:
            _check_key(deleted.external_id)
        except BadRecordError:
            return None
        return Row(deleted.stream, deleted.external_id, "", None, b"")


def encode(record: Record) -> bytes:
    """Return the record's data as canonical JSON; raise `BadRecordError` that says what is wrong with it."""
    stream, external_id, data, scope = record  # whole: each name costs as much as the four of them
    if external_id.__class__ is not str or not external_id:
        raise BadRecordError(_wrong_id(external_id))
    key = external_id + scope
    if len(key) > MAX_KEY_BYTES or not key.isascii() or "\0" in key:
        _check_key(key)
    usual = _USUAL[stream]  # a type is compared in half the time that looking among several takes
    try:
        for name, value in data.items():
            if value.__class__ is not usual[name] and value is not None:
                _check_type(stream, name, value)
    except KeyError as unknown:
        raise BadRecordError(f"{_printable(unknown.args[0])} is no field of {stream}") from None
    try:
        document = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        raise BadRecordError("a value or a text that JSON cannot hold") from None
    if len(document) > MAX_BYTES:
        raise BadRecordError(f"{len(document)} bytes, {MAX_BYTES} are the most")
    if b"\\" in document and _NUL in document and _has_nul(data):  # a single byte is found much faster
        raise BadRecordError("NUL in a text")
    return document


def check_scope(complete: Complete) -> None:
    """Raise `PartnerError` for a scope that no store can keep: left out, what has left it would stay for ever."""
    try:
        _check_key(complete.scope, "it")
    except BadRecordError as error:
        raise PartnerError(
            f"a scope of {complete.stream} was listed that cannot be stored: {error}",
            remedy="Ask the partner to mend the id of that part of the stream, such as a course.",
            code="partner.bad_scope",
        ) from None


def _check_key(key: str, what: str = "the external id") -> None:
    if "\0" in key:
        raise BadRecordError(f"NUL in {what}")
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise BadRecordError(f"a broken character in {what}") from None
    if size > MAX_KEY_BYTES:
        raise BadRecordError(f"{size} bytes of external id and scope, {MAX_KEY_BYTES} are the most")


def _wrong_id(value: object) -> str:
    if value in (None, ""):
        return "no external id"
    return f"external id is {type(value).__name__}, expected text"


def _check_type(stream: Stream, name: str, value: object) -> None:
    expected = FIELDS[stream][name]
    if value.__class__ not in _TYPES[expected]:
        raise BadRecordError(f"{name} is {type(value).__name__}, expected {expected}")


def _printable(name: object) -> str:
    return str(name).encode(errors="backslashreplace").decode()


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, Mapping):
        return any(_has_nul(item) for item in (*value, *value.values()))
    return isinstance(value, list | tuple) and any(_has_nul(item) for item in value)
