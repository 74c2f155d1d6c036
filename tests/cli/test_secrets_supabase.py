"""`mkt secrets` with values in Supabase, by the front door."""

import base64
import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from tests.cli.front import Mkt, Project
from tests.supalocal.stack import LocalSupabase

FIRST, SECOND = (base64.b64encode(bytes([code]) * 32).decode() for code in (1, 2))
NAME = "WORKDAY_ISU_PASSWORD"
SETTINGS = {"base_url": "https://wd5.workday.com", "tenant": "northwind", "report": "isu/Learners"}
ROWS = "select tenant_id, name, key_id, ciphertext from public.integration_secrets order by 1, 2"


@pytest.fixture
def tenants(project: Project, supabase: LocalSupabase, monkeypatch: pytest.MonkeyPatch) -> LocalSupabase:
    """Two tenants whose files name one place, and the access to Supabase."""
    for name, value in {**supabase.environment, "MKT_SECRETS_KEY": FIRST}.items():
        monkeypatch.setenv(name, value)
    for tenant in ("acme", "northwind"):
        project.write(tenant, settings=SETTINGS, secrets={NAME: "supabase:roster/PASSWORD"})
    return supabase


@pytest.fixture
def store(mkt: Mkt, project: Project) -> Callable[..., Any]:
    def stored(target: str, value: str, *more: str) -> Any:
        (project.root / "value").write_text(value)
        answer = mkt("secrets", "set", target, NAME, "--from-file", "value", *more)
        assert answer.code == 0, answer.err
        return answer

    return stored


@pytest.mark.usefixtures("tenants")
def test_a_value_goes_where_the_file_says_and_is_found_there(mkt: Mkt, store: Callable[..., Any]) -> None:
    answer = store("northwind", "pa$$word-of-northwind")
    assert "northwind/roster WORKDAY_ISU_PASSWORD is stored in supabase:roster/PASSWORD" in answer.out
    assert "next: mkt verify northwind/roster" in answer.out
    shown = mkt("secrets", "which", "northwind", NAME)
    assert shown.code == 0
    assert "supabase:roster/PASSWORD" in shown.out
    assert "pa$$word" not in shown.out
    assert mkt("secrets", "which", "acme", NAME).code == 1


def test_what_is_in_the_table_is_sealed(tenants: LocalSupabase, store: Callable[..., Any]) -> None:
    store("northwind", "pa$$word-of-northwind")
    ((tenant, name, key_id, ciphertext),) = tenants.sql(ROWS)
    assert (tenant, name) == ("northwind", "roster/PASSWORD")
    assert ciphertext.startswith(f"mkt1.{key_id}.")
    assert "word" not in ciphertext


@pytest.mark.usefixtures("tenants")
def test_a_value_that_no_file_names_yet_is_said_how_to_use(mkt: Mkt, project: Project) -> None:
    project.write("northwind", settings=SETTINGS)
    (project.root / "value").write_text("s3cret")
    answer = mkt("secrets", "set", "northwind", NAME, "--from-file", "value", "--to", "supabase")
    assert answer.code == 0, answer.err
    assert f"It is not used yet: put `{NAME}: supabase:roster/{NAME}` below secrets:" in answer.out


def test_delete_takes_one_tenants_value_alone(tenants: LocalSupabase, mkt: Mkt, store: Callable[..., Any]) -> None:
    store("northwind", "one")
    store("acme", "two")
    assert mkt("secrets", "delete", "northwind", NAME).code == 0
    assert [row[0] for row in tenants.sql(ROWS)] == ["acme"]
    again = mkt("secrets", "delete", "northwind", NAME)
    assert again.code == 1
    assert "has no value in supabase:roster/PASSWORD" in again.err


def test_copy_seals_the_value_for_the_other_tenant(
    tenants: LocalSupabase, mkt: Mkt, store: Callable[..., Any]
) -> None:
    store("northwind", "one")
    assert mkt("secrets", "copy", "northwind", "acme", NAME).code == 0
    assert mkt("secrets", "which", "acme", NAME).code == 0
    first, second = (row[3] for row in tenants.sql(ROWS))
    assert first != second


@pytest.mark.usefixtures("tenants")
def test_without_a_key_it_is_said_how_to_get_one(mkt: Mkt, monkeypatch: pytest.MonkeyPatch, project: Project) -> None:
    monkeypatch.delenv("MKT_SECRETS_KEY")
    (project.root / "value").write_text("s3cret")
    answer = mkt("secrets", "set", "northwind", NAME, "--from-file", "value")
    assert answer.code == 1
    assert "MKT_SECRETS_KEY is not set" in answer.err
    assert "openssl rand -base64 32" in answer.err


