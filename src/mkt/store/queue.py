"""The queue that wakes workers, any number of processes on any number of hosts, when an integration's time has come.

It wakes and does not remember. What is due stays due until a run of it has finished, so a message that is lost is
sent again by whoever fills the queue, and one that comes twice finds nothing due. No integration has two messages at
a time.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, runtime_checkable

from mkt.store.key import Key


class Message(NamedTuple):
    """One wake-up in a worker's hand. `tries` counts the times that it was taken, this one included."""

    id: int
    tries: int
    key: Key
    enqueued_at: datetime


class Planned(NamedTuple):
    """When an integration is due, where its state does not say so; None for never."""

    key: Key
    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How much waits. `taken` is in somebody's hands, or was given back for later."""

    waiting: int
    taken: int
    oldest: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waker:
    """The job that fills the queue once a minute, and how its last run ended."""

    active: bool
    last_started_at: datetime | None
    last_status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLook:
    """What is there; None for what is not set up. `now` is the time of the clock that fills the queue."""

    depth: Depth | None
    waker: Waker | None
    now: datetime | None = None


class Queue(Protocol):
    """Safe to use from several threads. Every method raises `StoreError` where the queue cannot be asked.

    A message is the worker's that took it last: whoever stood still for longer than it may has no say any more.
    """

    def read(self, count: int, seconds: float) -> list[Message]:
        """Take at most so many messages; after `seconds` those come back that nobody has kept or archived.

        The oldest come first, of the tenants that have the fewest in somebody's hands.
        """
        ...

    def extend(self, messages: Collection[Message], seconds: float) -> None:
        """Keep these messages for so long from now."""
        ...

    def archive(self, message: Message, due_at: datetime | None) -> bool:
        """Be done with a message; the integration is due next then. False where it was another worker's by now."""
        ...

    def release(self, message: Message, seconds: float) -> bool:
        """Give a message back untried, for others to have after so long. Return as `archive`."""
        ...

    def plan(self, planned: Collection[Planned]) -> int:
        """Take all that the states do not say, of every integration, and return how many were woken at once."""
        ...

    def look(self) -> QueueLook: ...


@runtime_checkable
class Queued(Protocol):
    """A store that has a queue."""

    @property
    def queue(self) -> Queue: ...
