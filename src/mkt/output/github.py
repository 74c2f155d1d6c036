"""Lint findings as annotations of a GitHub workflow, the worst first, and as the summary of its job.

A step shows ten annotations of a kind, and what comes after them is lost without a word; a step's summary may have
1 MiB. https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from mkt.configs.base import Problem
from mkt.lint.families import RULES
from mkt.output.lint_text import lint_summary
from mkt.output.problem_object import encodable
from mkt.output.text import clean

SHOWN: Final = 10
"""Annotations of a kind and step."""
_ROWS: Final = 1_000
_LONGEST: Final = 900_000
"""Bytes of a summary, with room for what other commands of the step write."""

Locate = Callable[[str], str]
"""Gives a shown path as the repository has it."""


def annotations(problems: Sequence[Problem], locate: Locate = str) -> Iterator[str]:
    """Return one workflow command a finding, and one line that counts those beyond what GitHub shows."""
    told = Counter[str]()
    for problem in _worst_first(problems):
        told[problem.severity] += 1
        if told[problem.severity] <= SHOWN:
            yield _annotation(problem, locate)
    left_out = sum(max(count - SHOWN, 0) for count in told.values())
    if left_out:
        rest = f"{left_out:,} of them are not shown here: see the job's summary, or type `mkt lint`"
        text = f"{lint_summary(problems)}; {rest}"
        yield f"::notice title=mkt lint::{_data(text)}"


def _worst_first(problems: Sequence[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: (problem.severity != "error", problem.position, problem.code))


def _annotation(problem: Problem, locate: Locate) -> str:
    position = problem.position
    properties = {
        "file": locate(position.path),
        "line": position.line,
        "endLine": position.end_line,
        "col": position.column,
        "title": _titled(problem),
    }
    if position.end_line == position.line and position.end_column > position.column:
        properties["endColumn"] = position.end_column - 1
    listed = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    return f"::{problem.severity} {listed}::{_data(f'{problem.message}. {problem.remedy}'.strip())}"


def _titled(problem: Problem) -> str:
    rule = RULES.get(problem.code)
    return f"{problem.code} {rule.name}" if rule else problem.code


def _data(text: str) -> str:
    return encodable(clean(text)).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def job_summary(problems: Sequence[Problem], locate: Locate = str) -> str:
    """Return the findings as Markdown, the worst first, as many of them as a summary may have."""
    head = f"### mkt lint: {lint_summary(problems)}\n\n"
    if not problems:
        return head
    rows, size = ["| place | rule | what is wrong | what to do |\n|---|---|---|---|\n"], 0
    for problem in _worst_first(problems)[:_ROWS]:
        place = f"{locate(problem.position.path)}:{problem.position.line}:{problem.position.column}"
        cells = (place, f"{_titled(problem)} ({problem.severity})", problem.message, problem.remedy)
        row = f"| {' | '.join(map(_cell, cells))} |\n"
        size += len(row.encode())
        if size > _LONGEST:
            break
        rows.append(row)
    more = len(problems) - len(rows) + 1
    return head + "".join(rows) + (f"\n… and {more:,} more: `mkt lint` lists them all.\n" if more else "")


_MARKUP: Final = str.maketrans({letter: f"&#{ord(letter)};" for letter in "&<>|`*_[]\\~#@"})


def _cell(text: str) -> str:
    """Return text that Markdown shows as it is, on one line: a file's words make no cell, no tag and no mention."""
    return " ".join(encodable(clean(text)).translate(_MARKUP).split())
