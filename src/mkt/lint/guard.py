"""MKT6xx: the limits over which a sync is held. `mkt.configs` finds what is no limit at all."""

from collections.abc import Iterator
from typing import Final

from mkt.configs import codes
from mkt.configs.base import Problem
from mkt.contract import Json
from mkt.lint.base import Rule, WrittenIntegration

RULES: Final = (
    Rule(
        code=codes.WRONG_GUARD,
        name="wrong-guard",
        summary="A limit that is no percentage from 0 to 100, or no whole number of records.",
        why="A limit that is misread protects nothing, so the whole file is refused.",
        bad="guard: {max_delete_percent: 110}",
        good="guard: {max_delete_percent: 10}",
    ),
    Rule(
        code=codes.GUARD_OFF,
        name="guard-off",
        summary="Everything may be deleted in one sync. Approve a hold once instead: `mkt holds approve`.",
        why="One wrong answer of the partner, and all records of the tenant are deleted.",
        bad="guard: {max_delete_percent: 100}",
        good="guard: {max_delete_percent: 25}",
        severity="warning",
    ),
    Rule(
        code=codes.GUARD_IGNORES,
        name="guard-ignores",
        summary="The guard is off below so many records that most streams never reach it.",
        bad="guard: {ignore_below: 100000}",
        good="guard: {ignore_below: 50}",
        severity="warning",
        why="A partner that answers with an empty list would have every record deleted.",
    ),
)

_ALL: Final = 100
_MANY: Final = 1000


def judge(written: WrittenIntegration) -> Iterator[Problem]:
    """Find guards that guard nothing, the file's or the default."""
    default = written.fallback(str(written.data.get("connector"))).guard
    own = written.mapping("guard")
    if _in_force(own.get("max_delete_percent"), default.max_delete_percent) == _ALL:
        message = "with 100 no number of deletes is ever held"
        yield _fault(
            written, codes.GUARD_OFF, "max_delete_percent", message, "Set the highest share that is plausible"
        )
    below = _in_force(own.get("ignore_below"), default.ignore_below)
    if isinstance(below, int) and below >= _MANY:
        message = f"below {below:,} live records nothing is ever held"
        yield _fault(written, codes.GUARD_IGNORES, "ignore_below", message, "Set it to what a small customer has: 20")


def _fault(written: WrittenIntegration, code: str, key: str, message: str, remedy: str) -> Problem:
    if written.mapping("guard").get(key) is not None:
        return written.problem(code, message, ["guard", key], remedy=f"{remedy}.")
    remedy = f"{remedy}, in [defaults.guard] of mkt.toml."
    return written.problem(code, f"the default guard of mkt.toml is off: {message}", ["connector"], remedy=remedy)


def _in_force(given: Json, default: float) -> Json:
    return default if given is None else given
