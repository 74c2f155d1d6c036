"""What a store remembers of inbound deliveries: the ledger. A part of the store's contract."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Literal, NamedTuple, Protocol

from mkt.contract import Json
from mkt.store.changes import Row
from mkt.store.key import Key

Verdict = Literal["received", "rejected", "unroutable", "duplicate", "handled", "failed", "dead"]
"""`received` waits to be handled or is in work, `failed` is tried again where `next_try_at` says when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One inbound request and what came of it.

    An unroutable one has the key `Key("", "")`. `status` is what the partner was answered. `request` has the query
    and headers as they may be seen; `query` and `body` are kept for as long as the delivery may be handled again.
    `count` is over 1 where one entry stands for many that were refused in a flood.
    """

    id: str
    received_at: datetime
    key: Key
    connector: str = ""
    method: str
    path: str
    verdict: Verdict
    reason: str = ""
    status: int
    duration_ms: int = 0
    dedupe: str = ""
    """What the partner names the delivery by; no two of an integration have the same, unless one is dead."""
    attempts: int = 0
    next_try_at: datetime | None = None
    """When it is handled next or, while somebody is at work on it, when another may take it over."""
    count: int = 1
    request: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    """What was received and expected, what was changed, the failure."""
    query: str = ""
    body: bytes | None = None

    @property
    def target(self) -> str:
        """The integration as a person names it; empty where there is none."""
        return "/".join(self.key) if self.key.tenant else ""

    def as_duplicate(self, first: str, status: int) -> "Delivery":
        """Return what is told of it where the delivery `first` came before, which was answered with `status`."""
        return replace(
            self,
            verdict="duplicate",
            reason="it was accepted before",
            status=status,
            dedupe="",
            attempts=0,
            next_try_at=None,
            details={"first": first},
            query="",
            body=None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What is stored together with a delivery's ledger entry.

    `puts` are `context.state` values (name, value, expiry); `takes` those that were taken (name, value): where one of
    them is not there any more, nothing is stored. Without `kept` they are stored alone: the entry is one of a flood.
    """

    rows: Sequence[Row] = ()
    puts: Sequence[tuple[str, Json, datetime | None]] = ()
    takes: Sequence[tuple[str, Json]] = ()
    kept: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryQuery:
    """Which deliveries: of these integrations (None: all), these verdicts, since then, the newest `limit`."""

    keys: Collection[Key] | None = None
    verdicts: Collection[Verdict] = ()
    since: datetime | None = None
    limit: int = 50


class DeliveryDay(NamedTuple):
    """What an integration accepted on one day (UTC), and the longest silence, in seconds, that ended on it."""

    day: date
    number: int
    longest_gap: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryHistory:
    """An integration's deliveries by day, oldest first, and the last of them."""

    last_at: datetime
    days: Sequence[DeliveryDay]


class DeliveryStore(Protocol):
    """The methods of the store that are about deliveries."""

    def add_deliveries(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Store deliveries, on the disk when this returns, and return what became of each, in the same order.

        One whose `dedupe` is known already is not stored: it is returned as a duplicate, with the first one's
        `status`, and its `details` name the first one.
        """
        ...

    def keep_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Store what was refused; an entry that stands for many takes the place of the one of the same id."""
        ...

    def commit_delivery(self, delivery: Delivery, effects: Effects, *, claimed: int | None) -> dict[str, int] | None:
        """Store what came of a delivery together with its effects, and return how many records they changed.

        `claimed` is the number of the attempt; None for one that is not in the store yet. Return None, and store
        nothing, where another has claimed it meanwhile. Raise `StateTakenError` where a taken value is gone.
        """
        ...

    def claim_deliveries(
        self, now: datetime, until: datetime, limit: int, *, without: Collection[Key] = ()
    ) -> list[Delivery]:
        """Return waiting deliveries whose time has come, the oldest first; nobody else gets them before `until`.

        Those `without` are left alone. `attempts` counts the one that begins now.
        """
        ...

    def release_deliveries(self, claims: Mapping[str, int], now: datetime) -> None:
        """Give back what was claimed and not begun: ids, each with the number of the attempt."""
        ...

    def replay_deliveries(self, ids: Collection[str], until: datetime) -> list[Delivery]:
        """Begin anew with deliveries that were handled, have failed or are dead; return those where that is possible.

        They are claimed, with their first attempt, until then.
        """
        ...

    def deliveries(self, query: DeliveryQuery) -> list[Delivery]:
        """Return deliveries, newest first, without query and body."""
        ...

    def find_deliveries(self, part: str) -> list[Delivery]:
        """Return deliveries whose id contains `part`, the 20 newest of them, with query and body."""
        ...

    def dead_deliveries(
        self, since: datetime, keys: Collection[Key] | None = None
    ) -> dict[Key, tuple[int, Delivery]]:
        """Count what came since and is dead, by integration, and return the last of each, without query and body."""
        ...

    def delivery_history(self, since: date, keys: Collection[Key] | None = None) -> dict[Key, DeliveryHistory]:
        """Return what was accepted of each integration that ever had a delivery, by day since then."""
        ...


class StateTakenError(Exception):
    """A value that a connector took from `context.state` was taken by another meanwhile."""
