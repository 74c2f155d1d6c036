"""Row level security as the API's callers meet it."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from postgrest import APIError
from psycopg.errors import CheckViolation
from supabase import Client
from tests.supalocal.people import client_of
from tests.supalocal.stack import LocalSupabase
from tests.supalocal.tenants import Tenant, fill

from mkt.store.supabase.catalog import expected

As = Callable[..., Client]
NORTHWIND = Tenant("northwind", 1)
HOOLI = Tenant("hooli", 2)
_GRANTS = {
    name.removeprefix("public."): made["grants"].get("authenticated", [])
    for kind in ("tables", "views")
    for name, made in expected()[kind].items()
    if name.startswith("public.") and name != "public.connectors"
}
READABLE = {
    name: [right[len("select(") : -1] for right in rights if right.startswith("select(")] or ["*"]
    for name, rights in sorted(_GRANTS.items())
    if any(right.startswith("select") for right in rights)
}
"""Table or view to the columns that a tenant may read."""
HIDDEN = sorted(set(_GRANTS) - set(READABLE))
FUNCTIONS = sorted(name for name in expected()["functions"] if name.startswith("public."))
_OF_POLICIES = {"tenant_id", "is_admin", "is_slug", "is_stream", "is_plain"}
"""What policies and checks call is called as who writes the row."""


@pytest.fixture(scope="module")
def two_tenants(supabase_local: LocalSupabase) -> Iterator[LocalSupabase]:
    """Each has a row in every table, of every stream. What one test writes is not undone before the next."""
    supabase_local.empty()
    fill(supabase_local, NORTHWIND, HOOLI)
    supabase_local.sql(
        "insert into integration_records"
        " select (jsonb_populate_record(r, jsonb_build_object('stream', s.name, 'seq', 10 * r.seq + s.number))).*"
        " from integration_records r cross join unnest(array['org_units', 'memberships', 'job_roles', 'accounts',"
        " 'contacts', 'opportunities', 'content_items']) with ordinality s (name, number)"
    )
    yield supabase_local
    supabase_local.empty()


@pytest.fixture(scope="module")
def as_user(two_tenants: LocalSupabase) -> Iterator[As]:
    """Return clients of a tenant's users, and of nobody's: without a tenant."""
    with ExitStack() as opened:
        made: dict[str, Client] = {}

        def client(tenant: str = "", **claims: Any) -> Client:
            name = f"{tenant} {claims}"
            if name not in made:
                token = two_tenants.user_token(tenant, **claims) if tenant else ""
                made[name] = opened.enter_context(client_of(two_tenants, token=token))
            return made[name]

        yield client


@pytest.mark.parametrize("admin", [False, True])
@pytest.mark.parametrize("table", READABLE)
def test_a_user_reads_the_rows_of_the_own_tenant_alone(as_user: As, table: str, *, admin: bool) -> None:
    column = "tenant" if f"public.{table}" in expected()["views"] else "tenant_id"
    rows = as_user("northwind", admin=admin).table(table).select(*READABLE[table]).execute().data
    assert {row[column] for row in rows if isinstance(row, dict)} == {"northwind"}
    foreign = as_user("northwind", admin=admin).table(table).select(column).eq(column, "hooli").execute().data
    assert foreign == []


@pytest.mark.parametrize("admin", [False, True])
@pytest.mark.parametrize("table", HIDDEN)
def test_a_user_cannot_ask_for_what_is_the_operators(as_user: As, table: str, *, admin: bool) -> None:
    with pytest.raises(APIError) as raised:
        as_user("northwind", admin=admin).table(table).select("*").execute()
    assert raised.value.code == "42501"


@pytest.mark.parametrize("table", [*READABLE, *HIDDEN])
def test_nobody_reads_without_a_sign_in(as_user: As, table: str) -> None:
    with pytest.raises(APIError) as raised:
        as_user().table(table).select("*").execute()
    assert raised.value.code == "42501"


@pytest.mark.parametrize(
    "claims",
    [
        {"app_metadata": {}},
        {"app_metadata": {"tenant_id": None}},
        {"app_metadata": {"tenant_id": ""}},
        {"app_metadata": {}, "user_metadata": {"tenant_id": "northwind", "tenant_admin": True}},
        {"app_metadata": {}, "tenant_id": "northwind"},
    ],
)
def test_a_token_without_a_tenant_sees_nothing(as_user: As, claims: dict[str, Any]) -> None:
    assert as_user("northwind", **claims).table("integrations").select("*").execute().data == []


def test_a_user_changes_nothing(as_user: As) -> None:
    user = as_user("northwind")
    assert user.table("integrations").update({"enabled": False}).eq("tenant_id", "northwind").execute().data == []
    assert user.table("integrations").delete().eq("tenant_id", "northwind").execute().data == []
    with pytest.raises(APIError) as raised:
        user.table("integrations").insert({"tenant_id": "northwind", "name": "x", "connector": "acme-hr"}).execute()
    assert raised.value.code == "42501"


@pytest.mark.parametrize("claim", ["true", 1, {}, None, False])
def test_only_true_makes_an_admin(as_user: As, claim: Any) -> None:
    user = as_user("northwind", app_metadata={"tenant_id": "northwind", "tenant_admin": claim})
    assert user.table("integrations").update({"enabled": False}).eq("tenant_id", "northwind").execute().data == []


def test_an_admin_edits_the_integrations_of_the_own_tenant_alone(as_user: As) -> None:
    admin = as_user("northwind", admin=True)
    (own,) = admin.table("integrations").update({"enabled": False}).neq("name", "").execute().data
    assert isinstance(own, dict)
    assert (own["tenant_id"], own["enabled"]) == ("northwind", False)
    for write in (
        admin.table("integrations").insert({"tenant_id": "hooli", "name": "x", "connector": "acme-hr"}),
        admin.table("integrations").update({"tenant_id": "hooli", "name": "y"}).eq("tenant_id", "northwind"),
    ):
        with pytest.raises(APIError) as raised:
            write.execute()
        assert raised.value.code == "42501"


@pytest.mark.parametrize("column", ["pushed", "revision", "updated_at", "id", "tenant_id"])
def test_an_admin_does_not_keep_mkts_books(as_user: As, column: str) -> None:
    admin, value = as_user("northwind", admin=True), {"tenant_id": "northwind", "revision": 1}.get(column)
    with pytest.raises(APIError) as raised:
        admin.table("integrations").update({column: value}).eq("tenant_id", "northwind").execute()
    assert raised.value.code == "42501"


@pytest.mark.parametrize("admin", [False, True])
@pytest.mark.parametrize("table", sorted(_GRANTS.keys() - {"integrations"}))
def test_not_even_an_admin_writes_state(as_user: As, table: str, *, admin: bool) -> None:
    columns = (expected()["tables"] | expected()["views"])[f"public.{table}"]["columns"]
    names = [column for column, kind in columns.items() if kind.startswith("text")] or ["one"]
    own = "integration" if "integration" in names else names[0]
    value, user = "true" if own == "one" else "x", as_user("northwind", admin=admin)
    for write in (
        user.table(table).insert({own: value}),
        user.table(table).update({own: value}).eq(own, value),
        user.table(table).delete().neq(own, value),
    ):
        with pytest.raises(APIError) as raised:
            write.execute()
        assert raised.value.code == "42501"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_are_the_operators(as_user: As, function: str) -> None:
    name, _, taken = function.removeprefix("public.").partition("(")
    nothing = {argument.split(" ")[0]: None for argument in taken[:-1].split(", ") if argument}
    for caller in (as_user("northwind"), as_user("northwind", admin=True), as_user()):
        with pytest.raises(APIError) as raised:
            caller.rpc(name, nothing).execute()
        assert raised.value.code == "42501"


@pytest.mark.parametrize("schema", ["mkt_private", "pgmq", "pgmq_public", "auth", "cron"])
def test_what_is_private_is_behind_no_address(as_user: As, schema: str) -> None:
    with pytest.raises(APIError) as raised:
        as_user("northwind", admin=True).schema(schema).table("feed").select("*").execute()
    assert raised.value.code == "PGRST106"


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_what_is_private_is_granted_to_nobody_either(two_tenants: LocalSupabase, role: str) -> None:
    """The API of a project may be told to show any schema."""
    tables = two_tenants.sql(
        "select c.oid::regclass::text from pg_class c where c.relkind in ('r', 'v', 'S', 'p')"
        " and c.relnamespace in ('mkt_private'::regnamespace, 'pgmq'::regnamespace)"
        " and case c.relkind when 'S' then has_sequence_privilege(%s, c.oid, 'usage, select, update')"
        " else has_any_column_privilege(%s, c.oid, 'select, insert, update')"
        " or has_table_privilege(%s, c.oid, 'delete')"
        " end",
        role, role, role,
    )  # fmt: skip
    assert [name for (name,) in tables if name.startswith("mkt_private") or "mkt_sync" in name] == []
    functions = two_tenants.sql(
        "select p.proname from pg_proc p where has_function_privilege(%s, p.oid, 'execute')"
        " and (p.pronamespace = 'mkt_private'::regnamespace or p.proname like 'mkt\\_%%')",
        role,
    )
    assert {name for (name,) in functions} == (_OF_POLICIES if role == "authenticated" else set())


def test_the_body_of_a_delivery_is_not_for_tenants(as_user: As) -> None:
    user = as_user("northwind", admin=True)
    assert user.table("integration_deliveries").select("verdict").execute().data == [{"verdict": "failed"}]
    for column in ("query", "body", "request", "details", "*"):
        with pytest.raises(APIError) as raised:
            user.table("integration_deliveries").select(column).execute()
        assert raised.value.code == "42501"


# what an admin may say, and how much


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("settings", '{"a": ' + "[" * 3000 + "]" * 3000 + "}"),
        ("settings", '{"a": ' * 60 + "1" + "}" * 60),
        ("labels", '{"a": 1e5000}'),
        ("secrets", '{"a": [9223372036854775808]}'),
        ("guard", '{"a": -9223372036854775809}'),
        ("disabled", '{"reason": "' + "x" * 100_000 + '"}'),
        ("guard", '{"a": 1e-16000, "b": "' + "x" * 90_000 + '"}'),
    ],
)
def test_a_row_is_what_a_file_could_say(supabase_local: LocalSupabase, column: str, text: str) -> None:
    """Python refuses to read numbers and depths that PostgreSQL keeps, and with them the rows of all tenants."""
    insert = f"insert into integrations (tenant_id, name, connector, {column}) values ('a', 'b', 'c', %s)"  # noqa: S608
    with pytest.raises(CheckViolation):
        supabase_local.sql(insert, text)


def test_what_a_file_could_say_fits(supabase: LocalSupabase) -> None:
    numbers = "[9223372036854775807, -9223372036854775808, 1.5, true, null]"
    text = f'{{"a": {numbers}, "b": {"[" * 40}{"]" * 40}}}'
    supabase.sql("insert into integrations (tenant_id, name, connector, settings) values ('a', 'b', 'c', %s)", text)
    assert supabase.sql("select settings from integrations") == [(json.loads(text),)]
    supabase.empty()


def test_a_tenant_does_not_fill_the_table(supabase: LocalSupabase) -> None:
    """Every command reads the rows of all tenants."""
    many = "insert into integrations (tenant_id, name, connector) select 'northwind', 'n' || i, 'a' from "
    with pytest.raises(CheckViolation, match="1000 integrations at most"):
        supabase.sql(f"{many} generate_series(1, 1001) i")
    supabase.sql(f"{many} generate_series(1, 1000) i")
    supabase.sql(f"{many.replace('northwind', 'hooli')} generate_series(1, 1) i")
    supabase.empty()
