"""Lint findings for a person: place, code, message, and the line with the spot marked."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from mkt.configs.base import Position, Problem
from mkt.lint.base import Rule
from mkt.output.causes import also, by_cause
from mkt.output.text import BOLD, DIM, STYLES, clean, line, next_command, outcome_text, plural, row, table

_SECRETS: Final = "MKT4"
"""Findings about secrets: what is marked there may be a value that does not belong there."""
_VALUE: Final = re.compile(r"(\b[A-Z][A-Z0-9_]+\b[\"']?\s*:\s*)(?!(?:env|keyring|file|supabase):)[^,}\s][^,}]*")
_KEY: Final = re.compile(r"[\"']?\s*:")
"""What follows a spot that is a name and not a value."""
_USERINFO: Final = re.compile(r"(://)[^/@\s]+@")


def lint_page(problems: Sequence[Problem], base: Path) -> Iterator[RenderableType]:
    """Show the findings in order of place, those that say the same once; `base` is what paths are relative to."""
    lines: dict[str, list[str]] = {}
    for problem, others in by_cause(problems, lambda found: (found.code, found.message)):
        path = problem.position.path
        if path not in lines:
            lines[path] = _read(base / path)
        yield from _finding(problem, lines[path])
        if others:
            yield also([str(other.position) for other in others], "-o json names all")
    yield line(lint_summary(problems))


def lint_summary(problems: Sequence[Problem]) -> str:
    """Return "2 errors, 1 warning"."""
    errors = sum(problem.severity == "error" for problem in problems)
    if not problems:
        return "no problems found"
    return f"{plural(errors, 'error')}, {plural(len(problems) - errors, 'warning')}"


def _finding(problem: Problem, lines: Sequence[str]) -> Iterator[RenderableType]:
    yield Text.assemble(
        (f"{clean(problem.position)}: ", BOLD),
        (problem.code, STYLES.get(problem.severity, "")),
        f" {clean(problem.message)}",
    )
    at = problem.position.line
    if 0 < at <= len(lines):
        shown, marks = excerpt(lines[at - 1], problem.position, secret=problem.code.startswith(_SECRETS))
        yield Text.assemble((f"{at:>5} | ", DIM), clean(shown))
        yield Text.assemble(("      | ", DIM), (marks, STYLES.get(problem.severity, "")))
    if problem.remedy:
        yield line("      =", problem.remedy, style=DIM)


def excerpt(text: str, position: Position, *, secret: bool) -> tuple[str, str]:
    """Return the line up to the end of the marked spot, and the marks below it.

    What follows the spot is left out and values of secrets are hidden: a log of CI is read by many, and a file
    that is wrong may hold anything.
    """
    start = min(position.column - 1, len(text))
    alone = position.end_line == position.line
    end = min(position.end_column - 1, len(text)) if alone else len(text)
    end = max(end, start)
    before, spot = _hidden(text[:start]), text[start:end]
    spot = "***" if secret and spot and not _KEY.match(text, end) else _hidden(spot)
    rest = " …" if text[end:].strip() else ""
    margin = "".join("\t" if letter == "\t" else " " for letter in before)
    return f"{before}{spot}{rest}", margin + "^" * max(len(spot), 1)


def _hidden(text: str) -> str:
    return _USERINFO.sub(r"\1***@", _VALUE.sub(r"\1***", text))


def _read(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError:
        return []


def rules_page(rules: Sequence[Rule]) -> Iterator[RenderableType]:
    """List every rule."""
    grid = table("code", "name", "severity", "what it finds")
    for rule in rules:
        row(grid, rule.code, rule.name, outcome_text(rule.severity), " ".join(rule.summary.split()))
    yield grid
    yield next_command(f"mkt lint --explain {rules[0].code}")
