"""MKT6xx: the limits over which a sync is held. `mkt.configs` finds what is no limit at all."""

from collections.abc import Iterator
from typing import Final

from mkt.configs import codes
from mkt.configs.base import Problem
from mkt.lint.base import Rule, WrittenIntegration

RULES: Final = (
    Rule(
        code=codes.WRONG_GUARD,
        name="wrong-guard",
        summary="A limit that is no percentage from 0 to 100, or no whole number of records.",
        bad="guard: {max_delete_percent: 110}",
        good="guard: {max_delete_percent: 10}",
    ),
    Rule(
        code=codes.GUARD_OFF,
        name="guard-off",
        summary="Everything may be deleted in one sync. Approve a hold once instead: `mkt holds approve`.",
        bad="guard: {max_delete_percent: 100}",
        good="guard: {max_delete_percent: 25}",
        severity="warning",
    ),
)

_ALL: Final = 100


def judge(written: WrittenIntegration) -> Iterator[Problem]:
    """Find guards that guard nothing."""
    if written.mapping("guard").get("max_delete_percent") == _ALL:
        path = ["guard", "max_delete_percent"]
        message = "with 100 no number of deletes is ever held"
        yield written.problem(codes.GUARD_OFF, message, path, remedy="Set the highest share that is plausible.")
