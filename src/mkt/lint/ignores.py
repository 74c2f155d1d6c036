"""MKT9xx: `# mkt: ignore[MKT802]` at the end of a line takes the findings of that rule on that line away."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mkt.configs import codes
from mkt.configs.base import Position, Problem
from mkt.configs.document import Document
from mkt.configs.structure import TenantFile
from mkt.configs.suggestion import suggestion
from mkt.lint.base import Rule
from mkt.lint.scanning import Scalars, Spot, placed

RULES: Final = (
    Rule(
        code=codes.UNUSED_IGNORE,
        name="unused-ignore",
        summary="An ignore comment on a line where its rule finds nothing.",
        why="It would hide the next finding there, which nobody has looked at.",
        bad="reason: onboarding    # mkt: ignore[MKT208]",
        good="reason: onboarding",
        severity="warning",
    ),
    Rule(
        code=codes.WRONG_IGNORE,
        name="wrong-ignore",
        summary="An ignore comment that names no rule of lint, so that nothing is ignored; see `mkt lint --rules`.",
        why="Whoever wrote it believes that something is ignored.",
        bad="params: {Key: pk_…}    # mkt: ignore[MKT8O2]",
        good="params: {Key: pk_…}    # mkt: ignore[MKT802]",
        severity="warning",
    ),
    Rule(
        code=codes.FIXED_SEVERITY,
        name="ignored-error",
        summary="An ignore comment for an error that keeps the tenant or the integration from running. It has no"
        " effect: warnings can be ignored, and errors that only lint knows.",
        why="A file that cannot run would pass as healthy, and fail in the night.",
        bad="enabled: yes    # mkt: ignore[MKT203]",
        good="enabled: true",
        severity="warning",
    ),
)

_IGNORE: Final = re.compile(r"#[ \t]*(mkt:[ \t]*ignore\b(?:[ \t]*\[([^\]\n\r]*)\])?)")
_CODE: Final = re.compile(r"[^\s,]+")
_BLOCKS: Final = ("|", ">")


@dataclass(frozen=True, slots=True)
class Ignore:
    """One code in an ignore comment, at its place; an empty one where the comment names none."""

    code: str
    position: Position
    tenant: str


def ignores(file: TenantFile) -> list[Ignore]:
    """Return the codes of all ignore comments in a file that could be read as YAML."""
    document = file.document
    if b"mkt:" not in document.content or document.root is None:
        return []
    return [Ignore(spot.what.upper(), place, file.tenant) for spot, place in placed(document, _spots(document))]


def _spots(document: Document) -> Iterator[Spot]:
    scalars = Scalars(document)
    for found in _IGNORE.finditer(document.text):
        if _is_comment(document, scalars, found.start()):
            start, inside = found.start(2), found[2] or ""
            named = [Spot(start + word.start(), start + word.end(), word[0]) for word in _CODE.finditer(inside)]
            yield from named or [Spot(found.start(1), found.end(1), "")]


def _is_comment(document: Document, scalars: Scalars, at: int) -> bool:
    """Tell whether a `#` is in a comment: in no text, or behind the `|` of a text that begins on the next line."""
    scalar = scalars.at(at)
    if scalar is None:
        return True
    return scalar.style in _BLOCKS and "\n" not in document.text[scalar.node.start_mark.index : at]


def silenced(problems: Iterable[Problem], given: Sequence[Ignore], rules: Mapping[str, Rule]) -> list[Problem]:
    """Return the problems, marked where a comment silences them, and what is wrong with the comments."""
    wanted = {(ignore.position.path, ignore.position.line, ignore.code) for ignore in given}
    if not wanted:
        return list(problems)
    kept, met = list[Problem](), set[tuple[str, int, str]]()
    for problem in problems:
        own = _keys(problem) & wanted
        met |= own
        silent = bool(own) and rules[problem.code].suppressible
        kept.append(replace(problem, silenced=True) if silent else problem)
    return [*kept, *_judged(given, met, rules)]


def _keys(problem: Problem) -> set[tuple[str, int, str]]:
    place = problem.position
    return {(place.path, line, problem.code) for line in (place.line, place.end_line)}


def _judged(given: Iterable[Ignore], met: set[tuple[str, int, str]], rules: Mapping[str, Rule]) -> Iterator[Problem]:
    for ignore in given:
        rule = rules.get(ignore.code)
        place, tenant = ignore.position, ignore.tenant
        if rule is None:
            yield _wrong(ignore, rules)
        elif (place.path, place.line, ignore.code) not in met:
            message = f"there is no {ignore.code} on this line to ignore"
            remedy = "Remove it; a comment is for the findings on its own line."
            yield Problem(codes.UNUSED_IGNORE, message, place, remedy, "warning", tenant)
        elif not rule.suppressible:
            message = f"{ignore.code} cannot be ignored: with it nothing runs here"
            yield Problem(codes.FIXED_SEVERITY, message, place, "Mend what it finds.", "warning", tenant)


def _wrong(ignore: Ignore, rules: Mapping[str, Rule]) -> Problem:
    if not ignore.code:
        message, remedy = "this comment says no rule to ignore", "Name the rule: # mkt: ignore[MKT802]."
    else:
        message, remedy = f"there is no lint rule {ignore.code}", suggestion(ignore.code, rules)
    return Problem(codes.WRONG_IGNORE, message, ignore.position, remedy, "warning", ignore.tenant)
