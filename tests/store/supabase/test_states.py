"""States and memory in Supabase: pages, and calls that are made again."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.conftest import KEY
from tests.supalocal.stack import LocalSupabase

from mkt.store.base import IntegrationState, Key, Run, StreamState
from mkt.store.supabase.memory import stored_name

from .conftest import OpenOn, twice

T0 = datetime(2026, 11, 22, 18, tzinfo=UTC)
PAUSED = IntegrationState(key=KEY, refusals=5, paused_at=T0, paused_with="digest", connection="degraded")
RUN = Run(id="r", command="sync", key=KEY, connector="scim-hris", started_at=T0)


def test_all_states_are_found_page_by_page(supabase: LocalSupabase, open_on: OpenOn, tmp_path: Path) -> None:
    supabase.sql(
        "insert into integration_state"
        " (tenant_id, integration, last_run_id, last_outcome, failures, fingerprint, schedule)"
        " select 'tenant-' || n, 'roster', 'r', 'ok', n, 'f', '' from generate_series(1, 1200) n"
    )
    supabase.sql(
        "insert into integration_streams (tenant_id, integration, stream, cursor, as_of)"
        " select 'tenant-' || n, case when n % 2 = 0 then 'crm' else 'roster' end, 'people', '[1]', null"
        " from generate_series(1, 1200) n"
    )
    store = open_on(tmp_path)
    found = store.states()
    assert len(found) == 1800
    assert {state.failures for key, state in found.items() if key.integration == "roster"} == set(range(1, 1201))
    assert found[Key("tenant-2", "crm")].streams == {"people": StreamState(cursor=[1])}
    assert store.states(list(found)) == found
    assert list(store.states([Key("tenant-7", "roster"), Key("nobody", "roster")])) == [Key("tenant-7", "roster")]
    assert store.states([]) == {}


def test_a_stream_that_is_known_by_name_alone_has_no_state(
    supabase: LocalSupabase, open_on: OpenOn, tmp_path: Path
) -> None:
    supabase.sql(
        "insert into integration_streams (tenant_id, integration, stream) values ('northwind', 'roster', 'people')"
    )
    assert open_on(tmp_path).states() == {}


def test_a_pause_is_ended_once_though_the_answer_was_lost(open_on: OpenOn, tmp_path: Path) -> None:
    store = twice(open_on(tmp_path))
    store.finish_run(RUN, PAUSED)
    assert store.resume(KEY) == T0
    assert store.resume(KEY) is None


def test_a_change_of_the_connection_is_told_though_the_answer_was_lost(open_on: OpenOn, tmp_path: Path) -> None:
    store = twice(open_on(tmp_path))
    assert store.set_connection(KEY, "connected", T0) is None
    assert store.set_connection(KEY, "reauth", T0 + timedelta(hours=1)) == "connected"
    assert store.set_connection(KEY, "reauth", T0 + timedelta(hours=2)) == "reauth"
    assert store.states()[KEY].connection_since == T0 + timedelta(hours=1)


def test_a_value_is_taken_once_though_the_answer_was_lost(open_on: OpenOn, tmp_path: Path) -> None:
    store = twice(open_on(tmp_path))
    store.memory_put(KEY, "nonce", "value", None)
    assert store.memory_take(KEY, "nonce", T0) == "value"
    assert store.memory_take(KEY, "nonce", T0 - timedelta(days=999)) is None
    assert store.memory_get(KEY, "nonce", T0 - timedelta(days=999)) is None
    store.memory_put(KEY, "nonce", "new", None)
    assert store.memory_take(KEY, "nonce", T0) == "new"


def test_what_was_taken_or_has_expired_is_forgotten_by_the_next_put(
    supabase: LocalSupabase, open_on: OpenOn, tmp_path: Path
) -> None:
    store, past = open_on(tmp_path), datetime.now(UTC) - timedelta(seconds=1)
    store.memory_put(KEY, "expired", 1, past)
    store.memory_put(KEY, "taken", 2, None)
    assert store.memory_take(KEY, "taken", past) == 2
    supabase.sql("update integration_memory set taken_at = taken_at - interval '2 minutes' where name = 'taken'")
    store.memory_put(Key("hooli", "crm"), "kept", 3, None)
    assert supabase.sql("select name from integration_memory") == [("kept",)]


@given(st.lists(st.text(st.characters(), max_size=40) | st.text("\\0#\0", max_size=6), unique=True, max_size=50))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_every_name_has_another_one_in_the_table(names: list[str]) -> None:
    names = [*names, *(name * 600 for name in names if name)]
    stored = {stored_name(name) for name in names}
    assert len(stored) == len(set(names))
    assert all("\0" not in name and len(name.encode()) <= 500 for name in stored)


def test_two_puts_that_forget_each_others_value_wait_for_one_another_only_once(supabase: LocalSupabase) -> None:
    put = "select mkt_private.put_memory(%s, 'roster', %s::text::jsonb)"
    new = json.dumps([{"name": "nonce", "value": "2", "expires_at": None}])
    for tenant in ("northwind", "contoso"):
        supabase.sql("insert into integration_memory values (%s, 'roster', 'nonce', '1', '2000-01-01')", tenant)
    with psycopg.connect(supabase.dsn) as one, ThreadPoolExecutor(1) as threads:
        one.execute("delete from integration_memory where tenant_id = 'northwind'")
        other = threads.submit(supabase.sql, put, "northwind", new)
        while supabase.sql("select count(*) from pg_locks where not granted") == [(0,)]:
            pass
        one.execute(put, ["contoso", new])
        one.commit()
        other.result()
    assert supabase.sql("select tenant_id, value from integration_memory order by 1") == [
        ("contoso", "2"),
        ("northwind", "2"),
    ]
