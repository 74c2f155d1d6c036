"""What a store promises. Every store passes the same contract tests (`tests/store/`)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from mkt.contract import Complete, ConnectorEvent, EventName, Json, JsonObject, Level, Stream
from mkt.runtime.budgets import Budgets
from mkt.store.alerts import AlertStore
from mkt.store.changes import DIGEST_BYTES, Change, ChangedRecord, Hold, Part, Row, StreamChanges
from mkt.store.deliveries import DeliveryStore
from mkt.store.key import Key
from mkt.store.tenants import TenantStore

__all__ = ["DIGEST_BYTES", "Change", "ChangedRecord", "Hold", "Key", "Part", "Row", "StreamChanges"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One verify or sync of one integration. `outcome` is "running" until it has finished."""

    id: str
    command: str
    key: Key
    connector: str
    started_at: datetime
    finished_at: datetime | None = None
    outcome: str = "running"
    error: JsonObject | None = None
    details: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """Where a stream's sync left off; `as_of` is when its last finished sync began."""

    cursor: Json = None
    as_of: datetime | None = None


Connection = Literal["connected", "degraded", "reauth", "disconnected"]
"""How the line to the partner stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationState:
    """What the engine knows of an integration between runs.

    `failures` counts failed syncs in a row, `fingerprint` is of the settings, the connector's version and the
    manifest's streams at the last finished sync, `schedule` is the one that `next_due_at` was computed with.
    """

    key: Key
    next_due_at: datetime | None = None
    last_run_id: str = ""
    last_outcome: str = ""
    last_error: JsonObject | None = None
    last_finished_at: datetime | None = None
    last_ok_at: datetime | None = None
    last_change_at: datetime | None = None
    failures: int = 0
    fingerprint: str = ""
    schedule: str = ""
    refusals: int = 0
    """Failed syncs in a row that only a person can mend: so many of them pause the integration."""
    paused_at: datetime | None = None
    paused_with: str = ""
    """A digest of what its file said when it was paused."""
    connection: Connection | None = None
    connection_since: datetime | None = None
    hold_id: str = ""
    """Of the open hold. Like `streams` it is read here and written elsewhere."""
    streams: Mapping[str, StreamState] = field(default_factory=dict)


class Lease(NamedTuple):
    """The right to run one integration. Every commit checks `epoch`."""

    key: Key
    holder: str
    epoch: int


@dataclass(slots=True)
class Batch:
    """What one commit stores: rows in the order they were yielded, and the cursor that they belong to."""

    rows: list[Row] = field(default_factory=list)
    completes: list[Complete] = field(default_factory=list)
    cursors: dict[Stream, Json] = field(default_factory=dict)
    invalid: dict[Stream, int] = field(default_factory=dict)
    memory: list[tuple[str, Json, datetime | None]] = field(default_factory=list)
    """`context.state` puts: key, value, expiry."""


class SyncWriter(Protocol):
    """One run's way into the store.

    *Direct* while no stream of the integration has ever finished: rows are visible at once, absence deletes
    nothing. *Staged* in every other run: rows wait on disk, with a staged cursor in the same transaction, until
    `promote` applies records and cursors of all streams together.
    """

    @property
    def direct(self) -> bool: ...
    @property
    def resumed(self) -> bool:
        """Tell whether the run goes on from the staging, or the first load, that an earlier one left."""
        ...

    @property
    def batches_at_once(self) -> int:
        """Return how many of the engine's batches make a good commit: over a network each costs a round trip."""
        ...

    def cursor(self, stream: Stream) -> Json:
        """Return where to start: the staged cursor, else the committed one, else None."""
        ...

    def write(self, batch: Batch) -> None:
        """Store one batch in one transaction. Raise `LeaseLost` when the epoch has moved on.

        The batch may still be on its way when this returns. Every later call waits for it, and raises what kept it
        from being stored; then no other batch is.
        """
        ...

    def settle(self) -> None:
        """Return when all that was written is stored; raise what kept it from being."""
        ...

    def end(self, cursors: Mapping[Stream, Json], rest: Batch | None = None) -> None:
        """Take the last rows, and the last cursors, which `promote` and `hold` store.

        The rows of a direct run may wait for `promote` too: `changes` may lack them until then.

        Until then they stand nowhere: a run that is killed before goes on at the end of its listing, not behind it,
        as if the listing had counted already.
        """
        ...

    def changes(self) -> dict[Stream, StreamChanges]:
        """Return what `promote` would apply or, of a direct run, what was applied."""
        ...

    def preview(self, limit: int) -> dict[Stream, list[ChangedRecord]]:
        """Return the first `limit` records of each stream that `promote` would change; none of a direct run."""
        ...

    def promote(self, as_of: datetime) -> dict[Stream, StreamChanges]:
        """Apply everything in one transaction and return it; the streams are finished `as_of` then."""
        ...

    def hold(self, *, connector: str, reasons: Sequence[str], as_of: datetime) -> Hold:
        """Apply nothing, and give the staging to a hold: no later run goes on from it.

        A rejected hold of the same change set is opened again instead of a new one.
        """
        ...

    def discard(self) -> None:
        """Forget the staging. Without this it is kept, and a run within 24 h resumes it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """A record as it is exported. `seq` follows commit order over the whole store."""

    seq: int
    key: Key
    stream: Stream
    external_id: str
    data: dict[str, Any]
    first_seen_at: datetime
    changed_at: datetime
    deleted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Which events: of these integrations (None: all), after this id, the newest `limit` of them.

    Events of a tenant as a whole have the key `Key(tenant, "")`.
    """

    keys: Collection[Key] | None = None
    run_id: str = ""
    levels: Collection[Level] = ()
    names: Collection[EventName] = ()
    after_id: str = ""
    limit: int | None = None


