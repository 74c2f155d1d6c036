"""Lint findings as annotations of a GitHub workflow: the worst first, because a step shows ten of a kind.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from collections.abc import Iterator, Sequence

from mkt.configs.base import Problem


def annotations(problems: Sequence[Problem]) -> Iterator[str]:
    """Return one workflow command a finding."""
    for problem in sorted(problems, key=lambda problem: (problem.severity != "error", problem.position)):
        position = problem.position
        properties = {
            "file": position.path,
            "line": position.line,
            "endLine": position.end_line,
            "col": position.column,
            "title": problem.code,
        }
        if position.end_line == position.line and position.end_column > position.column:
            properties["endColumn"] = position.end_column - 1
        listed = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
        text = f"{problem.message} {problem.remedy}".strip()
        yield f"::{problem.severity} {listed}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
