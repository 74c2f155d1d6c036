"""`mkt lint --fix`: what can be mended without asking, done to the file's text and to nothing else in it.

A fix does what the finding's remedy says, and only where that is one thing and no choice:

- text where a number or `true` stands gets its quotes, a number or `true` in quotes loses them;
- `yes`, `no`, `on` and `off` become `true` and `false` where the one or the other is expected;
- a misspelt key is corrected, where one known key alone is a letter away; never a value, never a connector's id;
- what a rule has brought as its own fix.

All else is for a person: what is left out of a file (tabs, tags, anchors), and whatever has to do with secrets.
"""

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Final

from mkt.configs import codes
from mkt.configs.base import Edit, Fix, Position, Problem
from mkt.configs.suggestion import is_slip
from mkt.lint.texts import Texts, starts_of

_ROUNDS: Final = 10
"""A fix can show what another can then mend; after so many of them what is reached stays as it is."""
_KEYS: Final = frozenset({codes.UNKNOWN_KEY, codes.UNKNOWN_SETTING, codes.UNDECLARED_NAME})
_TYPES: Final = frozenset({codes.WRONG_TYPE, codes.WRONG_VALUE, codes.WRONG_SETTING, codes.WRONG_GUARD})
_MEANT: Final = re.compile(r"Did you mean ([\w-]+)\?\Z")
_WORD: Final = re.compile(r"[\w-]+\Z")
_SHORTEST: Final = 4
"""Characters of a key; shorter ones are near to too many words."""
_PLAIN: Final = re.compile(r"[\w.+-]+\Z")
_QUOTED: Final = re.compile(r"""(["'])(-?(?:0|[1-9]\d{0,17})(?:\.\d+)?|true|false)\1\Z""")
_YES_OR_NO: Final = re.compile(r"""(["']?)(?:yes|no|on|off)\1\Z""")
_BOOLS: Final = {"Write true.": "true", "Write false.": "false"}

Find = Callable[[Mapping[str, bytes]], list[Problem]]
"""Checks all files, with these contents in place of those on disk."""


def with_fixes(problems: Iterable[Problem], texts: Texts) -> list[Problem]:
    """Give each problem that can be mended without asking its fix."""
    return [replace(problem, fix=_fix(problem, texts)) for problem in problems]


def _fix(problem: Problem, texts: Texts) -> Fix | None:
    if problem.silenced:
        return None
    if problem.fix or problem.code not in _KEYS | _TYPES:
        return problem.fix
    old = texts.span(problem.position)
    new = _corrected(problem, old) if problem.code in _KEYS else _typed(problem, old)
    return Fix((Edit(problem.position, new),), f"write {new}") if new else None


def _corrected(problem: Problem, old: str) -> str:
    """Return the key that is meant; none where that could be another one too."""
    meant = _MEANT.fullmatch(problem.remedy)
    word = old.strip("\"'")
    if not meant or len(word) < _SHORTEST or not _WORD.match(word) or not is_slip(word, meant[1]):
        return ""
    return old.replace(word, meant[1])


def _typed(problem: Problem, old: str) -> str:
    if problem.remedy in _BOOLS and _YES_OR_NO.match(old):
        return _BOOLS[problem.remedy]
    if problem.remedy == "Put it in quotes." and _PLAIN.match(old):
        return f'"{old}"'
    quoted = _QUOTED.match(old) if problem.remedy == "Remove the quotes." else None
    return quoted[2] if quoted else ""


@dataclass(slots=True)
class Mended:
    """What fixing came to: each changed file's bytes before and after, and what is found before and after."""

    found: list[Problem]
    problems: list[Problem]
    fixed: list[Problem] = field(default_factory=list)
    before: dict[str, bytes] = field(default_factory=dict)
    after: dict[str, bytes] = field(default_factory=dict)
    left_out: int = 0
    """Fixes that would have shown another problem: a person has to see that."""


def mend(
    find: Find, read: Callable[[str], bytes], chosen: Callable[[Iterable[Problem]], list[Problem]] = list
) -> Mended:
    """Return all files as they are with every fix made, over and over until nothing changes. Nothing is written.

    `find` returns the problems by all rules, since no fix may show another one; `chosen` are those to be mended.
    """
    found = find({})
    mended, refused = Mended(found, found), set[tuple[str, Fix]]()
    for _ in range(_ROUNDS):
        fixes = _wanted(chosen(mended.problems), refused)
        if not fixes:
            break
        before = {path: mended.after.get(path) or read(path) for path in fixes}
        after = {path: apply(before[path], own) for path, own in fixes.items()}
        problems = find({**mended.after, **after})
        shown = _new(mended.problems, problems)
        if shown:
            refused |= {(path, fix) for path, fix in _causes(shown, fixes)}
            continue
        mended.before = before | mended.before
        mended.after |= after
        made = {path: set(own) for path, own in fixes.items()}
        mended.fixed += [p for p in mended.problems if p.fix in made.get(p.position.path, ())]
        mended.problems = problems
    mended.left_out = len(refused)
    mended.problems = [replace(p, fix=None) if (p.position.path, p.fix) in refused else p for p in mended.problems]
    return mended


def _wanted(problems: Iterable[Problem], refused: set[tuple[str, Fix]]) -> dict[str, list[Fix]]:
    """Return the fixes to make by file, in order, those left out that overlap with one before them."""
    found: dict[str, list[Fix]] = {}
    for path, own in groupby(problems, lambda problem: problem.position.path):
        fixes = sorted({p.fix for p in own if p.fix and (path, p.fix) not in refused}, key=lambda fix: fix.edits)
        apart = list(_apart(fixes))
        if apart:
            found[path] = apart
    return found


def _apart(fixes: Iterable[Fix]) -> Iterator[Fix]:
    end = (0, 0)
    for fix in fixes:
        first, last = fix.edits[0].position, fix.edits[-1].position
        if (first.line, first.column) >= end:
            end = (last.end_line, last.end_column + 1)
            yield fix


def _new(before: Sequence[Problem], after: Sequence[Problem]) -> list[Problem]:
    """Return what was not found before; no fix adds or removes a line."""
    known = {(p.position.path, p.position.line, p.code, p.message) for p in before}
    return [p for p in after if (p.position.path, p.position.line, p.code, p.message) not in known]


def _causes(shown: Iterable[Problem], fixes: Mapping[str, Sequence[Fix]]) -> Iterator[tuple[str, Fix]]:
    """Return the fixes on the lines of new problems, or else in their files, or else all that were made."""
    lines = {(problem.position.path, problem.position.line) for problem in shown}
    files = {path for path, _ in lines} & fixes.keys() or fixes.keys()
    made = [(path, fix) for path in files for fix in fixes[path]]
    yield from [
        (path, fix) for path, fix in made if any((path, edit.position.line) in lines for edit in fix.edits)
    ] or made


def apply(content: bytes, fixes: Iterable[Fix]) -> bytes:
    """Return a file's bytes with these edits made, which do not overlap; every other byte stays."""
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    text = content.removeprefix(mark).decode()
    starts, end, parts = starts_of(text), 0, list[str]()
    for edit in sorted(edit for fix in fixes for edit in fix.edits):
        first, last = _offsets(edit.position, starts)
        parts += [text[end:first], edit.text]
        end = last
    return mark + "".join([*parts, text[end:]]).encode()


def _offsets(position: Position, starts: Sequence[int]) -> tuple[int, int]:
    first = starts[position.line - 1] + position.column - 1
    return first, starts[position.end_line - 1] + position.end_column - 1