class Retention(NamedTuple):
    """How long each kind of history is kept. Leftovers of runs are kept for `STAGING_KEPT`."""

    events: timedelta
    runs: timedelta
    tombstones: timedelta
    holds: timedelta = timedelta(days=30)
    """Of closed ones; an open one is never forgotten."""
    deliveries: timedelta = timedelta(days=30)
    """Of those that wait for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """How much of each kind was older than that."""

    events: int = 0
    runs: int = 0
    tombstones: int = 0
    stagings: int = 0
    holds: int = 0
    deliveries: int = 0


class Store(AlertStore, DeliveryStore, TenantStore, Protocol):
    """What mkt remembers. Safe to use from several threads and several processes.

    Times are aware. Every method raises `StoreError` (a `LocalError`) when the disk or the database fails.
    """

    def close(self) -> None: ...

    # what happened
    def add_events(self, events: Sequence[ConnectorEvent]) -> None: ...
    def events(self, query: EventQuery) -> Iterator[ConnectorEvent]:
        """Return events in order of time; those after an id in the order in which they arrived."""
        ...

    def start_run(self, run: Run, *, killed: JsonObject | None = None) -> None:
        """Store a run that begins.

        With `killed`, every other run of the command that still counts as running is marked as failed with this
        error: who holds the integration's lease knows that it will not come to its end.
        """
        ...

    def finish_run(self, run: Run, state: IntegrationState | None = None, lease: Lease | None = None) -> None:
        """Store the finished run and, in the same transaction, the new state (its `streams` are not written).

        The lease ends with it: later commits under it are refused. Raise `LeaseLost` when its epoch has moved on.
        """
        ...

    def runs(self, keys: Collection[Key] | None = None, *, limit: int = 50) -> list[Run]:
        """Return the newest runs, newest first."""
        ...

    def find_runs(self, part: str) -> list[Run]:
        """Return the runs whose id contains `part`."""
        ...

    # where everything stands
    def states(self, keys: Collection[Key] | None = None, *, streams: bool = True) -> dict[Key, IntegrationState]:
        """Return the state of these integrations, of all in one query when none are named.

        Without `streams` those are left empty: who looks at a whole fleet has no use for every cursor.
        """
        ...

    def set_connection(self, key: Key, connection: Connection, now: datetime) -> Connection | None:
        """Note how the line stands, without a sync, and return how it stood before. One change is one caller's."""
        ...

    def resume(self, key: Key) -> datetime | None:
        """Count refusals anew and end the pause that they led to.

        Return when it began, None where there is none, or another caller has ended it.
        """
        ...

    # one at a time
    def acquire(self, key: Key) -> Lease | None:
        """Take the lease, None while another live holder has it."""
        ...

    def holder(self, key: Key) -> str:
        """Return whose the lease is, such as "process 4711 on host box"; nothing where nobody has it."""
        ...

    def renew(self, leases: Collection[Lease]) -> None:
        """Heartbeat: keep these leases for another 30 s."""
        ...

    def release(self, lease: Lease) -> None:
        """Give the lease back; a later commit under it is refused with `LeaseLost`."""
        ...

    # syncing
    def open_sync(
        self,
        lease: Lease,
        *,
        run_id: str,
        streams: Collection[Stream],
        fingerprint: str,
        fresh: bool = False,
        dry_run: bool = False,
        windowed: bool = False,
        begins: Run | None = None,
        killed: JsonObject | None = None,
    ) -> SyncWriter:
        """Open a run's writer and, with `begins`, store the run as `start_run` does.

        `fresh` starts the streams from None and discards what an earlier run left; so does another fingerprint
        or another set of streams. `dry_run` is always staged, never resumed and never promoted. `windowed`
        moves no cursor and ignores `Complete`.
        """
        ...

    # what the guard stopped
    def holds(self, keys: Collection[Key] | None = None, *, closed: bool = True) -> list[Hold]:
        """Return the holds, open ones first, then the newest."""
        ...

    def find_holds(self, part: str) -> list[Hold]:
        """Return the holds whose id contains `part`, open ones first."""
        ...

    def hold_records(
        self, hold_id: str, limit: int, streams: Collection[Stream] = ()
    ) -> dict[Stream, list[ChangedRecord]]:
        """Return the first `limit` records that are in an open hold, of each stream or of `streams` alone."""
        ...

    def approve(self, lease: Lease, hold_id: str, *, state: IntegrationState, reason: str = "") -> Hold:
        """Apply exactly what the hold shows, an absence as a delete, move the cursors, store the new state, close it.

        All in one transaction. Raise `Refused` where the hold is not open any more, or where a record that it touches
        is not the one any more that it shows; `LeaseLost` when the epoch has moved on.
        """
        ...

    def approve_part(self, lease: Lease, hold_id: str, part: Collection[Part], *, state: IntegrationState) -> Hold:
        """Apply these kinds of changes, store the new state, and return the hold with what is left in it.

        It stays open and the cursors stay. Raise as `approve`.
        """
        ...

    def reject(self, lease: Lease, hold_id: str, *, reason: str = "") -> Hold:
        """Forget what the hold would change and close it. Raise as `approve`."""
        ...

    # context.state
    def memory_get(self, key: Key, name: str, now: datetime) -> Json: ...
    def memory_put(self, key: Key, name: str, value: Json, expires_at: datetime | None) -> None: ...
    def memory_take(self, key: Key, name: str, now: datetime) -> Json: ...

    # reading
    def scopes(self, key: Key, stream: Stream) -> AbstractSet[str]: ...
    def records(
        self,
        *,
        keys: Collection[Key] | None = None,
        stream: Stream | None = None,
        since_seq: int = 0,
        deleted: bool = True,
        limit: int | None = None,
    ) -> Iterator[StoredRecord]:
        """Return records in order of `seq`, without holding a lock while the caller reads."""
        ...

    def counts(self, keys: Collection[Key] | None = None) -> dict[tuple[Key, Stream], tuple[int, int]]:
        """Return live and deleted records of each stream that has any."""
        ...

    # housekeeping
    def prune(self, kept: Retention, now: datetime, *, dry_run: bool = False) -> Pruned:
        """Forget what is older than it is kept, in small transactions; `dry_run` counts it only.

        The last run of each integration stays, and so does the staging of a run that goes on.
        """
        ...

    def backup(self, path: Path) -> None:
        """Copy everything, as of one moment, to a new file that only its owner can read.

        Raise `Refused` where the file exists or cannot be made; a copy that is not whole is never left behind.
        """
        ...

    # the partners' pace
    @property
    def budgets(self) -> Budgets:
        """What was spent of the partners' budgets, for all processes."""
        ...


STAGING_KEPT = timedelta(hours=24)
LEASE_EXPIRY = timedelta(seconds=30)
