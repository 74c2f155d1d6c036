"""All families of rules: what `--rules` lists and `--explain` tells."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import Final

from mkt.configs.base import Problem
from mkt.configs.wording import suggestion
from mkt.errors import Refused
from mkt.lint import connectors, crossfile, guard, schedules, secrets, structure, syntax
from mkt.lint.base import Rule

_FAMILIES: Final = (syntax, structure, connectors, secrets, schedules, guard, crossfile)
RULES: Final[dict[str, Rule]] = {rule.code: rule for family in _FAMILIES for rule in family.RULES}

JUDGES: Final = (connectors.judge, secrets.judge, schedules.judge, guard.judge)
"""Those that judge one integration at a time."""


def rules() -> list[Rule]:
    """Return every rule in order of code."""
    return sorted(RULES.values(), key=lambda rule: rule.code)


def explain(code: str) -> str:
    """Return what a rule is about, with a bad and a good example; raise `Refused` for a code that is none."""
    rule = RULES.get(code.upper())
    if rule is None:
        raise Refused(f"there is no lint rule {code}", remedy=suggestion(code.upper(), RULES))
    bad, good = (textwrap.indent(example, "    ") for example in (rule.bad, rule.good))
    return f"{rule.code} {rule.name} ({rule.severity})\n\n{rule.summary}\n\nBad:\n{bad}\n\nGood:\n{good}\n"


def chosen(problems: Iterable[Problem], *, select: Sequence[str] = (), ignore: Sequence[str] = ()) -> list[Problem]:
    """Return the problems of the rules that apply: codes, or their beginnings such as MKT4; empty `select` is all."""
    wanted, unwanted = tuple(select) or ("",), tuple(ignore)
    return [p for p in problems if p.code.startswith(wanted) and not (unwanted and p.code.startswith(unwanted))]
