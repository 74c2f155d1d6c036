"""What `mkt lint --fix` would change, as a unified diff without the secrets that may stand near.

No fix adds or removes a line, so that lines are compared one by one: `difflib` would take minutes for a large file.
"""

import codecs
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import Final

from mkt.configs.base import Position, Problem
from mkt.configs.document import read
from mkt.lint.fix import Mended
from mkt.lint.texts import lines_of
from mkt.output.excerpt import HIDDEN, hidden, is_key, names_a_place, visible
from mkt.output.lint_text import SECRET
from mkt.output.text import clean

_CONTEXT: Final = 3
"""Lines."""


def lint_diff(mended: Mended) -> str:
    """Return the diffs of all changed files, in order of path; `patch -p0` takes them."""
    return "".join(text for path in sorted(mended.after) for text in _diff(path, mended))


def _diff(path: str, mended: Mended) -> Iterator[str]:
    before = _shown(path, mended.before[path], mended.found)
    after = _shown(path, mended.after[path], mended.problems)
    yield f"--- {visible(path)}\n+++ {visible(path)}\n"
    changed = [number for number, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    for first, last in _hunks(changed):
        start, end = max(first - _CONTEXT, 0), min(last + _CONTEXT + 1, len(before))
        yield f"@@ -{start + 1},{end - start} +{start + 1},{end - start} @@\n"
        yield from (f" {line}\n" for line in before[start:first])
        yield from _replaced(before[first : last + 1], after[first : last + 1])
        yield from (f" {line}\n" for line in before[last + 1 : end])


def _hunks(changed: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Return the first and the last changed line of each hunk; two that would touch are one."""
    first = changed[0] if changed else 0
    for number, following in pairwise([*changed, sys.maxsize] if changed else []):
        if following - number > 2 * _CONTEXT:
            yield first, number
            first = following


def _replaced(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    for same, group in groupby(zip(before, after, strict=True), lambda pair: pair[0] == pair[1]):
        pairs = list(group)
        yield from (f"{' ' if same else '-'}{old}\n" for old, _ in pairs)
        yield from (f"+{new}\n" for _, new in pairs if not same)


def _shown(path: str, content: bytes, problems: Sequence[Problem]) -> list[str]:
    lines = lines_of(content.removeprefix(codecs.BOM_UTF8).decode(errors="replace"))
    wrong = {p.position for p in problems if p.code in SECRET and p.position.path == path}
    for place in sorted({*wrong, *_values(path, content)}, reverse=True):
        _hide(lines, place)
    return [clean(hidden(line)) for line in lines[: None if lines[-1] else -1]]


def _values(path: str, content: bytes) -> Iterator[Position]:
    """Return the places of all that stands under `secrets` and is no reference, also on lines of its own."""
    document = read(content, path)
    for scalar in document.scalars():
        if "secrets" in scalar.path[:-1] and not scalar.is_key and not names_a_place(scalar.text):
            yield document.span(scalar.node)


def _hide(lines: list[str], place: Position) -> None:
    """Put stars in place of what stands at a span, unless that is a key."""
    first, last, end = place.line - 1, place.end_line - 1, place.end_column - 1
    if last < len(lines) and not is_key(lines[last], end):
        rest = lines[last][end:]
        head = lines[first][: place.column - 1]
        lines[first] = f"{head}{HIDDEN}{rest if first == last else ''}"
        lines[first + 1 : last] = [HIDDEN] * (last - first - 1)
        if first < last and end:
            lines[last] = f"{HIDDEN}{rest}"
