"""MKT113 to MKT115: what mkt reads, and other readers of YAML, people among them, read differently."""

import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import date
from functools import lru_cache
from typing import Any, Final, NamedTuple

from mkt.configs import codes
from mkt.configs.base import Edit, Fix, Position, Problem
from mkt.configs.connector_settings import judge as judge_settings
from mkt.configs.document import Document, Path, Scalar
from mkt.configs.scalars import resolve
from mkt.configs.structure import TenantFile
from mkt.lint.base import WrittenIntegration
from mkt.lint.scanning import Scalars, Spot, placed
from mkt.registry import BrokenConnectorError


class _Trap(NamedTuple):
    """A way to write a plain scalar, and what YAML 1.1 makes of it; `{}` stands for the scalar."""

    pattern: str
    message: str


_TRAPS: Final = (
    _Trap(r"[yY](?:es)?|YES|[oO]n|ON", "{} is text here, and true to readers of YAML 1.1"),
    _Trap(r"[nN]o?|NO|[oO]ff|OFF", "{} is text here, and false to readers of YAML 1.1"),
    _Trap(r"~", "{} is empty (null) here, and looks like text such as a home folder"),
    _Trap(r"[-+]?0[0-9]+", "{} is the number {value} here, and another one, octal, to readers of YAML 1.1"),
    _Trap(r"0o[0-7]+", "{} is the number {value} here, and text to readers of YAML 1.1"),
    _Trap(r"[-+]?0b[01_]+", "{} is text here, and a binary number to readers of YAML 1.1"),
    _Trap(
        r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?",
        "{} is text here, and to readers of YAML 1.1 a number, base 60",
    ),
    _Trap(r"[-+]?[0-9]+_[0-9_]*(?:\.[0-9_]*)?", "{} is text here, and a number to readers of YAML 1.1"),
    _Trap(r"[-+]?[0-9]+[eE][-+]?[0-9]+", "{} is a number here, and text to readers of YAML 1.1"),
    _Trap(
        r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ][0-9:.+ Zz-]*)?", "{} is text here, and a date to readers of YAML 1.1"
    ),
)
_PATTERNS: Final = "|".join(f"({trap.pattern})" for trap in _TRAPS)
_TRAP: Final = re.compile(rf"(?:{_PATTERNS})\Z")
_BEGINNINGS: Final = "(?=[-+0-9~]|[yYnNoO][A-Za-z]{0,2}(?![A-Za-z]))"
"""What each of them begins with: a first look that saves two thirds of the time of trying them all."""
_GLANCE: Final = re.compile(rf"[:,\[{{\n-][ \t]*+{_BEGINNINGS}(?:{_PATTERNS})(?=[ \t]*+(?:[,:\]}}\r\n#]|\Z))")
_DATES: Final = len(_TRAPS)
_EMPTY: Final = 3
_LONGEST: Final = 40
"""Characters; what is longer is no trap."""


def judge_file(file: TenantFile) -> Iterator[Problem]:
    """Find the byte order mark, tabs, and the traps outside of settings."""
    document = file.document
    if document.content.startswith(codecs.BOM_UTF8):
        message = "the file begins with a byte order mark, which not every reader skips"
        yield Problem(codes.BYTE_ORDER_MARK, message, Position(document.path), "Save it as UTF-8 without one.")
    if b"\t" in document.content:
        yield from _tabs(document)
    if _may_hold_trap(document.text):
        outside = (scalar for scalar in document.scalars() if not _is_setting(scalar.path))
        yield from _traps(document, _not_refused(file, outside))


def judge(written: WrittenIntegration) -> Iterator[Problem]:
    """Find the traps in settings that the connector takes as they are."""
    document = written.file.document
    if not _may_hold_trap(document.text):
        return
    base = ("integrations", written.index)
    wrong, typed = _settings(written)
    refused = {document.position((*base, *path), key=key) for path in wrong for key in (False, True)}
    for problem in _traps(document, document.scalars((*base, "settings")), lambda path: _is_day(typed, path[3:])):
        if problem.position not in refused:
            yield problem


