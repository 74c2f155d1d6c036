"""Forgetting and erasing in Supabase: a little in each call, all of it, and nothing of anybody else's."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.store.supabase.conftest import OpenOn, twice
from tests.supalocal.stack import LocalSupabase

from mkt.errors import Refused, StoreError
from mkt.runtime.supabase import SupabaseClient
from mkt.store.base import Pruned, Retention
from mkt.store.supabase import housekeeping
from mkt.store.supabase.store import SupabaseStore

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
KEPT = Retention(events=timedelta(days=90), runs=timedelta(days=365), tombstones=timedelta(days=30))
NORTHWIND, HOOLI = "northwind", "hooli"
WORDS = {"stream": "people", "level": "info", "state": "open", "verdict": "received"}
VALUES = {
    "boolean": "true",
    "bigint": "{number}",
    "integer": "1",
    "double precision": "1",
    "date": "current_date",
    "timestamp with time zone": "timestamptz '2020-01-01'",
    "jsonb": "'{{}}'",
    "ARRAY": "'{{x}}'",
    "bytea": "'\\x00'",
}
COLUMNS = """
select column_name, data_type from information_schema.columns
where table_schema = 'public' and table_name = %s and is_nullable = 'NO' and column_default is null
  and is_identity = 'NO'"""
TABLES = """
select c.table_name from information_schema.columns c
join information_schema.tables t using (table_schema, table_name)
where c.table_schema = 'public' and c.column_name = 'tenant_id' and t.table_type = 'BASE TABLE' order by 1"""
OF_STAGINGS = [f"integration_staging{part}" for part in ("", "_seen", "_lists", "_streams", "_completes")]


@pytest.fixture
def store(open_on: OpenOn, tmp_path: Path) -> SupabaseStore:
    return open_on(tmp_path / ".mkt")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows a call."""
    monkeypatch.setattr(housekeeping, "_CHUNK", 3)


def _fill(stack: LocalSupabase, tenant: str, number: int) -> None:
    """Write a row of each kind that names a tenant, and a staging with a row of each kind."""
    for table in [name for (name,) in stack.sql(TABLES) if name != "integrations"]:
        given = {"tenant_id": tenant, "integration": "roster", "name": "roster", "holder": "", "last_run_id": "last"}
        _insert(stack, table, number, **given)
    staging = stack.sql("select staging from public.integration_staging_runs where tenant_id = %s", tenant)[0][0]
    for table in OF_STAGINGS:
        _insert(stack, table, number, staging=staging)


def _insert(stack: LocalSupabase, table: str, number: int, **given: Any) -> None:
    columns = {}
    for column, kind in stack.sql(COLUMNS, table):
        text = f"'{WORDS.get(column, f'x{number}')}'" if kind == "text" else VALUES[kind].format(number=number)
        columns[column] = f"'{given[column]}'" if column in given else text
    insert = "insert into public.TABLE (COLUMNS) values (VALUES)".replace("TABLE", table)
    stack.sql(insert.replace("COLUMNS", ", ".join(columns)).replace("VALUES", ", ".join(columns.values())))


def _left(stack: LocalSupabase, tenant: str) -> list[str]:
    """Return the tables that have a row of the tenant."""
    tables = [name for (name,) in stack.sql(TABLES)]
    look = "select 1 from public.TABLE where tenant_id = %s limit 1"
    return [table for table in tables if stack.sql(look.replace("TABLE", table), tenant)]


def _counted(stack: LocalSupabase) -> dict[str, int]:
    count = "select count(*) from public.TABLE"
    return {table: stack.sql(count.replace("TABLE", table))[0][0] for table in OF_STAGINGS}


def _records(stack: LocalSupabase, tenant: str, first: int, last: int) -> None:
    stack.sql(
        "insert into public.integration_records select n, %s, 'roster', 'people', n::text, '', true, false,"
        " '2020-01-01', '2020-01-01', '{}' from generate_series(%s::integer, %s::integer) n",
        tenant,
        first,
        last,
    )


@pytest.mark.usefixtures("small")
def test_a_purge_leaves_no_row_of_the_tenant_in_any_table_and_all_of_the_others(
    store: SupabaseStore, supabase: LocalSupabase
) -> None:
    for number, tenant in enumerate((NORTHWIND, HOOLI), start=1):
        _fill(supabase, tenant, number)
    _records(supabase, NORTHWIND, 10, 20)
    before = _left(supabase, HOOLI)
    assert len(before) > 15
    store.purge(NORTHWIND)
    assert _left(supabase, NORTHWIND) == []
    assert _left(supabase, HOOLI) == before
    assert _counted(supabase) == dict.fromkeys(OF_STAGINGS, 1)


def test_a_purge_erases_the_tenants_wake_ups_too(store: SupabaseStore, supabase: LocalSupabase) -> None:
    for tenant in (NORTHWIND, HOOLI):
        message = f'{{"tenant": "{tenant}", "integration": "roster"}}'
        supabase.sql("select pgmq.send('mkt_sync', %s::jsonb)", message)
        supabase.sql("select pgmq.archive('mkt_sync', pgmq.send('mkt_sync', %s::jsonb))", message)
    store.purge(NORTHWIND)
    assert supabase.sql("select message ->> 'tenant' from pgmq.q_mkt_sync") == [(HOOLI,)]
    assert supabase.sql("select message ->> 'tenant' from pgmq.a_mkt_sync") == [(HOOLI,)]


