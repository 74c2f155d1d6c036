"""Row level security as the API's callers meet it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from postgrest import APIError
from psycopg.errors import CheckViolation
from supabase import Client
from tests.supalocal.people import client_of
from tests.supalocal.stack import LocalSupabase

from mkt.store.supabase.catalog import expected

As = Callable[..., Client]
STAMP = "2026-11-22T18:00:00Z"
RECORD = {
    "integration": "roster",
    "stream": "people",
    "external_id": "1",
    "hash": "\\x00",
    "deleted": False,
    "unscoped": True,
    "first_seen_at": STAMP,
    "changed_at": STAMP,
}
READABLE = sorted(
    name.removeprefix("public.")
    for kind in ("tables", "views")
    for name, made in expected()[kind].items()
    if "select" in made["grants"].get("authenticated", []) and name != "public.connectors"
)
HIDDEN = sorted(
    name.removeprefix("public.")
    for name, table in expected()["tables"].items()
    if name.startswith("public.") and "authenticated" not in table["grants"]
)


@pytest.fixture(scope="module")
def two_tenants(supabase_local: LocalSupabase) -> LocalSupabase:
    """Each has a row of each kind. What one test writes is not undone before the next."""
    supabase_local.empty()
    with client_of(supabase_local, supabase_local.secret_key) as operator:
        for number, tenant in enumerate(("northwind", "hooli")):
            _fill(operator, tenant, number)
    return supabase_local


@pytest.fixture
def as_user(two_tenants: LocalSupabase) -> Iterator[As]:
    """Return clients of a tenant's users."""
    with ExitStack() as opened:
        yield lambda tenant, **claims: opened.enter_context(
            client_of(two_tenants, token=two_tenants.user_token(tenant, **claims))
        )


def _fill(operator: Client, tenant: str, number: int) -> None:
    own = {"tenant_id": tenant, "integration": "roster"}
    run = {**own, "connector": "acme-hr", "command": "sync"}
    rows: dict[str, dict[str, Any]] = {
        "integrations": {"tenant_id": tenant, "name": "roster", "connector": "acme-hr"},
        "integration_secrets": {"tenant_id": tenant, "name": "TOKEN", "ciphertext": "x", "key_id": "k"},
        "integration_runs": {**run, "id": f"run {number}", "started_at": STAMP, "outcome": "ok"},
        "integration_events": {
            **own,
            "id": f"event {number}",
            "timestamp": STAMP,
            "event": "sync.started",
            "level": "info",
            "message": "m",
        },
        "integration_state": {
            **own,
            "last_run_id": "r",
            "last_outcome": "ok",
            "failures": 0,
            "fingerprint": "f",
            "schedule": "",
        },
        "integration_streams": {**own, "stream": "people", "cursor": {"at": 1}},
        "integration_memory": {**own, "name": "nonce", "value": {"n": 1}},
        "integration_records": {**RECORD, "tenant_id": tenant, "seq": number, "data": {"email": f"{number}@x.test"}},
    }
    for table, row in rows.items():
        operator.table(table).insert(row).execute()


@pytest.mark.parametrize("table", [name for name in READABLE if name != "integration_deliveries"])
def test_a_user_reads_the_rows_of_the_own_tenant_alone(as_user: As, table: str) -> None:
    column = "tenant" if f"public.{table}" in expected()["views"] else "tenant_id"
    rows = as_user("northwind").table(table).select("*").execute().data
    assert {row[column] for row in rows if isinstance(row, dict)} <= {"northwind"}
    if table in ("integrations", "integration_records", "people", "integration_runs", "integration_events"):
        assert len(rows) == 1


@pytest.mark.parametrize("table", HIDDEN)
def test_a_user_cannot_ask_for_what_is_the_operators(as_user: As, table: str) -> None:
    with pytest.raises(APIError) as raised:
        as_user("northwind", admin=True).table(table).select("*").execute()
    assert raised.value.code == "42501"


@pytest.mark.parametrize("table", [*READABLE, *HIDDEN])
def test_nobody_reads_without_a_sign_in(two_tenants: LocalSupabase, table: str) -> None:
    with client_of(two_tenants) as anybody, pytest.raises(APIError) as raised:
        anybody.table(table).select("*").execute()
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


@pytest.mark.parametrize(
    "table", ["integration_records", "integration_runs", "integration_state", "integration_events", "people"]
)
def test_not_even_an_admin_writes_state(as_user: As, table: str) -> None:
    with pytest.raises(APIError) as raised:
        as_user("northwind", admin=True).table(table).delete().neq("integration", "").execute()
    assert raised.value.code == "42501"


@pytest.mark.parametrize("function", ["mkt_check", "mkt_configs_version"])
def test_functions_are_the_operators(as_user: As, function: str) -> None:
    with pytest.raises(APIError) as raised:
        as_user("northwind", admin=True).rpc(function).execute()
    assert raised.value.code == "42501"


def test_the_body_of_a_delivery_is_not_for_tenants(as_user: As) -> None:
    user = as_user("northwind", admin=True)
    assert user.table("integration_deliveries").select("id, verdict").execute().data == []
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
    supabase.empty()


def test_a_tenant_does_not_fill_the_table(supabase: LocalSupabase) -> None:
    """Every command reads the rows of all tenants."""
    many = "insert into integrations (tenant_id, name, connector) select 'northwind', 'n' || i, 'a' from "
    with pytest.raises(CheckViolation, match="1000 integrations at most"):
        supabase.sql(f"{many} generate_series(1, 1001) i")
    supabase.sql(f"{many} generate_series(1, 1000) i")
    supabase.sql(f"{many.replace('northwind', 'hooli')} generate_series(1, 1) i")
    supabase.empty()
