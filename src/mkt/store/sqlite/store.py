"""The store as the engine sees it: each method's work is done in the file of its subject."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Self

from mkt.contract import ConnectorEvent, Json, JsonObject, Stream
from mkt.runtime.budgets import Budgets
from mkt.store.alerts import Alert, AlertMessage
from mkt.store.base import (
    ChangedRecord,
    Connection,
    EventQuery,
    Hold,
    IntegrationState,
    Key,
    Lease,
    Part,
    Pruned,
    Retention,
    Run,
    StoredRecord,
    SyncWriter,
)
from mkt.store.deliveries import Delivery, DeliveryHistory, DeliveryQuery, Effects
from mkt.store.sqlite import (
    alerts,
    backup,
    headers,
    history,
    holds,
    memory,
    opening,
    purge,
    records,
    retention,
    states,
    syncing,
    verdicts,
)
from mkt.store.sqlite import deliveries as ledger
from mkt.store.sqlite import tenants as of_tenants
from mkt.store.sqlite.connection import Database
from mkt.store.sqlite.leases import Leases, end_lease
from mkt.store.sqlite.pace import SqliteBudgets


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SqliteStore:
    """What mkt remembers, in one file of one host, for any number of threads and processes."""

    def __init__(self, path: Path, now: Callable[[], datetime], monotonic: Callable[[], float]) -> None:
        self._database = Database(path)
        self._leases = Leases(self._database, monotonic)
        self._budgets = SqliteBudgets(path, now, monotonic)
        self._now = now

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        now: Callable[[], datetime] = _utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> Self:
        """Open the store, made where it is missing. Raise `StartError` when it cannot be used."""
        path = path.absolute()
        opening.prepare(path)
        return cls(path, now, monotonic)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._leases.close()
        self._budgets.close()
        self._database.close()

    def add_events(self, events: Sequence[ConnectorEvent]) -> None:
        history.add_events(self._database, events)

    def events(self, query: EventQuery) -> Iterator[ConnectorEvent]:
        return history.events(self._database, query)

    def start_run(self, run: Run, *, killed: JsonObject | None = None) -> None:
        with self._database.write() as connection:
            history.start_run(connection, run, killed)

    def finish_run(self, run: Run, state: IntegrationState | None = None, lease: Lease | None = None) -> None:
        with self._database.write() as connection:
            if lease is not None:
                end_lease(connection, lease)
            history.save_run(connection, run)
            if run.outcome != "ok":  # as which no staging is left
                headers.touch(connection, run.id, self._now())
            if state is not None:
                states.save_state(connection, state)
        if lease is not None:
            self._leases.ended(lease)

    def runs(self, keys: Collection[Key] | None = None, *, limit: int = 50) -> list[Run]:
        return history.runs(self._database, keys, limit)

    def find_runs(self, part: str) -> list[Run]:
        return history.find_runs(self._database, part)

    def states(self, keys: Collection[Key] | None = None, *, streams: bool = True) -> dict[Key, IntegrationState]:
        return states.states(self._database, keys, streams=streams)

    def set_connection(self, key: Key, connection: Connection, now: datetime) -> Connection | None:
        return states.set_connection(self._database, key, connection, now)

    def resume(self, key: Key) -> datetime | None:
        return states.resume(self._database, key)

    def acquire(self, key: Key) -> Lease | None:
        return self._leases.acquire(key)

    def holder(self, key: Key) -> str:
        return self._leases.holder(key)

    def renew(self, leases: Collection[Lease]) -> None:
        self._leases.renew(leases)

    def release(self, lease: Lease) -> None:
        self._leases.release(lease)

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
        request = syncing.Request(
            lease=lease,
            run_id=run_id,
            streams=frozenset(streams),
            fingerprint=fingerprint,
            fresh=fresh,
            dry_run=dry_run,
            windowed=windowed,
            begins=begins,
            killed=killed,
        )
        return syncing.open_writer(self._database, request, self._now)

    def holds(self, keys: Collection[Key] | None = None, *, closed: bool = True) -> list[Hold]:
        return holds.find(self._database, keys=keys, closed=closed)

    def find_holds(self, part: str) -> list[Hold]:
        return holds.find(self._database, part=part)

    def hold_records(
        self, hold_id: str, limit: int, streams: Collection[Stream] = ()
    ) -> dict[Stream, list[ChangedRecord]]:
        return holds.records(self._database, hold_id, limit, streams)

    def approve(self, lease: Lease, hold_id: str, *, state: IntegrationState, reason: str = "") -> Hold:
        return verdicts.approve(self._database, lease, hold_id, state=state, reason=reason, now=self._now())

    def approve_part(self, lease: Lease, hold_id: str, part: Collection[Part], *, state: IntegrationState) -> Hold:
        return verdicts.approve_part(self._database, lease, hold_id, part, state=state, now=self._now())

    def reject(self, lease: Lease, hold_id: str, *, reason: str = "") -> Hold:
        renew = partial(self.renew, [lease])
        return verdicts.reject(self._database, lease, hold_id, reason=reason, now=self._now(), renew=renew)

    def memory_get(self, key: Key, name: str, now: datetime) -> Json:
        return memory.get(self._database, key, name, now)

    def memory_put(self, key: Key, name: str, value: Json, expires_at: datetime | None) -> None:
        with self._database.write() as connection:
            memory.put(connection, key, [(name, value, expires_at)], self._now())

    def memory_take(self, key: Key, name: str, now: datetime) -> Json:
        return memory.take(self._database, key, name, now)

    def scopes(self, key: Key, stream: Stream) -> AbstractSet[str]:
        return records.scopes(self._database, key, stream)

    def records(
        self,
        *,
        keys: Collection[Key] | None = None,
        stream: Stream | None = None,
        since_seq: int = 0,
        deleted: bool = True,
        limit: int | None = None,
    ) -> Iterator[StoredRecord]:
        return records.records(
            self._database, keys=keys, stream=stream, since_seq=since_seq, deleted=deleted, limit=limit
        )

    def counts(self, keys: Collection[Key] | None = None) -> dict[tuple[Key, Stream], tuple[int, int]]:
        return records.counts(self._database, keys)

    def failing_since(self) -> dict[tuple[Key, str], datetime]:
        return alerts.failing_since(self._database)

    def open_alerts(self) -> list[Alert]:
        return alerts.open_alerts(self._database)

    def record_alerts(self, found: Sequence[Alert], sinks: Collection[str], as_of: datetime) -> None:
        with self._database.write() as connection:
            alerts.record(connection, found, sinks, as_of)

    def claim_alerts(
        self, sinks: Collection[str], *, now: datetime, until: datetime, most: int, limit: int
    ) -> list[AlertMessage]:
        with self._database.write() as connection:
            return alerts.claim(connection, sinks, now=now, until=until, most=most, limit=limit)

    def settle_alert(self, message: AlertMessage, *, error: str = "", retry_at: datetime | None = None) -> None:
        with self._database.write() as connection:
            alerts.settle(connection, message, error, retry_at)

    def release_alert(self, message: AlertMessage, now: datetime) -> None:
        with self._database.write() as connection:
            alerts.release(connection, message, now)

    def unsent_alerts(self) -> list[AlertMessage]:
        return alerts.unsent(self._database)

    def add_deliveries(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        return ledger.add(self._database, deliveries)

    def keep_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        with self._database.write() as connection:
            ledger.keep(connection, deliveries)

    def commit_delivery(self, delivery: Delivery, effects: Effects, *, claimed: int | None) -> dict[str, int] | None:
        with self._database.write() as connection:
            return ledger.commit(connection, delivery, effects, claimed, self._now())

    def claim_deliveries(
        self, now: datetime, until: datetime, limit: int, *, without: Collection[Key] = ()
    ) -> list[Delivery]:
        return ledger.claim(self._database, now, until, limit, without)

    def release_deliveries(self, claims: Mapping[str, int], now: datetime) -> None:
        with self._database.write() as connection:
            ledger.release(connection, claims, now)

    def replay_deliveries(self, ids: Collection[str], until: datetime) -> list[Delivery]:
        with self._database.write() as connection:
            return ledger.replay(connection, ids, until)

    def deliveries(self, query: DeliveryQuery) -> list[Delivery]:
        return ledger.newest(self._database, query)

    def find_deliveries(self, part: str) -> list[Delivery]:
        return ledger.find(self._database, part)

    def dead_deliveries(
        self, since: datetime, keys: Collection[Key] | None = None
    ) -> dict[Key, tuple[int, Delivery]]:
        return ledger.dead(self._database, since, keys)

    def delivery_history(self, since: date, keys: Collection[Key] | None = None) -> dict[Key, DeliveryHistory]:
        return ledger.past(self._database, since, keys)

    def prune(self, kept: Retention, now: datetime, *, dry_run: bool = False) -> Pruned:
        return retention.prune(self._database, self._leases, kept, now, dry_run=dry_run)

    def backup(self, path: Path) -> None:
        backup.backup(self._database, path)

    def known_keys(self, tenants: Collection[str]) -> AbstractSet[Key]:
        return of_tenants.known_keys(self._database, tenants)

    def has_tenant(self, tenant: str) -> bool:
        return of_tenants.has_tenant(self._database, tenant)

    def purge(self, tenant: str) -> None:
        purge.purge(self._database, self._leases, tenant)
        self._budgets.purge(tenant)

    @property
    def budgets(self) -> Budgets:
        return self._budgets
