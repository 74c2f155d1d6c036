"""A finding of lint as a script reads it: the fields keep their names."""

from typing import Any

from mkt.configs.base import Problem
from mkt.lint.families import RULES
from mkt.output.problem_object import problem_object


def finding_object(problem: Problem) -> dict[str, Any]:
    """Return a finding; `end_column` is the column behind its last character, `help` what to type."""
    rule = RULES.get(problem.code)
    return {
        **problem_object(problem),
        "rule": rule.name if rule else None,
        "help": help_command(problem.code),
        "fixable": problem.fix is not None,
    }


def help_command(code: str) -> str:
    """Return what to type to read what a rule is about."""
    return f"mkt lint --explain {code}"