def _settings(written: WrittenIntegration) -> tuple[list[Path], Any]:
    """Return the settings that the connector refuses, and what it makes of them where it refuses none."""
    connector = written.connector
    if connector is None:
        return [], None
    try:
        model, wrong = judge_settings(written.mapping("settings"), connector)
    except BrokenConnectorError:
        return [], None
    return [item.finding.path for item in wrong], model.model_dump(by_alias=True) if model else None


def _is_day(typed: Any, path: Path) -> bool:
    """Tell whether the connector makes a day or a moment of a setting, or may: where nothing is known it might."""
    for part in path:
        if typed is None:
            return True
        if isinstance(typed, dict):
            typed = typed.get(part)
            if typed is None:
                return False
        elif isinstance(typed, list | tuple) and isinstance(part, int) and part < len(typed):
            typed = typed[part]
        else:
            return False
    return typed is None or isinstance(typed, date)


@lru_cache(maxsize=1)
def _may_hold_trap(text: str) -> bool:
    """Tell at a glance; the integrations of one file ask one after the other."""
    return bool(_GLANCE.search(text))


def _not_refused(file: TenantFile, scalars: Iterable[Scalar]) -> Iterator[Scalar]:
    """Leave out what the loader has refused, and what stands below a key that it refused: quotes mend neither."""
    refused = {problem.position for problem in file.problems}
    below: Path | None = None
    for scalar in scalars:
        wrong = bool(refused) and file.document.span(scalar.node) in refused
        if scalar.is_key and (wrong or scalar.path == below):
            below = scalar.path if wrong else None
        if not wrong and (below is None or scalar.path[: len(below)] != below):
            yield scalar


def _is_setting(path: Path) -> bool:
    return path[2:3] == ("settings",) and path[0] == "integrations"


def _takes_a_day(path: Path) -> bool:
    return path[2:] == ("disabled", "until")


def _traps(
    document: Document, scalars: Iterable[Scalar], takes_a_day: Callable[[Path], bool] = _takes_a_day
) -> Iterator[Problem]:
    for scalar in scalars:
        found = None if scalar.style or len(scalar.text) > _LONGEST else _TRAP.match(scalar.text)
        if found is None or found.lastindex is None:
            continue
        if found.lastindex == _DATES and not scalar.is_key and takes_a_day(scalar.path):
            continue
        if found.lastindex == _EMPTY and (scalar.is_key or not _is_setting(scalar.path)):
            continue
        with suppress(ValueError):  # a number out of range, which the loader refuses
            yield _trap(document, scalar, _TRAPS[found.lastindex - 1])


def _trap(document: Document, scalar: Scalar, trap: _Trap) -> Problem:
    value, place = resolve(scalar.text), document.span(scalar.node)
    better = f'"{scalar.text}"' if isinstance(value, str) else "null" if value is None else str(value)
    remedy = f"Write {better}." if not isinstance(value, float) else f'Write {better}, or "{scalar.text}" for text.'
    message = trap.message.replace("{value}", better).replace("{}", scalar.text)
    return Problem(codes.YAML_1_1, message, place, remedy, fix=Fix((Edit(place, better),), f"write {better}"))


def _tabs(document: Document) -> Iterator[Problem]:
    """Find tabs between the scalars, where the parser that mkt uses takes them for spaces."""
    if document.root is None:
        return
    for _, place in placed(document, _stray_tabs(document)):
        fix = Fix((Edit(place, " "),), "write a space")
        yield Problem(codes.TAB, "a tab stands between two words of YAML", place, "Write a space.", fix=fix)


def _stray_tabs(document: Document) -> Iterator[Spot]:
    """Find tabs outside of scalars and comments. Nothing is looked at twice."""
    text, scalars = document.text, Scalars(document)
    seen = comment_end = 0
    for found in re.finditer(r"\t+", text):
        at = found.start()
        if at < comment_end or scalars.at(at):
            continue
        before = scalars.before(at)
        gap = text[max(seen, before.node.end_mark.index if before else 0) : at]
        seen = at
        if "#" in gap.rpartition("\n")[2]:
            end = text.find("\n", at)
            comment_end = len(text) if end < 0 else end
        else:
            yield Spot(at, found.end(), "")
