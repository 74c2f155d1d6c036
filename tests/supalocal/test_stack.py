"""The stack itself: where it were laxer than hosted Supabase, the tests on it would prove nothing."""

import uuid
from pathlib import Path

import jwt
import pytest
from tests.supalocal import stack
from tests.supalocal.people import client_of
from tests.supalocal.stack import LocalSupabase


def test_nothing_is_granted_that_a_migration_does_not_grant(supabase: LocalSupabase) -> None:
    """@supabase/lite by itself would give everything to the roles of the API at the first request."""
    supabase.sql("create table public.fresh (id int)")
    try:
        with client_of(supabase, supabase.secret_key) as operator:
            operator.table("integrations").select("*").execute()
        query = "select role from unnest(array['anon', 'authenticated', 'service_role']) role"
        assert supabase.sql(f"{query} where has_table_privilege(role, 'public.fresh', 'select')") == []
    finally:
        supabase.sql("drop table public.fresh")


def test_a_sign_in_gives_a_token_that_names_the_tenant(supabase: LocalSupabase) -> None:
    given = {"email": f"{uuid.uuid4()}@example.test", "password": "correct horse"}
    with client_of(supabase, supabase.secret_key) as operator:
        user = {**given, "email_confirm": True, "app_metadata": {"tenant_id": "northwind"}}
        operator.auth.admin.create_user(user)  # type: ignore[arg-type]
    with client_of(supabase) as person:
        session = person.auth.sign_in_with_password(given).session  # type: ignore[arg-type]
    assert session is not None
    claims = jwt.decode(session.access_token, supabase.jwt_secret, algorithms=["HS256"], audience="authenticated")
    assert claims["app_metadata"]["tenant_id"] == "northwind"
    assert claims["role"] == "authenticated"


def test_times_and_documents_come_back_as_hosted_supabase_writes_them(supabase: LocalSupabase) -> None:
    row = {"tenant_id": "northwind", "name": "roster", "connector": "acme-hr", "settings": {"a": [1, {"b": "c"}]}}
    with client_of(supabase, supabase.secret_key) as operator:
        (made,) = operator.table("integrations").insert(row).execute().data
    assert isinstance(made, dict)
    assert made["settings"] == row["settings"]
    assert str(made["created_at"])[10] == "T"
    assert str(made["created_at"]).endswith("+00:00")


def test_queues_are_there(supabase: LocalSupabase) -> None:
    supabase.sql("select pgmq.create('stack')")
    try:
        supabase.sql("select pgmq.send('stack', '{\"n\": 1}')")
        assert supabase.sql("select message from pgmq.read('stack', 30, 1)") == [({"n": 1},)]
    finally:
        supabase.sql("select pgmq.drop_queue('stack')")


def test_jobs_can_be_scheduled(supabase: LocalSupabase) -> None:
    if not supabase.has_cron:
        pytest.skip("pg_cron is the one part that a machine may lack")
    supabase.sql("select cron.schedule('stack', '0 0 1 1 *', 'select 1')")
    try:
        assert supabase.sql("select active from cron.job where jobname = 'stack'") == [(True,)]
    finally:
        supabase.sql("select cron.unschedule('stack')")


def test_what_is_not_installed_is_an_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "HERE", tmp_path)
    with pytest.raises(RuntimeError, match="make setup"), stack.local_supabase():
        pass
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(RuntimeError, match=r"Node\.js 20 or later is not there: make setup"), stack.local_supabase():
        pass
