"""Purge and prune while the same and other tenants are synced and called: each does what it says, nobody fails."""

import os
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.store.conftest import row
from tests.store.supabase.conftest import OpenOn
from tests.store.supabase.test_housekeeping import OF_STAGINGS, _left
from tests.supalocal.stack import LocalSupabase

from mkt.contract import Complete, ConnectorEvent
from mkt.errors import LeaseLost, Refused
from mkt.store.base import Batch, IntegrationState, Key, Retention, Run
from mkt.store.deliveries import Delivery
from mkt.store.supabase.store import SupabaseStore

ROUNDS = int(os.environ.get("CRASH_RUNS", "10"))
AT_ONCE = Retention(events=timedelta(), runs=timedelta(), tombstones=timedelta(), holds=timedelta())
LEAVES, STAYS = "leaves", "stays"
Work = Callable[[SupabaseStore, int], None]


def _now() -> datetime:
    return datetime.now(UTC)


def _sync(tenant: str) -> Work:
    def work(store: SupabaseStore, number: int) -> None:
        key, run_id = Key(tenant, "roster"), f"{tenant}-{number:03}"
        lease = store.acquire(key)
        if lease is None:  # the purge has it, or has just taken it away
            return
        with suppress(LeaseLost):
            writer = store.open_sync(lease, run_id=run_id, streams=("people",), fingerprint="f")
            rows = [row(f"{each}", number) for each in range(number, number + 30)]
            writer.write(Batch(rows=rows, completes=[Complete("people", "", "snapshot")], cursors={"people": number}))
            if number % 4 == 3 and not writer.direct:
                store.reject(lease, writer.hold(connector="x", reasons=["much"], as_of=_now()).id)
            else:
                writer.promote(_now())
            run = Run(id=run_id, command="sync", key=key, connector="x", started_at=_now(), finished_at=_now())
            store.finish_run(run, IntegrationState(key=key, last_run_id=run_id, last_outcome="ok"), lease)
        store.add_events([ConnectorEvent(event="sync.completed", message="", timestamp=_now(), tenant=tenant)])

    return work


def _call(store: SupabaseStore, number: int) -> None:
    for tenant in (LEAVES, STAYS):
        key = Key(tenant, "roster")
        waiting = _now() + timedelta(hours=1)
        given = {"method": "POST", "path": "/", "received_at": _now(), "verdict": "received", "status": 202}
        store.add_deliveries([Delivery(id=f"{tenant}-{number:03}", key=key, next_try_at=waiting, **given)])  # type: ignore[arg-type]
        store.memory_put(key, f"{number % 3}", number, waiting)


def _prune(store: SupabaseStore, _: int) -> None:
    store.prune(AT_ONCE, _now())


def _purge(store: SupabaseStore, _: int) -> None:
    with suppress(Refused):
        store.purge(LEAVES)


def test_nobody_fails_and_nobody_elses_rows_go(open_on: OpenOn, supabase: LocalSupabase, tmp_path: Path) -> None:
    failed: list[BaseException] = []

    def repeat(work: Work, host: str) -> None:
        try:
            with closing(open_on(tmp_path / host / ".mkt")) as store:
                for number in range(ROUNDS):
                    work(store, number)
        except BaseException as error:  # noqa: BLE001 - of whatever kind
            failed.append(error)

    works = [_sync(LEAVES), _sync(STAYS), _call, _prune, _purge]
    threads = [threading.Thread(target=repeat, args=(work, f"host{number}")) for number, work in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    store = open_on(tmp_path / ".mkt")
    key = Key(STAYS, "roster")
    for number in range(ROUNDS, ROUNDS + 2):
        _sync(STAYS)(store, number)
    live = {record.external_id: record.data["title"] for record in store.records(keys=[key], deleted=False)}
    last = ROUNDS + 1 if ROUNDS % 4 != 2 else ROUNDS
    assert live == {f"{each}": last for each in range(last, last + 30)}
    waiting = "select count(*) from public.integration_deliveries where tenant_id = %s"
    assert supabase.sql(waiting, STAYS) == [(ROUNDS,)]
    store.purge(LEAVES)
    assert _left(supabase, LEAVES) == []
    for table in OF_STAGINGS:
        orphans = f"select count(*) from public.{table} where staging not in (select staging from public.integration_staging_runs)"  # noqa: S608, E501 - constants of this file
        assert supabase.sql(orphans) == [(0,)]
