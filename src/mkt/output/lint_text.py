"""Lint findings for a person: place, code, message, and the line with the spot marked."""

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from mkt.configs import codes
from mkt.configs.base import Problem
from mkt.lint.base import NOTHING, Rule
from mkt.lint.families import RULES
from mkt.lint.texts import Texts
from mkt.output.causes import also, by_cause
from mkt.output.excerpt import excerpt, visible
from mkt.output.text import BOLD, DIM, STYLES, line, next_command, outcome_text, plural, row, table

SECRET: Final = frozenset(
    {
        codes.MISPLACED_VALUE,
        codes.URL_CREDENTIALS,
        codes.UNDECLARED_NAME,
        codes.NO_REFERENCE,
        codes.UNKNOWN_SCHEME,
        codes.WRONG_LOCATOR,
        codes.KNOWN_SHAPE,
        codes.RANDOM_TEXT,
    }
)
"""Findings about secrets: what is marked there may be a value that nobody may see."""
_NAMED: Final = 3
"""Paths in a command to type; of more, such as pre-commit gives, the whole folder is looked at."""
_OF_A_RULE: Final = 10
"""So many findings of one rule are told at length at a terminal."""


def lint_page(
    problems: Sequence[Problem], texts: Texts, *, folded: bool = False, asked: Sequence[str] | None = ()
) -> Iterator[RenderableType]:
    """Show the findings in order of place; `folded` tells those that say the same once, and of a rule the first ones.

    `asked` are the paths of the command that comes next, None where they cannot be read again.
    """
    told = Counter[str]()
    for problem, others in by_cause(problems, _says) if folded else ((problem, ()) for problem in problems):
        told[problem.code] += 1
        if folded and told[problem.code] > _OF_A_RULE:
            continue
        yield from _finding(problem, texts) if folded else [Text("\n", no_wrap=True).join(_finding(problem, texts))]
        if others:
            yield also([visible(str(other.position)) for other in others], "-o json names all")
    yield from _left_out(problems, told) if folded else ()
    yield line(lint_summary(problems))
    if problems:
        yield next_command(_next(problems, asked))


def lint_summary(problems: Sequence[Problem]) -> str:
    """Return "2 errors, 1 warning in 2 files; 1 fixable with --fix"."""
    if not problems:
        return NOTHING
    errors = sum(problem.severity == "error" for problem in problems)
    files = len({problem.position.path for problem in problems})
    fixable = sum(problem.fix is not None for problem in problems)
    counts = f"{plural(errors, 'error')}, {plural(len(problems) - errors, 'warning')} in {plural(files, 'file')}"
    return f"{counts}; {fixable:,} fixable with --fix" if fixable else counts


def _says(problem: Problem) -> tuple[str, str]:
    return problem.code, problem.message


def _left_out(problems: Sequence[Problem], told: Counter[str]) -> Iterator[RenderableType]:
    """Count what is not shown, rule by rule."""
    for code in sorted(code for code, count in told.items() if count > _OF_A_RULE):
        of_it = [problem for problem in problems if problem.code == code]
        files = len({problem.position.path for problem in of_it})
        rule = RULES[code].name if code in RULES else ""
        yield line(
            f"{code} {rule}: {len(of_it):,} in {plural(files, 'file')}; `mkt lint --select {code} | cat` shows all"
        )


def _next(problems: Sequence[Problem], asked: Sequence[str] | None) -> str:
    """Return what to type: a look at what can be fixed, or what the worst rule is about."""
    if asked is not None and any(problem.fix for problem in problems):
        return shlex.join(["mkt", "lint", "--diff", *(asked if len(asked) <= _NAMED else ())])
    worst = min(problems, key=lambda problem: (problem.severity != "error", problem.position))
    return f"mkt lint --explain {worst.code}"


def _finding(problem: Problem, texts: Texts) -> Iterator[Text]:
    style = STYLES.get(problem.severity, "")
    yield Text.assemble(
        (f"{visible(str(problem.position))}: ", BOLD),
        (problem.code, style),
        f" {visible(problem.message)}",
        no_wrap=True,
    )
    written = texts.line(problem.position)
    if written.strip():
        shown, marks = excerpt(written, problem.position, secret=problem.code in SECRET)
        yield Text.assemble((f"{problem.position.line:>5} | ", DIM), shown, no_wrap=True)
        yield Text.assemble(("      | ", DIM), (marks, style), no_wrap=True)
    if problem.remedy:
        yield line("      =", problem.remedy, "(--fix does it)" if problem.fix else "", style=DIM)


def rules_page(rules: Iterable[Rule]) -> Iterator[RenderableType]:
    """List every rule."""
    grid = table("code", "name", "severity", "what it finds")
    listed = list(rules)
    for rule in listed:
        row(grid, rule.code, rule.name, outcome_text(rule.severity), " ".join(rule.summary.split()))
    yield grid
    yield next_command(f"mkt lint --explain {listed[0].code}")
