"""A problem of a config file as a script reads it."""

from dataclasses import asdict
from typing import Any

from mkt.configs.base import Problem


def problem_object(problem: Problem) -> dict[str, Any]:
    """Return a finding of lint."""
    position = asdict(problem.position)
    return {
        "code": problem.code,
        "severity": problem.severity,
        "message": encodable(problem.message),
        "remedy": encodable(problem.remedy),
        "tenant": problem.tenant or None,
        **position,
        "path": encodable(problem.position.path),
    }


def encodable(text: str) -> str:
    r"""Return text that UTF-8 can hold: a file's name may have a byte that is none, which becomes `\udcff`."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()
