import importlib.resources
import re

import pytest
from tests.store.supabase.conftest import NewDatabase
from tests.supalocal.stack import LocalSupabase, migrate

from mkt.contract import FIELDS
from mkt.store.sqlite import schema
from mkt.store.supabase.catalog import expected, flaws, is_catalog
from mkt.store.supabase.migrations import MIGRATIONS, place_of

NAMES = [migration.name for migration in MIGRATIONS]
TABLES = expected()["tables"]
OF_SQLITE_ALONE = {"integration_sources", "integration_documents", "integration_numbers"}
COMMON = ["tenant", "integration", "external_id", "seq", "changed_at", "first_seen_at", "deleted"]
TYPES = {"text": "text", "boolean": "boolean", "integer": "bigint", "real": "double precision", "list": "jsonb"}


def catalog(stack: LocalSupabase, database: str) -> dict[str, object]:
    ((found,),) = stack.sql("select public.mkt_check()", database=database)
    return dict(found)


def test_the_catalog_that_is_shipped_is_the_one_of_the_migrations(
    supabase_local: LocalSupabase, new_database: NewDatabase
) -> None:
    database = new_database()
    supabase_local.sql((importlib.resources.files("pgmq") / "sql" / "pgmq.sql").read_text(), database=database)
    migrate(supabase_local, database=database)
    assert catalog(supabase_local, database) == expected(), "write it anew: python -m tests.supalocal"


@pytest.mark.parametrize("applied", range(1, len(NAMES)), ids=lambda count: NAMES[count - 1])
def test_every_earlier_version_comes_up_with_its_rows(
    supabase_local: LocalSupabase, new_database: NewDatabase, applied: int
) -> None:
    database = new_database()
    migrate(supabase_local, NAMES[:applied], database=database)
    row = "insert into integrations (tenant_id, name, connector) values ('northwind', 'roster', 'acme-hr')"
    supabase_local.sql(row, database=database)
    migrate(supabase_local, NAMES[applied:], database=database)
    assert flaws(catalog(supabase_local, database)) == []
    assert supabase_local.sql("select tenant_id, name from integrations", database=database) == [
        ("northwind", "roster")
    ]


def test_the_check_of_before_the_queue_was_looked_at_is_still_understood(
    supabase_local: LocalSupabase, new_database: NewDatabase
) -> None:
    database = new_database()
    migrate(supabase_local, NAMES[: NAMES.index("20261123000017_mkt_check_queue")], database=database)
    found = catalog(supabase_local, database)
    assert is_catalog(found)
    assert [flaw.kind for flaw in flaws(found)] == ["old"]


def test_a_project_that_grants_everything_to_everybody_is_no_less_closed(
    supabase_local: LocalSupabase, new_database: NewDatabase
) -> None:
    """So were all projects before 2026-10-30."""
    database = new_database()
    for kind in ("tables", "functions", "sequences"):
        grant = f"alter default privileges in schema public grant all on {kind} to anon, authenticated, service_role"
        supabase_local.sql(grant, database=database)
    migrate(supabase_local, database=database)
    assert [flaw for flaw in flaws(catalog(supabase_local, database)) if flaw.kind == "open"] == []
    name = "format('%I.%I', schemaname, sequencename)"
    usable = f"select {name} from pg_sequences where has_sequence_privilege('anon', {name}, 'usage')"  # noqa: S608 - constants
    assert supabase_local.sql(usable, database=database) == []


def test_every_migration_notes_that_it_was_applied() -> None:
    for migration in MIGRATIONS:
        assert migration.text.endswith(f"mkt_private.migrations (name) values ('{migration.name}');\n")
        assert re.fullmatch(r"\d{14}_mkt_\w+", migration.name)


@pytest.mark.parametrize("stream", FIELDS)
def test_a_read_view_has_the_fields_of_its_stream(stream: str) -> None:
    columns = expected()["views"][f"public.{stream}"]["columns"]
    assert set(columns) == {*COMMON, *FIELDS[stream]}  # type: ignore[index]
    assert {name: columns[name] for name in FIELDS[stream]} == {  # type: ignore[index]
        name: TYPES[kind]
        for name, kind in FIELDS[stream].items()  # type: ignore[index]
    }


def test_every_table_of_the_other_store_has_its_like() -> None:
    made = {name for text in (*schema._TABLES, *schema._RECORDS, *schema._STAGING) for name in _tables(text)}
    made |= {name for texts in schema._ADDED.values() for text in texts for name in _tables(text)}
    made = {name for name in made if not name.endswith("_new") and name not in OF_SQLITE_ALONE}
    assert {f"public.{name}" for name in made} <= set(TABLES)


def _tables(text: str) -> list[str]:
    return re.findall(r"create table (\w+)", text)


@pytest.mark.parametrize("name", [name for name in TABLES if name.startswith("public.")])
def test_every_table_is_held_by_row_level_security(name: str) -> None:
    assert TABLES[name]["rls"]
    assert set(TABLES[name]["grants"]) <= {"authenticated", "service_role"}
    assert TABLES[name]["grants"]["service_role"] == ["delete", "insert", "select", "update"]


def test_tenants_write_nothing_but_integrations() -> None:
    writable = {
        name
        for name, table in TABLES.items()
        if {right for right in table["grants"].get("authenticated", []) if not right.startswith("select")}
    }
    assert writable == {"public.integrations"}


@pytest.mark.parametrize(
    "secret", ["integration_secrets", "integration_memory", "integration_leases", "integration_staging"]
)
def test_what_no_tenant_may_see_is_the_operators_alone(secret: str) -> None:
    assert set(TABLES[f"public.{secret}"]["grants"]) == {"service_role"}
    assert TABLES[f"public.{secret}"]["policies"] == {}


def test_a_statement_is_found_where_it_stands() -> None:
    place = place_of("create policy tenant_reads on public.integration_runs")
    path, _, number = place.rpartition(":")
    assert path == "supabase/migrations/20261123000001_mkt_tables.sql"
    (migration,) = (one for one in MIGRATIONS if path.endswith(one.path.name))
    assert migration.text.splitlines()[int(number) - 1].startswith(
        "create policy tenant_reads on public.integration_runs"
    )
    assert place_of("create table public.integration_run") == ""


def test_a_statement_that_was_replaced_is_found_where_it_is_in_force() -> None:
    place = place_of("create or replace function public.mkt_check")
    assert place_of("create function public.mkt_check") == place != ""