@pytest.mark.usefixtures("tenants")
def test_the_key_may_stand_in_the_env_file(
    mkt: Mkt, monkeypatch: pytest.MonkeyPatch, project: Project, store: Callable[..., Any]
) -> None:
    monkeypatch.delenv("MKT_SECRETS_KEY")
    (project.root / ".env").write_text(f"MKT_SECRETS_KEY='{FIRST}'\n")
    store("northwind", "one")
    assert mkt("secrets", "which", "northwind", NAME).code == 0


def with_new_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKT_SECRETS_KEY", SECOND)
    monkeypatch.setenv("MKT_SECRETS_KEY_PREVIOUS", FIRST)


def test_rotate_seals_everything_with_the_new_key(
    tenants: LocalSupabase, mkt: Mkt, store: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    store("northwind", "one")
    store("acme", "two")
    before = {row[2] for row in tenants.sql(ROWS)}
    with_new_key(monkeypatch)
    answer = mkt("secrets", "rotate")
    assert answer.code == 0, answer.err
    (after,) = {row[2] for row in tenants.sql(ROWS)}
    assert {after} != before
    assert f"2 values of 2 tenants are under key {after}." in answer.out
    assert "MKT_SECRETS_KEY_PREVIOUS" in answer.out
    monkeypatch.delenv("MKT_SECRETS_KEY_PREVIOUS")
    assert mkt("secrets", "which", "northwind", NAME).code == 0
    assert "one" not in answer.out.split()


def test_rotate_is_repeated_without_harm(
    tenants: LocalSupabase, mkt: Mkt, store: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    store("northwind", "one")
    with_new_key(monkeypatch)
    mkt("secrets", "rotate")
    rows = tenants.sql(ROWS)
    answer = mkt("secrets", "rotate", "--output", "json")
    (done,) = answer.document
    assert (done["tenant"], done["sealed_again"], done["unchanged"], done["refused"]) == ("northwind", 0, 1, [])
    assert tenants.sql(ROWS) == rows


def test_rotate_of_one_tenant_leaves_the_others(
    tenants: LocalSupabase, mkt: Mkt, store: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    store("northwind", "one")
    store("acme", "two")
    acme = tenants.sql(ROWS)[0]
    with_new_key(monkeypatch)
    assert mkt("secrets", "rotate", "northwind").code == 0
    assert tenants.sql(ROWS)[0] == acme
    assert mkt("secrets", "which", "acme", NAME).code == 0


def test_rotate_leaves_what_it_cannot_open_and_says_so(
    tenants: LocalSupabase, mkt: Mkt, store: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    store("northwind", "one")
    store("acme", "two")
    tenants.sql(
        "update public.integration_secrets a set ciphertext = b.ciphertext from public.integration_secrets b"
        " where a.tenant_id = 'acme' and b.tenant_id = 'northwind'"
    )
    stolen = tenants.sql(ROWS)[0]
    with_new_key(monkeypatch)
    answer = mkt("secrets", "rotate")
    assert answer.code == 1
    assert "supabase:roster/PASSWORD of acme was changed in the database, or copied" in answer.out
    assert "`mkt secrets set acme/roster PASSWORD --to supabase`" in answer.out
    assert "next:" not in answer.out, "it would be the same again"
    assert tenants.sql(ROWS)[0] == stolen


def test_rotate_without_the_earlier_key_changes_nothing(
    tenants: LocalSupabase, mkt: Mkt, store: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    store("northwind", "one")
    rows = tenants.sql(ROWS)
    monkeypatch.setenv("MKT_SECRETS_KEY", SECOND)
    answer = mkt("secrets", "rotate")
    assert answer.code == 1
    assert "which is neither MKT_SECRETS_KEY" in answer.out
    assert tenants.sql(ROWS) == rows


@pytest.mark.usefixtures("tenants")
def test_rotate_of_a_tenant_that_has_no_value_is_refused(mkt: Mkt, store: Callable[..., Any]) -> None:
    store("northwind", "one")
    answer = mkt("secrets", "rotate", "northwin")
    assert answer.code == 1
    assert "tenant northwin has no value in Supabase" in answer.err
    assert "Did you mean northwind?" in answer.err


@pytest.mark.usefixtures("tenants")
def test_every_change_is_an_event_without_a_value(
    mkt: Mkt, store: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    store("northwind", "pa$$word-of-northwind")
    with_new_key(monkeypatch)
    mkt("secrets", "rotate", "northwind")
    answer = mkt("events", "--output", "json")
    actions = [event["details"]["what"] for event in answer.document if event["event"] == "operator.action"]
    assert sorted(actions) == ["rotate secrets", "set secret"]
    assert "pa$$word" not in json.dumps(answer.document)


def test_a_rotate_that_fails_half_way_has_told_of_the_tenants_that_were_done(
    tenants: LocalSupabase, mkt: Mkt, store: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for tenant in ("acme", "northwind"):
        store(tenant, f"value-of-{tenant}")
    with_new_key(monkeypatch)
    tenants.sql(
        "create function public.fails() returns trigger language plpgsql as $$ begin raise 'no'; end $$;"
        " create trigger fails before update on public.integration_secrets for each row"
        " when (old.tenant_id = 'northwind') execute function public.fails()"
    )
    try:
        assert mkt("secrets", "rotate").code == 1
    finally:
        tenants.sql("drop function public.fails() cascade")
    answer = mkt("events", "--output", "json")
    done = [event for event in answer.document if event["details"].get("what") == "rotate secrets"]
    assert [event["tenant"] for event in done] == ["acme"]
    assert mkt("secrets", "rotate").code == 0


@pytest.mark.usefixtures("tenants")
def test_a_value_that_cannot_be_opened_fails_the_verify(
    mkt: Mkt, tenants: LocalSupabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MKT_SECRET__NORTHWIND__ROSTER__WORKDAY_ISU_USERNAME", "isu")
    tenants.sql(
        "insert into public.integration_secrets (tenant_id, name, ciphertext, key_id)"
        " values ('northwind', 'roster/PASSWORD', 'mkt1.0000.AAAA', '0000')"
    )
    answer = mkt("verify", "northwind/roster", "--output", "jsonl")
    assert answer.code == 1
    assert "is sealed with key 0000, which is neither MKT_SECRETS_KEY" in answer.out
    assert os.environ["MKT_SECRETS_KEY"] not in answer.out


def test_no_file_of_the_project_holds_a_value(project: Project, tenants: LocalSupabase, store: Any) -> None:
    assert tenants.url
    store("northwind", "pa$$word-of-northwind")
    (project.root / "value").unlink()
    for path in project.root.rglob("*"):
        assert not path.is_file() or b"pa$$word" not in path.read_bytes()


@pytest.mark.usefixtures("tenants")
def test_doctor_knows_the_keys(mkt: Mkt, monkeypatch: pytest.MonkeyPatch) -> None:
    with_new_key(monkeypatch)
    answer = mkt("doctor", "--output", "json")
    assert "MKT_SECRETS_KEY" not in answer.out
    assert not {FIRST, SECOND} & set(answer.out.split('"'))


def test_a_value_moves_from_a_file_into_supabase(tenants: LocalSupabase, mkt: Mkt, project: Project) -> None:
    project.write("northwind", settings=SETTINGS, secrets={NAME: "file:old"})
    (project.root / "old").write_text("s3cret-of-old")
    answer = mkt("secrets", "copy", "northwind", "northwind", NAME, "--to", "supabase")
    assert answer.code == 0, answer.err
    assert f"Put `{NAME}: supabase:roster/{NAME}` there instead." in answer.out
    assert [row[:2] for row in tenants.sql(ROWS)] == [("northwind", f"roster/{NAME}")]


def test_a_tenant_that_is_purged_leaves_no_value(tenants: LocalSupabase, mkt: Mkt, store: Callable[..., Any]) -> None:
    for tenant in ("acme", "northwind"):
        store(tenant, "s3cret")
    asked = mkt("tenants", "remove", "northwind", "--purge")
    assert "with the secrets that are sealed in Supabase, of tenant northwind" in asked.err
    answer = mkt("tenants", "remove", "northwind", "--purge", "--yes")
    assert answer.code == 0, answer.err
    assert "erased its secrets in Supabase" in answer.out
    assert [row[0] for row in tenants.sql(ROWS)] == ["acme"]
    mkt("tenants", "remove", "acme", "--yes")
    assert [row[0] for row in tenants.sql(ROWS)] == ["acme"]
