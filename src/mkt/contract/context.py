"""What a connector gets for one call."""

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel

from mkt.contract.changes import Record
from mkt.contract.configuration import ConnectorConfiguration
from mkt.contract.json import Json
from mkt.contract.runtime import ConnectorRuntime
from mkt.contract.streams import Stream

S = TypeVar("S", bound=BaseModel)
StepOutcome = Literal["pass", "warn", "fail", "skip"]


@dataclass(frozen=True, slots=True)
class Window:
    """A sync of only what changed in `[since, until)`; cursors do not move."""

    since: datetime | None = None
    until: datetime | None = None


class Step(Protocol):
    """One rung of the ladder. The marks do not branch: the code goes on after them."""

    def evidence(self, text: str) -> None:
        """Say what was seen: "240 workers, 3 of them terminated"."""
        ...

    def warn(self, text: str, *, remedy: str = "") -> None:
        """Mark the step as `warn`: it works, but somebody should know."""
        ...

    def skip(self, reason: str) -> None:
        """Mark the step as `skip`: it does not apply here."""
        ...


class Ladder(Protocol):
    """The steps that the manifest declares."""

    def step(self, step_id: str, *, optional: bool) -> AbstractContextManager[Step]: ...


class Secrets(Protocol):
    """The integration's secrets, resolved when they are asked for."""

    def get(self, name: str) -> str:
        """Raise `ConfigError` that lists every place tried."""
        ...

    def complete_set(self) -> str:
        """Return the first of the manifest's alternative sets of which every secret is there."""
        ...


class Progress(Protocol):
    """What the store knows of this integration's streams."""

    def cursor(self, stream: Stream) -> Json: ...
    def scopes(self, stream: Stream) -> AbstractSet[str]: ...
    def records(self, stream: Stream) -> Iterator[Record]: ...


class State(Protocol):
    """JSON that the integration remembers; committed with the checkpoint or the ledger entry."""

    def get(self, key: str) -> Json: ...
    def put(self, key: str, value: Json, *, ttl: timedelta | None = None) -> None: ...
    def take(self, key: str) -> Json:
        """Return the value and forget it: of two callers at once, one gets it and one gets None."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorContext(Generic[S]):
    """One call of one integration: its configuration and what it works with.

    `streams` are those this run is asked for; `window` is None unless the run has `--since` or `--until`. `root` is
    where partners reach this integration through `mkt serve`, without a slash at its end: empty where the operator
    has set no `public_url`. `content_items` gives the live ones of all of the tenant's integrations.
    """

    configuration: ConnectorConfiguration
    settings: S
    runtime: ConnectorRuntime
    state: State
    streams: frozenset[Stream]
    window: Window | None
    secrets: Secrets
    progress: Progress
    ladder: Ladder
    root: str = ""
    content_items: Callable[[], Iterable[Record]] = tuple

    def secret(self, name: str) -> str:
        """Return the value of a declared secret; raise `ConfigError` that lists every place tried."""
        return self.secrets.get(name)

    def secret_set(self) -> str:
        """Return which of the manifest's alternative sets of secrets is complete; raise `ConfigError` if none."""
        return self.secrets.complete_set()

    def cursor(self, stream: Stream) -> Json:
        """Return where the stream's sync left off; None means from the start."""
        return self.progress.cursor(stream)

    def scopes(self, stream: Stream) -> AbstractSet[str]:
        """Return the scopes of the stream that have records."""
        return self.progress.scopes(stream)

    def records(self, stream: Stream) -> Iterator[Record]:
        """Return the integration's own live records of a stream."""
        return self.progress.records(stream)

    def step(self, step_id: str) -> AbstractContextManager[Step]:
        """Open a declared step. A `ConnectorError` inside fails it and ends the ladder."""
        return self.ladder.step(step_id, optional=False)

    def optional_step(self, step_id: str) -> AbstractContextManager[Step]:
        """Open a declared step. A `ConnectorError` inside fails it, and the ladder goes on."""
        return self.ladder.step(step_id, optional=True)
