"""All families of rules: what `--rules` lists and `--explain` tells."""

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from mkt.configs.base import Problem
from mkt.configs.structure import TenantFile
from mkt.configs.suggestion import suggestion
from mkt.errors import Refused
from mkt.lint import connectors, crossfile, guard, ignores, schedules, secrets, security, structure, syntax, traps
from mkt.lint.base import Rule

_FAMILIES: Final = (syntax, structure, connectors, secrets, schedules, guard, crossfile, security, ignores)
RULES: Final[dict[str, Rule]] = {rule.code: rule for family in _FAMILIES for rule in family.RULES}

_FAMILY: Final = 4
"""Characters of a family's beginning, such as MKT4."""

JUDGES: Final = (structure.judge, connectors.judge, secrets.judge, schedules.judge, guard.judge, traps.judge)
"""Those that judge one integration at a time."""

FILE_JUDGES: Final[tuple[Callable[[TenantFile], Iterator[Problem]], ...]] = (
    structure.judge_file,
    traps.judge_file,
    security.judge_file,
)
"""Those that judge a file as a whole, also one that could not be read as a tenant's: `file.document.text`."""


def rules() -> list[Rule]:
    """Return every rule in order of code."""
    return sorted(RULES.values(), key=lambda rule: rule.code)


def explain(code: str) -> str:
    """Return what a rule is about and why, with a bad and a good example; raise `Refused` for a code that is none."""
    rule = RULES.get(code.upper())
    if rule is None:
        family = any(known.startswith(code.upper()) for known in RULES)
        remedy = "`mkt lint --rules` lists them." if family else suggestion(code.upper(), RULES)
        raise Refused(f"there is no lint rule {code}", remedy=remedy)
    bad, good = (textwrap.indent(example, "    ") for example in (rule.bad, rule.good))
    text = "\n\n".join(filter(None, (rule.summary, rule.why)))
    return f"{rule.code} {rule.name} ({rule.severity})\n\n{text}\n\nBad:\n{bad}\n\nGood:\n{good}\n\n{silence(rule)}\n"


def silence(rule: Rule) -> str:
    """Return how a finding that is meant to be is silenced."""
    if rule.suppressible:
        return f"Meant to be? A comment at the end of its line silences it: # mkt: ignore[{rule.code}]"
    return "No comment silences it: the tenant's integration would not run."


def chosen(problems: Iterable[Problem], *, select: Sequence[str] = (), ignore: Sequence[str] = ()) -> list[Problem]:
    """Return the problems of the rules that apply: codes, or their beginnings such as MKT4; empty `select` is all."""
    wanted, unwanted = tuple(select) or ("",), tuple(ignore)
    return [p for p in problems if p.code.startswith(wanted) and not (unwanted and p.code.startswith(unwanted))]


def codes_of(words: Iterable[str]) -> tuple[str, ...]:
    """Return codes and their beginnings from words such as `mkt4,MKT501`; raise ValueError for one that is none."""
    codes = tuple(code.strip().upper() for word in words for code in word.split(",") if code.strip())
    for code in codes:
        if not any(known.startswith(code) for known in RULES):
            known = RULES if len(code) > _FAMILY else {rule[:_FAMILY] for rule in RULES}
            raise ValueError(f"there is no lint rule {code}. {suggestion(code, known)}")
    return codes
