"""What verify and sync report: results of integrations, a summary, an exit code. `output/` prints it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from mkt.contract import Actor, Category, ErrorClass, StepOutcome, Stream
from mkt.engine.tally import exit_code_of, summary_of
from mkt.store.base import ChangedRecord, Hold

VerifyOutcome = Literal["pass", "warn", "fail", "deferred"]
SyncOutcome = Literal["ok", "failed", "held", "deferred", "skipped"]
Command = Literal["verify", "sync"]

_COUNTS = ("created", "updated", "unchanged", "deleted", "absent", "invalid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an integration failed, in the words of DESIGN section 5."""

    error_class: ErrorClass
    code: str
    message: str
    remedy: str
    actor: Actor
    fingerprint: str
    retry_at: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the `error` object of an event."""
        fields = asdict(self)
        error = {"class": fields.pop("error_class"), **fields}
        retry_at = error.pop("retry_at")
        return error if retry_at is None else {**error, "retry_at": retry_at.isoformat()}


def stored_failure(error: Mapping[str, Any]) -> Failure:
    """Return what `Failure.as_dict` has stored; another version may have stored less."""
    until = error.get("retry_at")
    return Failure(
        error_class=error.get("class", "bug"),
        code=str(error.get("code", "")),
        message=str(error.get("message", "")),
        remedy=str(error.get("remedy", "")),
        actor=error.get("actor", "us"),
        fingerprint=str(error.get("fingerprint", "")),
        retry_at=datetime.fromisoformat(until) if isinstance(until, str) else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """One rung of the ladder; `ms` is how long it took."""

    step: str
    title: str
    outcome: StepOutcome
    evidence: str = ""
    remedy: str = ""
    actor: Actor | None = None
    ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Why a change set waits for a person. Without an id it is a dry run's: a sync would be held.

    It is "reopened" where the same change set was rejected before, "open" where an earlier run was held.
    """

    reasons: tuple[str, ...]
    hold_id: str = ""
    standing: Literal["new", "reopened", "open"] = "new"
    opened_at: datetime | None = None
    beside: str = ""
    """Of a dry run's: the hold that is open already, which comes first."""


def held_by(hold: Hold, standing: Literal["new", "reopened", "open"]) -> Held:
    """Return what a result says of a hold."""
    return Held(reasons=hold.reasons, hold_id=hold.id, standing=standing, opened_at=hold.opened_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamCounts:
    """What a sync did to one stream; `absent` are missing for the first time and still there."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    absent: int = 0
    invalid: int = 0

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return {name: getattr(self, name) for name in _COUNTS}

    @property
    def changes(self) -> int:
        """How many records are another now, or soon."""
        return self.created + self.updated + self.deleted + self.absent


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one integration. A broken tenant file has no integration and no connector."""

    tenant: str
    integration: str | None
    connector: str | None = None
    category: Category | None = None
    run_id: str | None = None
    outcome: VerifyOutcome | SyncOutcome
    failure: Failure | None = None
    held: Held | None = None
    note: str = ""
    """Why it was deferred or skipped, or what else a person should know."""
    next_command: str = ""
    """What to type to have it run, where it was left alone."""
    next_due_at: datetime | None = None
    """Of a sync that did not come to a good end: when the schedule has it tried again."""
    disabled: bool = False
    """Of a verify, which a target takes to disabled integrations too."""
    duration_ms: int = 0
    steps: tuple[StepResult, ...] = ()
    streams: Mapping[str, StreamCounts] = field(default_factory=dict)
    invalid_places: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Where the first records that were left out stood, by stream."""
    preview: Mapping[Stream, tuple[ChangedRecord, ...]] = field(default_factory=dict)
    """Of a dry run, by stream. Personal data: for the person who asked, never for an event."""

    @property
    def target(self) -> str:
        return f"{self.tenant}/{self.integration}" if self.integration else self.tenant

    @property
    def totals(self) -> StreamCounts:
        """The counts of all streams together."""
        return StreamCounts(**{n: sum(getattr(s, n) for s in self.streams.values()) for n in _COUNTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class NotDue:
    """An integration that a sync left alone: when its turn comes (None: only on request)."""

    target: str
    next_due_at: datetime | None
    stopped: Literal["held", "paused"] | None = None
    """Why its turn does not come, not even with `--now`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One `mkt verify` or `mkt sync`."""

    command: Command
    results: tuple[Result, ...]
    not_due: tuple[NotDue, ...] = ()
    stopped: Literal["interrupted", "terminated"] | None = None
    duration_ms: int = 0
    dry_run: bool = False

    def count(self, *outcomes: str) -> int:
        return sum(result.outcome in outcomes for result in self.results)

    @property
    def exit_code(self) -> int:
        return exit_code_of(self._outcomes(), self.stopped)

    def summary(self) -> dict[str, Any]:
        """Return the details of the `run.summary` event."""
        outcomes = {**self._outcomes(), "not_due": len(self.not_due)}
        return summary_of(self.command, outcomes, exit_code=self.exit_code, duration_ms=self.duration_ms)

    def _outcomes(self) -> Counter[str]:
        return Counter(result.outcome for result in self.results)
