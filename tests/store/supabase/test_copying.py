"""What a copy over Supabase withstands: lost answers, two at once, other rows."""

from pathlib import Path

import pytest
from tests.store.conftest import Clock
from tests.store.supabase.conftest import OpenOn, Twice
from tests.store.test_copying import fill, portrait
from tests.supalocal.stack import LocalSupabase

from mkt.errors import Refused, StartError
from mkt.runtime.supabase import open_supabase
from mkt.runtime.supabase_access import find_access
from mkt.store import copying
from mkt.store.sqlite import SqliteStore
from mkt.store.sqlite.copying import open_source
from mkt.store.supabase.copying import SupabaseTarget, open_target


@pytest.fixture
def path(tmp_path: Path, held_clock: Clock) -> Path:
    """A SQLite store with something of everything."""
    found = tmp_path / "old" / "mkt.db"
    with SqliteStore.open(found, now=held_clock.now, monotonic=held_clock.monotonic) as store:
        fill(store, held_clock)
    return found


def test_an_answer_that_is_lost_is_no_harm(
    path: Path, held_clock: Clock, supabase: LocalSupabase, tmp_path: Path, open_on: OpenOn
) -> None:
    access = find_access(tmp_path, supabase.environment)
    with open_supabase(access) as client, open_source(path) as source:
        target = SupabaseTarget(client, access.url)
        target._calls = Twice(client)
        assert not copying.copy(source, target, lambda *_: None).resumed
    with SqliteStore.open(path, now=held_clock.now, monotonic=held_clock.monotonic) as old:
        assert portrait(open_on(tmp_path / ".mkt"), held_clock) == portrait(old, held_clock)


def test_of_two_copies_at_once_the_later_one_goes_on(path: Path, supabase: LocalSupabase, tmp_path: Path) -> None:
    access = find_access(tmp_path, supabase.environment)
    with open_supabase(access) as client, open_source(path) as source:
        late = SupabaseTarget(client, access.url)

        def overtake(table: str, *_: int) -> None:
            if table == "integration_holds":
                assert late.begin(source.name).resumed

        with pytest.raises(Refused, match="another process has taken over"):
            copying.copy(source, SupabaseTarget(client, access.url), overtake)
        copying.copy(source, late, lambda *_: None)


def test_a_copy_of_another_store_is_in_the_way_until_it_has_ended(
    path: Path, supabase: LocalSupabase, tmp_path: Path
) -> None:
    access = find_access(tmp_path, supabase.environment)
    with open_supabase(access) as client, open_source(path) as source:
        SupabaseTarget(client, access.url).begin("sqlite:/other.db")
        with pytest.raises(Refused, match=r"a copy of sqlite:/other.db into .* was begun and not finished"):
            copying.copy(source, SupabaseTarget(client, access.url), lambda *_: None)


def test_a_project_that_is_old_is_not_begun(supabase: LocalSupabase, tmp_path: Path) -> None:
    newest = supabase.sql("delete from mkt_private.migrations where name like '%_mkt_compare' returning name")
    access = find_access(tmp_path, supabase.environment)
    try:
        with pytest.raises(StartError, match="not applied yet: 20261123000015_mkt_compare"):
            open_target(open_supabase(access), access.url).__enter__()
    finally:
        supabase.sql("insert into mkt_private.migrations (name) values (%s)", *newest[0])


def test_no_table_is_left_out(supabase: LocalSupabase) -> None:
    """What a later migration adds has to be copied, or named here."""
    made = {
        name
        for (name,) in supabase.sql(
            "select tablename from pg_tables where schemaname = 'public' and tablename like 'integration%'"
        )
    }
    own_way = {"integration_staging_lists"}
    """The ids that a run has listed, which are copied as `integration_staging_seen`."""
    not_state = {
        "integrations",
        "integration_secrets",
        "integration_budgets",
        "integration_budget_holds",
        "integration_promotions",
        "integration_verdicts",
        "integration_wakeups",
    }
    assert made - own_way - not_state == set(copying.TABLES)
    ((tables,),) = supabase.sql("select mkt_private.copied_tables()")
    assert tuple(tables) == copying.TABLES


def test_no_user_of_a_tenant_may_copy(supabase: LocalSupabase) -> None:
    found = supabase.sql(
        "select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
        " where (n.nspname = 'public' and p.proname like 'mkt\\_copy%'"
        "   or n.nspname = 'mkt_private' and p.proname in ('copy_sequences', 'check_copy', 'put_seen'))"
        " and (has_function_privilege('anon', p.oid, 'execute')"
        "   or has_function_privilege('authenticated', p.oid, 'execute'))"
    )
    assert found == []