@pytest.mark.usefixtures("small")
def test_a_purge_that_was_killed_is_completed_by_the_next_one(
    store: SupabaseStore, supabase: LocalSupabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(supabase, NORTHWIND, 1)
    _records(supabase, NORTHWIND, 10, 40)
    rpc, called = SupabaseClient.rpc, 0

    def killed(self: SupabaseClient, function: str, arguments: Any = None, **options: Any) -> Any:
        nonlocal called
        called += 1
        if called == 4:
            raise KeyboardInterrupt
        return rpc(self, function, arguments, **options)

    monkeypatch.setattr(SupabaseClient, "rpc", killed)
    with pytest.raises(KeyboardInterrupt):
        store.purge(NORTHWIND)
    assert supabase.sql("select cursor, as_of from public.integration_streams") == [(None, None)]
    assert supabase.sql("select count(*) from public.integration_holds") == [(0,)]
    with pytest.raises(Refused, match="northwind/roster is running"):
        store.purge(NORTHWIND)  # the leases of the one that was killed last for half a minute
    supabase.sql("update public.integration_leases set expires_at = now()")
    store.purge(NORTHWIND)
    assert _left(supabase, NORTHWIND) == []


@pytest.mark.usefixtures("small")
def test_a_purge_whose_answers_were_lost_erases_the_same(store: SupabaseStore, supabase: LocalSupabase) -> None:
    _fill(supabase, NORTHWIND, 1)
    _records(supabase, NORTHWIND, 10, 30)
    twice(store).purge(NORTHWIND)
    assert _left(supabase, NORTHWIND) == []


def test_a_run_that_commits_at_this_moment_refuses_the_purge_at_once(
    store: SupabaseStore, supabase: LocalSupabase
) -> None:
    _fill(supabase, NORTHWIND, 1)
    with psycopg.connect(supabase.dsn) as other:
        other.execute("select 1 from public.integration_leases for update")
        with pytest.raises(Refused, match="northwind/roster is running"):
            store.purge(NORTHWIND)


def test_a_tenant_that_is_still_configured_in_supabase_is_not_purged(
    store: SupabaseStore, supabase: LocalSupabase
) -> None:
    _fill(supabase, NORTHWIND, 1)
    before = _left(supabase, NORTHWIND)
    supabase.sql("insert into public.integrations (tenant_id, name, connector) values ('northwind', 'a', 'acme-hr')")
    with pytest.raises(Refused, match="still has integrations in Supabase") as refused:
        store.purge(NORTHWIND)
    assert "mkt config push northwind --delete" in refused.value.remedy
    assert _left(supabase, NORTHWIND) == [*before, "integrations"]


@pytest.mark.usefixtures("small")
def test_what_is_old_goes_in_small_transactions_and_is_counted(store: SupabaseStore, supabase: LocalSupabase) -> None:
    _fill(supabase, NORTHWIND, 1)
    supabase.sql("update public.integration_holds set state = 'approved', closed_at = '2020-01-01'")
    supabase.sql("update public.integration_records set deleted = true")
    _records(supabase, HOOLI, 10, 18)
    old = Pruned(events=1, runs=1, tombstones=10, stagings=1, holds=1, deliveries=1)
    assert store.prune(KEPT, NOW, dry_run=True) == old
    assert store.prune(KEPT, NOW) == old
    assert store.prune(KEPT, NOW) == store.prune(KEPT, NOW, dry_run=True) == Pruned()
    assert _counted(supabase) == dict.fromkeys(OF_STAGINGS, 0)


def test_a_prune_whose_answers_were_lost_forgets_the_same(store: SupabaseStore, supabase: LocalSupabase) -> None:
    _records(supabase, HOOLI, 10, 18)
    twice(store).prune(KEPT, NOW)
    assert supabase.sql("select count(*) from public.integration_records") == [(0,)]


def test_a_staging_whose_integration_runs_is_left_alone_and_the_others_go(
    store: SupabaseStore, supabase: LocalSupabase
) -> None:
    for number, tenant in enumerate((NORTHWIND, HOOLI), start=1):
        _fill(supabase, tenant, number)
    supabase.sql("""
        update public.integration_leases set holder = 'somebody', expires_at = now() + interval '1 minute'
        where tenant_id = 'northwind'""")
    assert store.prune(KEPT, NOW, dry_run=True).stagings == 2
    assert store.prune(KEPT, NOW).stagings == 1
    assert supabase.sql("select tenant_id from public.integration_staging_runs") == [(NORTHWIND,)]
    assert _counted(supabase) == dict.fromkeys(OF_STAGINGS, 1)


def test_the_last_day_of_an_integrations_deliveries_stays(store: SupabaseStore, supabase: LocalSupabase) -> None:
    for day in ("2020-01-01", "2020-01-02"):
        supabase.sql(
            "insert into public.integration_delivery_days values ('northwind', 'roster', %s, 1, 0, %s)", day, day
        )
    store.prune(KEPT, NOW)
    assert supabase.sql("select day::text from public.integration_delivery_days") == [("2020-01-02",)]


def test_a_backup_is_supabases_own(store: SupabaseStore, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="the store is in Supabase") as refused:
        store.backup(tmp_path / "copy.db")
    assert f"`mkt db copy --from supabase --to sqlite:{tmp_path / 'copy.db'}`" in refused.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_what_the_database_refuses_is_the_stores_error(store: SupabaseStore, supabase: LocalSupabase) -> None:
    supabase.sql("revoke execute on function public.mkt_prune(text, timestamptz, integer) from service_role")
    try:
        with pytest.raises(StoreError, match="the store in Supabase failed"):
            store.prune(KEPT, NOW)
    finally:
        supabase.sql("grant execute on function public.mkt_prune(text, timestamptz, integer) to service_role")
