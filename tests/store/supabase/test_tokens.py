"""Who a tenant's user is, is what a token says that Supabase has signed, and nothing else."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from postgrest import APIError
from tests.supalocal.people import client_of
from tests.supalocal.stack import LocalSupabase
from tests.supalocal.tenants import ACME, OTHER, fill

from mkt.store.supabase.catalog import expected

EVERY_TABLE = sorted(
    name.removeprefix("public.")
    for kind in ("tables", "views")
    for name in expected()[kind]
    if name.startswith("public.")
)


@pytest.fixture(scope="module")
def two(supabase_local: LocalSupabase) -> Iterator[LocalSupabase]:
    supabase_local.empty()
    fill(supabase_local, ACME, OTHER)
    yield supabase_local
    supabase_local.empty()


def _claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {"sub": "s", "role": "authenticated", "aud": "authenticated", "iat": now, "exp": now + 600}
    return {**claims, "app_metadata": {"tenant_id": ACME.name, "tenant_admin": True}, **changed}


def _unsigned(claims: dict[str, Any]) -> str:
    parts = [{"alg": "none", "typ": "JWT"}, claims]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def _spliced(stack: LocalSupabase) -> str:
    """Return a true token whose claims are another tenant's."""
    head, _, signature = stack.user_token(OTHER.name).split(".")
    return f"{head}.{_unsigned(_claims()).split('.')[1]}.{signature}"


def _refused(stack: LocalSupabase, token: str) -> str | None:
    """Ask for something that its tenant may read; return the code of the error."""
    with client_of(stack, token=token) as user, pytest.raises(APIError) as raised:
        user.table("integrations").select("*").execute()
    return raised.value.code


@pytest.mark.parametrize("role", ["authenticated", "service_role", "postgres"])
def test_a_forged_token_opens_nothing(two: LocalSupabase, role: str) -> None:
    for secret in ("x" * 48, two.publishable_key, two.jwt_secret[:-1] + "_"):
        assert _refused(two, jwt.encode(_claims(role=role), secret.ljust(32, "x"), algorithm="HS256")) == "PGRST301"
    assert _refused(two, _unsigned(_claims(role=role))) in ("PGRST301", "42501")


def test_the_signature_is_of_these_claims(two: LocalSupabase) -> None:
    assert _refused(two, _spliced(two)) == "PGRST301"


def test_an_expired_token_opens_nothing(two: LocalSupabase) -> None:
    assert _refused(two, two.user_token(ACME.name, expires_in=-60)) == "PGRST303"


def test_a_token_for_anybody_is_nobodys_sign_in(two: LocalSupabase) -> None:
    for role in ("anon", ""):
        assert _refused(two, two.user_token(ACME.name, admin=True, role=role)) is not None


def test_a_token_for_another_audience_shows_no_more_than_its_tenants_rows(two: LocalSupabase) -> None:
    with client_of(two, token=two.user_token(ACME.name, aud="elsewhere")) as user:
        rows = user.table("integration_records").select("tenant_id").execute().data
        assert rows == [{"tenant_id": ACME.name}]


@pytest.mark.parametrize(
    "tenant",
    ["ACME", "acme ", "acm", "acme-c", "acme%", "", None, ["acme"], {"acme": True}, True, "acme,acme-co", "*"],
)
def test_a_tenant_that_is_written_otherwise_is_another(two: LocalSupabase, tenant: object) -> None:
    token = two.user_token("", app_metadata={"tenant_id": tenant, "tenant_admin": True})
    with client_of(two, token=token) as user:
        for table in ("integrations", "integration_records", "people", "integration_events"):
            assert user.table(table).select("*").execute().data == []
        assert user.table("integrations").update({"enabled": False}).neq("name", "").execute().data == []
        assert user.table("integrations").delete().neq("name", "").execute().data == []


def test_an_admin_of_one_tenant_leaves_the_others_rows_as_they_were(two: LocalSupabase) -> None:
    before = two.sql("select to_jsonb(i) from integrations i where tenant_id = 'acme-co'")
    with client_of(two, token=two.user_token(ACME.name, admin=True)) as admin:
        table = admin.table("integrations")
        own = {"tenant_id": OTHER.name, "name": "roster", "connector": "x"}
        for write in (table.upsert(own, on_conflict="tenant_id,name"), table.upsert(own, ignore_duplicates=True)):
            with pytest.raises(APIError) as raised:
                write.execute()
            assert raised.value.code == "42501"
        assert table.update({"enabled": False}).eq("tenant_id", OTHER.name).execute().data == []
        assert table.delete().eq("tenant_id", OTHER.name).execute().data == []
    assert two.sql("select to_jsonb(i) from integrations i where tenant_id = 'acme-co'") == before


def test_the_publishable_key_alone_reads_and_writes_nothing(two: LocalSupabase) -> None:
    with client_of(two) as anybody:
        for table in EVERY_TABLE:
            for ask in (anybody.table(table).select("*"), anybody.table(table).delete().neq("x", "y")):
                with pytest.raises(APIError) as raised:
                    ask.execute()
                assert raised.value.code in ("42501", "42703")
