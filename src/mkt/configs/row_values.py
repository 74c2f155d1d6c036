"""What a row may hold: what a file can say too. A database takes more: any number, any depth, control characters."""

from collections.abc import Iterator, Mapping
from typing import Final

from mkt.configs import codes
from mkt.configs.document import CONTROL, Path
from mkt.configs.findings import Finding
from mkt.configs.scalars import LIMIT
from mkt.configs.syntax import DEEPEST
from mkt.contract import Json

_LEAVE_OUT: Final = "Leave it out."


def judged_values(value: Json, path: Path = ()) -> Iterator[tuple[str, Finding]]:
    """Return what no file could say, each with the code that it would have there. Nothing is raised."""
    if len(path) > DEEPEST:
        place = ".".join(map(str, path[:3]))
        message = f"{place} is nested deeper than {DEEPEST} levels"
        yield codes.TOO_DEEP, Finding("value", path, message, "Write it flatter.")
    elif isinstance(value, Mapping):
        yield from _mapping(value, path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from judged_values(item, (*path, index))
    elif isinstance(value, str) and not CONTROL.isdisjoint(value):
        yield codes.ENCODING, Finding("value", path, f"{_dotted(path)} has a control character in it", _LEAVE_OUT)
    elif isinstance(value, int) and not -LIMIT <= value < LIMIT:
        message = f"{_dotted(path)}: a whole number beyond 64 bits cannot be stored"
        yield codes.NUMBER_RANGE, Finding("value", path, message, "Put it in quotes if it is an id.")


def _mapping(value: Mapping[str, Json], path: Path) -> Iterator[tuple[str, Finding]]:
    for key, item in value.items():
        if CONTROL.isdisjoint(key):
            yield from judged_values(item, (*path, key))
        else:
            message = f"a key under {_dotted(path) or 'the row'} has a control character in it"
            yield codes.ENCODING, Finding("value", path, message, _LEAVE_OUT)


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))
