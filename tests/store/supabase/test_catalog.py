"""Somebody has changed the database by hand: `mkt db check` says so, and what it says mends it."""

from collections.abc import Iterator

import psycopg
import pytest
from tests.supalocal.stack import LocalSupabase

from mkt.store.supabase.catalog import Flaw, flaws
from mkt.store.supabase.migrations import MIGRATIONS

OPENED = {
    "alter table integration_runs disable row level security": "table public.integration_runs has no row level secur",
    "grant select on integration_secrets to anon": "anon (everybody who has the publishable key) has rights on publi",
    "grant insert on integration_state to authenticated": "authenticated has rights on public.integration_state that",
    "grant select on integration_records to public": "public (every role) has rights on public.integration_records",
    "grant select (ciphertext) on integration_secrets to authenticated": "does not give: select(ciphertext)",
    "grant all on people to anon": "anon (everybody who has the publishable key) has rights on public.people",
    "grant select on mkt_private.migrations to anon": "has rights on mkt_private.migrations",
    "alter view people set (security_invoker = false)": "view public.people reads with its owner's rights",
    "create view everyone as select * from people; grant select on everyone to authenticated": "view public.everyone",
    "create view v with (security_invoker = true) as select * from people; grant select on v to anon": "rights on pu",
    "create materialized view m as select * from integration_records; grant select on m to authenticated": "view pub",
    "create schema other; create view other.w as select * from integrations; grant select on other.w to anon": "othe",
    "create policy more on integration_runs for select to authenticated using (true)": "policy more on public.integr",
    "create policy more on integrations using (tenant_id = 'hooli')": "policy more on public.integrations is not mkt",
    "alter policy tenant_reads on integration_state using (true)": "policy tenant_reads on public.integration_state",
    "alter policy admin_changes on integrations to public": "policy admin_changes on public.integrations was changed",
    "grant execute on function mkt_check() to public": "function public.mkt_check() can be called by public",
    "grant execute on function mkt_configs_version() to anon": "function public.mkt_configs_version() can be called",
    "alter function mkt_check() security definer": "function public.mkt_check() runs with other rights",
    "alter function mkt_private.revise() reset search_path": "function mkt_private.revise() runs with other rights",
    "create table integration_notes (tenant_id text)": "table public.integration_notes has no row level security",
    "alter table pgmq.q_mkt_sync disable row level security": "table pgmq.q_mkt_sync has no row level security: who",
    "grant usage on schema pgmq to anon; grant select, delete on pgmq.q_mkt_sync to anon": "rights on pgmq.q_mkt_syn",
    "grant select on pgmq.a_mkt_sync to authenticated": "authenticated has rights on pgmq.a_mkt_sync that mkt does",
    "grant all on pgmq.a_mkt_sync to public": "public (every role) has rights on pgmq.a_mkt_sync that mkt does not",
    "grant select (message) on pgmq.q_mkt_sync to anon": "rights on pgmq.q_mkt_sync that mkt does not give: select(m",
    "create view q as select * from pgmq.q_mkt_sync; grant select on q to authenticated": "view public.q reads with",
}
BROKEN = {
    "drop policy tenant_reads on integration_runs": "policy tenant_reads on public.integration_runs is missing",
    "drop table integration_memory": "table public.integration_memory is missing",
    "alter table integration_holds drop column reason": "column reason of public.integration_holds is missing",
    "alter table integration_runs alter column command type varchar(9)": "is character varying(9) not null, not text",
    "drop index integration_state_due": "index integration_state_due of public.integration_state is missing",
    "alter table integrations drop constraint integrations_size": "constraint integrations_size of public.integratio",
    "drop trigger integrations_revise on integrations": "trigger integrations_revise of public.integrations is missi",
    "drop view people": "view public.people is missing",
    "drop function mkt_configs_version()": "function public.mkt_configs_version() is missing",
    "revoke update on integration_state from service_role": "service_role may not update table public.integration_st",
    "revoke select on people from authenticated": "authenticated may not select view public.people",
    "revoke execute on function mkt_configs_version() from service_role": "service_role may not call function public",
    "create or replace function mkt_configs_version() returns text language sql stable set search_path = ''"
    " as $$ select 'x' $$": "function public.mkt_configs_version() has another body",
}


# As of a hosted project whose queues the API shows, and of a pgmq of another version.
PGMQS_OWN = """
grant usage on schema pgmq to anon, authenticated, service_role;
grant all on all tables in schema pgmq to service_role;
create role another;
grant all on all tables in schema pgmq to another with grant option;
create policy more on pgmq.q_mkt_sync to service_role using (true);
alter table pgmq.q_mkt_sync add column more jsonb, alter column message type text;
create index more on pgmq.a_mkt_sync (read_ct)
"""


@pytest.fixture
def connection(supabase_local: LocalSupabase) -> Iterator[psycopg.Connection]:
    """A transaction that is never committed."""
    with psycopg.connect(supabase_local.dsn) as connection:
        yield connection
        connection.rollback()


def found(connection: psycopg.Connection, *statements: str) -> list[Flaw]:
    for statement in statements:
        connection.execute(statement.encode())
    row = connection.execute("select public.mkt_check()").fetchone()
    assert row is not None
    return flaws(row[0])


