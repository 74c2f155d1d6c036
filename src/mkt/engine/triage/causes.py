"""What a cause of failures is: the cases that share a fingerprint, who likely acts, what to type next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from mkt.contract import Actor, ErrorClass
from mkt.engine.failure import fingerprint
from mkt.engine.following import next_command
from mkt.engine.report import Failure
from mkt.errors import Refused

Standing = Literal["broken", "failing", "paused", "held", "overdue"]
ORDER: Final[tuple[Standing, ...]] = ("broken", "failing", "paused", "held", "overdue")
REVIEW: Final = "Ask the partner or the customer whether this is meant, then approve or reject it."
MANY: Final = 3
"""So many tenants of a connector that fail alike have the partner in common, more likely than each its own fault."""
_OURS: Final[frozenset[ErrorClass]] = frozenset({"config", "local", "bug"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One integration, or a tenant whose file is broken, as it stands now.

    `since` is when it began to, `quiet` tells that nobody is alerted yet: it may pass by its next tries, or a person
    has seen it before.
    """

    tenant: str
    integration: str | None
    connector: str | None
    standing: Standing
    failure: Failure
    run_id: str = ""
    since: datetime | None = None
    last_seen: datetime | None = None
    quiet: bool = False
    hold_id: str = ""

    @property
    def target(self) -> str:
        return f"{self.tenant}/{self.integration}" if self.integration else self.tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """All cases that share a fingerprint; the first one is the example: the one that was seen last."""

    fingerprint: str
    cases: tuple[Case, ...]

    @property
    def example(self) -> Case:
        return self.cases[0]

    @property
    def failure(self) -> Failure:
        return self.example.failure

    @property
    def standing(self) -> Standing:
        """The worst of what its cases are."""
        return min((case.standing for case in self.cases), key=ORDER.index)

    @property
    def tenants(self) -> tuple[str, ...]:
        return tuple(sorted({case.tenant for case in self.cases}))

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(sorted(case.target for case in self.cases))

    @property
    def first_seen(self) -> datetime | None:
        return min((case.since for case in self.cases if case.since), default=None)

    @property
    def last_seen(self) -> datetime | None:
        return max((case.last_seen for case in self.cases if case.last_seen), default=None)

    @property
    def actor(self) -> Actor:
        """Who likely has to act."""
        if self.failure.actor == "us" or self.failure.error_class in _OURS:
            return "us"
        return "partner" if len(self.tenants) >= MANY else self.failure.actor

    @property
    def why_actor(self) -> str:
        """Why it is likely them, where that is not what the failure itself says."""
        if self.actor == self.failure.actor:
            return ""
        if self.actor == "us":
            return "what is wrong stands in our own files or machine"
        return f"{len(self.tenants)} tenants of {self.example.connector} fail alike: hardly each one's own fault"

    @property
    def next_command(self) -> str:
        """What to type next: look at one, or have all of them tried again."""
        if len(self.cases) > 1 and self.standing == "held":
            return "mkt holds list"
        if len(self.cases) > 1 and (self.standing == "overdue" or self._may_pass):
            return f"mkt sync --cause {self.fingerprint}"
        example = self.example
        return next_command(
            example.target,
            self.standing,
            code=self.failure.code,
            error_class=self.failure.error_class,
            message=self.failure.message,
            hold_id=example.hold_id,
        )

    @property
    def _may_pass(self) -> bool:
        return self.standing == "failing" and self.failure.error_class in ("transient", "rate_limit", "partner")


def held_failure(connector: str, target: str, reasons: Sequence[str]) -> Failure:
    """Return a hold as a cause: the same for every hold of a connector."""
    return Failure(
        error_class="partner",
        code="guard.held",
        message=f"{target} is held, nothing was applied: {'; '.join(reasons) or 'see the hold'}",
        remedy=REVIEW,
        actor="us",
        fingerprint=fingerprint(connector, "partner", "guard.held", ""),
    )


def overdue_failure() -> Failure:
    """Return what is wrong with whatever nobody has synced."""
    return Failure(
        error_class="local",
        code="local.overdue",
        message="it was due, and no sync has run it since",
        remedy="See that something runs `mkt sync` here, cron or a timer, and that no run hangs: `mkt doctor`,"
        " `mkt runs list`.",
        actor="us",
        fingerprint=fingerprint("", "local", "local.overdue", ""),
    )


def find_cause(causes: Sequence[Cause], part: str) -> Cause:
    """Return the cause whose fingerprint contains the part; raise `Refused` where there is none, or several are."""
    found = [cause for cause in causes if part and part.casefold() in cause.fingerprint]
    if not found:
        raise Refused(
            f"nothing that stands now has the cause {part or 'of an empty name'}",
            remedy="See `mkt triage`. A cause that was there before and is not there now has ended.",
        )
    if len(found) > 1:
        names = ", ".join(cause.fingerprint for cause in found[:5])
        raise Refused(f"{part} is part of {len(found)} causes: {names}", remedy="Give more of it.")
    return found[0]