@pytest.mark.parametrize("sabotage", OPENED)
def test_what_was_opened_is_found_and_closed_by_what_is_said(connection: psycopg.Connection, sabotage: str) -> None:
    opened = found(connection, sabotage)
    assert {flaw.kind for flaw in opened} == {"open"}
    assert OPENED[sabotage] in opened[0].what
    assert [flaw for flaw in found(connection, *(flaw.sql for flaw in opened)) if flaw.kind == "open"] == []


@pytest.mark.parametrize("sabotage", BROKEN)
def test_what_is_missing_or_changed_is_found(connection: psycopg.Connection, sabotage: str) -> None:
    (flaw, *others) = found(connection, sabotage)
    assert BROKEN[sabotage] in flaw.what
    assert flaw.kind in ("missing", "changed")
    assert {other.kind for other in others} <= {"missing"}
    assert flaw.sql or "supabase/migrations/2026" in flaw.remedy or "again" in flaw.remedy
    if flaw.sql:
        assert found(connection, flaw.sql) == []


@pytest.mark.parametrize("how", ["disable", "enable replica"])
def test_a_disabled_trigger_is_told_from_a_missing_one(connection: psycopg.Connection, how: str) -> None:
    (flaw,) = found(connection, f"alter table integrations {how} trigger integrations_revise")
    assert (flaw.kind, flaw.what) == ("changed", "trigger integrations_revise of public.integrations is disabled")
    assert found(connection, flaw.sql) == []


def test_a_restrictive_policy_of_somebodys_own_opens_nothing(connection: psycopg.Connection) -> None:
    own = "create policy less on integration_runs as restrictive for select to authenticated using (outcome = 'ok')"
    assert found(connection, own) == []


def test_somebodys_own_view_with_the_readers_rights_is_theirs(connection: psycopg.Connection) -> None:
    own = "create view active with (security_invoker = true) as select * from people where active"
    assert found(connection, own, "grant select on active to authenticated") == []


def test_what_is_pgmqs_own_is_no_flaw(connection: psycopg.Connection) -> None:
    assert found(connection, PGMQS_OWN) == []


def test_a_project_without_the_queue_is_not_flawed_for_it(connection: psycopg.Connection) -> None:
    assert found(connection, "drop schema pgmq cascade") == []


def test_a_trigger_that_is_never_silent_is_not_disabled(connection: psycopg.Connection) -> None:
    assert found(connection, "alter table integrations enable always trigger integrations_revise") == []


def test_an_earlier_version_is_told_from_a_broken_one(connection: psycopg.Connection) -> None:
    last = MIGRATIONS[-1].name
    before = "drop view people; delete from mkt_private.migrations where name = "
    (old,) = found(connection, f"{before}'{last}'")
    assert (old.kind, last in old.what, "supabase db push" in old.remedy) == ("old", True, True)


def test_an_opened_table_of_an_earlier_version_is_still_found(connection: psycopg.Connection) -> None:
    older = f"delete from mkt_private.migrations where name = '{MIGRATIONS[-1].name}'"  # noqa: S608 - our own name
    both = found(connection, older, "grant select on integration_runs to anon")
    assert [flaw.kind for flaw in both] == ["open", "old"]


def test_a_newer_version_asks_for_a_newer_mkt(connection: psycopg.Connection) -> None:
    newer = "insert into mkt_private.migrations (name) values ('20991231000001_mkt_more')"
    (flaw,) = found(connection, newer, "alter table integration_runs drop column command")
    assert (flaw.kind, "Upgrade mkt" in flaw.remedy) == ("new", True)


def test_a_function_of_an_earlier_version_is_the_secret_keys_to_call(connection: psycopg.Connection) -> None:
    older = f"delete from mkt_private.migrations where name = '{MIGRATIONS[-1].name}'"  # noqa: S608 - our own name
    earlier = "create function mkt_earlier() returns integer language sql set search_path = '' as 'select 1'"
    kept = "revoke all on function mkt_earlier() from public; grant execute on function mkt_earlier() to service_role"
    assert [flaw.kind for flaw in found(connection, older, earlier, kept)] == ["old"]


def test_what_a_newer_version_may_have_made_is_not_undone_by_sql(connection: psycopg.Connection) -> None:
    newer = "insert into mkt_private.migrations (name) values ('20991231000001_mkt_more')"
    more = "create table integration_more (tenant_id text); grant all on integration_more to service_role"
    (opened, new) = found(connection, newer, more)
    assert (opened.kind, opened.sql, "Upgrade mkt" in opened.remedy) == ("open", "", True)
    assert new.kind == "new"


def test_a_migration_that_was_left_out_is_named_beside_a_newer_one(connection: psycopg.Connection) -> None:
    left_out = MIGRATIONS[-1].name
    newer = "insert into mkt_private.migrations (name) values ('20991231000001_mkt_more')"
    without = f"delete from mkt_private.migrations where name = '{left_out}'"  # noqa: S608 - our own name
    (new, old) = found(connection, newer, without)
    assert (new.kind, "20991231000001_mkt_more" in new.what) == ("new", True)
    assert (old.kind, left_out in old.what) == ("old", True)


def test_a_column_that_lacks_comes_before_the_rights_on_it(connection: psycopg.Connection) -> None:
    lacking = found(connection, "alter table integrations drop column guard cascade")
    assert lacking[0].what == "column guard of public.integrations is missing"
    assert lacking[-1].sql == 'grant insert ("guard"), update ("guard") on public.integrations to authenticated;'
