"""Rows may be a tenant admin's word: what they may not say, and what is said of them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.configs.sources import GivenRows
from tests.runtime.conftest import manifest_of
from tests.supalocal.people import client_of
from tests.supalocal.stack import LocalSupabase

from mkt.configs.base import Configs
from mkt.contract import ConnectorConfiguration, SecretDeclaration
from mkt.errors import ConfigError, StartError
from mkt.runtime.hosts import HostRule
from mkt.runtime.supabase import PAGE
from mkt.secrets.chain import SecretChain
from mkt.secrets.env import EnvBackend
from mkt.secrets.file import FileBackend

TOKEN = SecretDeclaration(name="TOKEN", how="Ask for it.")
ROW = {"tenant_id": "northwind", "name": "roster", "connector": "acme-hris"}


@pytest.fixture
def rows(supabase: LocalSupabase) -> GivenRows:
    return GivenRows(supabase)


def loaded(rows: GivenRows) -> Configs:
    return rows.source().load()


def as_admin(supabase: LocalSupabase, **columns: Any) -> ConnectorConfiguration:
    """Return the configuration of a row that an admin of northwind has written, over the API."""
    with client_of(supabase, token=supabase.user_token("northwind", admin=True)) as admin:
        admin.table("integrations").insert({**ROW, **columns}).execute()
    (configuration,) = loaded(GivenRows(supabase)).configurations
    return configuration


def test_a_row_says_where_it_stands(rows: GivenRows, supabase: LocalSupabase) -> None:
    rows.write({"tenant": "northwind", "integrations": [{"connector": "acme-hr", "settings": {"a": {"b": 1}}}]})
    ((row_id,),) = supabase.sql("select id::text from integrations")
    (configuration,) = loaded(rows).configurations
    assert configuration.origin.source == "supabase"
    assert configuration.place() == f"integrations row {row_id}"
    assert configuration.place("settings.a.b") == configuration.place("guard") == f"integrations row {row_id}"
    with pytest.raises(KeyError):
        _ = configuration.origin.lines["guard"]


def test_a_broken_row_is_named_without_lines_that_it_does_not_have(rows: GivenRows, supabase: LocalSupabase) -> None:
    rows.write({"tenant": "northwind", "integrations": [{"connector": "acme-hr", "schedule": "never"}]})
    ((row_id,),) = supabase.sql("select id::text from integrations")
    (broken,) = loaded(rows).broken
    assert str(broken.problems[0].position) == f"integrations row {row_id}"
    assert "lint" not in broken.remedy


def test_a_fleet_of_more_rows_than_an_answer_holds_is_whole(rows: GivenRows, supabase: LocalSupabase) -> None:
    many = "insert into integrations (tenant_id, name, connector) select 't' || i, 'roster', 'acme-hr'"
    supabase.sql(f"{many} from generate_series(1, {PAGE + 1}) i")
    assert len(loaded(rows).tenants) == PAGE + 1


@pytest.mark.parametrize(
    "change",
    [
        "update integrations set enabled = enabled",
        "update integrations set name = 'other'",
        "delete from integrations where tenant_id = 'hooli'",
        "insert into integrations (tenant_id, name, connector) values ('a', 'b', 'c')",
        "delete from integrations; insert into integrations (tenant_id, name, connector) values ('a', 'b', 'c')",
    ],
)
def test_no_change_goes_unnoticed(rows: GivenRows, supabase: LocalSupabase, change: str) -> None:
    rows.write(*({"tenant": tenant, "integrations": [{"connector": "acme-hr"}]} for tenant in ("northwind", "hooli")))
    before = rows.source().version()
    supabase.sql(change)
    assert rows.source().version() != before


def test_a_change_that_is_committed_late_is_noticed(rows: GivenRows, supabase: LocalSupabase) -> None:
    """Revisions are counted when they are made: a later one may be seen before an earlier one."""
    import psycopg  # noqa: PLC0415 - two transactions side by side

    rows.write(*({"tenant": tenant, "integrations": [{"connector": "acme-hr"}]} for tenant in ("northwind", "hooli")))
    with psycopg.connect(supabase.dsn) as slow:
        slow.execute("update integrations set enabled = false where tenant_id = 'hooli'")
        supabase.sql("update integrations set enabled = false where tenant_id = 'northwind'")
        before = rows.source().version()
        slow.commit()
    assert rows.source().version() != before


# what a row may name ----------------------------------------------------------------------------------------------

STOLEN = {
    "SUPABASE_SECRET_KEY": "stolen",
    "MKT_SECRET__HOOLI__ROSTER__TOKEN": "stolen",
    "NORTHWIND_TOKEN": "granted",
}


def chain(tmp_path: Path, *allow: str) -> SecretChain:
    (tmp_path / "secrets").mkdir(exist_ok=True)
    (tmp_path / "secrets" / "northwind").write_text("granted")
    (tmp_path / "other").write_text("stolen")
    return SecretChain([EnvBackend(STOLEN), FileBackend(tmp_path)], allow=allow)


@pytest.mark.parametrize(
    "reference",
    [
        "env:SUPABASE_SECRET_KEY",
        "env:MKT_SECRET__HOOLI__ROSTER__TOKEN",
        "env:NORTHWIND_TOKEN",
        "file:other",
        "file:secrets/../other",
        "file:/etc/passwd",
        "keyring:mkt/hooli/roster/TOKEN",
        "ENV:SUPABASE_SECRET_KEY",
        " env:SUPABASE_SECRET_KEY",
        "stolen",
    ],
)
def test_a_row_reaches_no_secret_of_the_operators(supabase: LocalSupabase, tmp_path: Path, reference: str) -> None:
    configuration = as_admin(supabase, secrets={"TOKEN": reference})
    with pytest.raises(ConfigError) as raised:
        chain(tmp_path, "env:SOMETHING_*", "file:secrets/*").look_up(configuration, TOKEN)
    assert raised.value.error_class == "config"
    assert "integrations row " in raised.value.message
    assert "stolen" not in raised.value.message


@pytest.mark.parametrize("reference", ["env:NORTHWIND_TOKEN", "file:secrets/northwind"])
def test_a_row_may_name_what_the_operator_allows(supabase: LocalSupabase, tmp_path: Path, reference: str) -> None:
    configuration = as_admin(supabase, secrets={"TOKEN": reference})
    found = chain(tmp_path, "env:NORTHWIND_*", "file:secrets/*").resolve(configuration, TOKEN)
    assert found is not None
    assert found.value == "granted"


def test_a_row_cannot_be_written_for_another_tenants_secrets(supabase: LocalSupabase, tmp_path: Path) -> None:
    """Where nothing is named, the places of the own tenant and integration are looked at, and no others."""
    configuration = as_admin(supabase)
    assert chain(tmp_path).look_up(configuration, TOKEN).found is None


def rule(configuration: ConnectorConfiguration, *allowed: str, hosts: str = "any") -> HostRule:
    return HostRule(configuration, manifest_of(hosts), allowed=allowed)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:5432/",
        "http://127.0.0.1/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.0.0.5/",
        "https://192.168.1.1/",
        "https://172.16.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::ffff:10.0.0.5]/",
        "https://[fd00::1]/",
        "https://[fe80::1]/",
        "https://0.0.0.0/",
        "https://127.1/",
        "https://0x7f.1/",
        "https://2130706433/",
        "https://100.100.100.200/",
        "https://192.0.0.192/",
        "https://[64:ff9b::169.254.169.254]/",
        "https://[64:ff9b:1::1]/",
        "https://[2002:a00:5::]/",
        "https://[::10.0.0.5]/",
        "http://hr.example/",
        "https://operator:password@hr.example/",
        "file:///etc/passwd",
        "gopher://hr.example/",
    ],
)
def test_a_row_reaches_nothing_of_the_operators_network(supabase: LocalSupabase, url: str) -> None:
    configuration = as_admin(supabase, settings={"base_url": url})
    with pytest.raises(ConfigError):
        rule(configuration).check(url)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5", "169.254.169.254", "::1", "fd00::1", "64:ff9b::a00:5"])
def test_a_public_name_leads_a_row_to_no_private_address(supabase: LocalSupabase, address: str) -> None:
    configuration = as_admin(supabase, settings={"base_url": "https://rebind.example/"})
    own = rule(configuration)
    own.check("https://rebind.example/")
    with pytest.raises(ConfigError, match="a loopback or private address"):
        own.check_address("rebind.example", 443, address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "64:ff9b::5db8:d822"])
def test_a_public_name_leads_to_public_addresses(supabase: LocalSupabase, address: str) -> None:
    """Where a network has IPv6 alone, the IPv4 hosts of others are in 64:ff9b::/96."""
    configuration = as_admin(supabase, settings={"base_url": "https://hr.example/"})
    rule(configuration).check_address("hr.example", 443, address)


def test_a_rows_url_does_not_widen_the_hosts_of_the_manifest(supabase: LocalSupabase) -> None:
    configuration = as_admin(supabase, settings={"base_url": "https://attacker.example/"})
    with pytest.raises(ConfigError, match=r"may not call attacker\.example"):
        rule(configuration, hosts="*.acme.example").check("https://attacker.example/")


def test_a_row_reaches_what_the_operator_allows(supabase: LocalSupabase) -> None:
    configuration = as_admin(supabase, settings={"base_url": "https://10.0.0.5/"})
    assert rule(configuration, "10.0.0.5").check("https://10.0.0.5/").host == "10.0.0.5"


def test_a_row_cannot_say_that_it_is_the_operators(supabase: LocalSupabase) -> None:
    columns: Mapping[str, Any] = {
        "settings": {"origin": {"source": "yaml"}, "source": "yaml"},
        "labels": {"source": "y"},
    }
    assert as_admin(supabase, **columns).origin.source == "supabase"


# what a row can hold and no file -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"settings": {"a": ["\x1b[2J"]}}, "settings.a.0 has a control character in it"),
        ({"disabled": {"reason": "\x1b[2J"}}, "disabled.reason has a control character in it"),
        ({"labels": {"a\x1b[2J": "b"}}, "a key under labels has a control character in it"),
        ({"guard": {"\x1b[2J": 1}}, "a key under guard has a control character in it"),
        ({"timezone": "\x1b[2J"}, "timezone has a control character in it"),
    ],
)
def test_a_row_that_no_file_could_say_breaks_its_tenant_alone(
    rows: GivenRows, supabase: LocalSupabase, columns: Mapping[str, Any], said: str
) -> None:
    rows.write({"tenant": "hooli", "integrations": [{"connector": "acme-hr"}]})
    with client_of(supabase, token=supabase.user_token("northwind", admin=True)) as admin:
        admin.table("integrations").insert({**ROW, **columns}).execute()
    found = loaded(rows)
    assert found.tenants == ("hooli",)
    (broken,) = found.broken
    assert [problem.message for problem in broken.problems] == [said]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('{"a": 9223372036854785536}', "settings.a: a whole number beyond 64 bits cannot be stored"),
        ('{"a": ' + "[" * 900 + "]" * 900 + "}", "settings.a.0 is nested deeper than 50 levels"),
    ],
)
def test_a_row_that_is_older_than_the_tables_check_breaks_its_tenant_alone(
    rows: GivenRows, supabase: LocalSupabase, settings: str, said: str
) -> None:
    rows.write(*({"tenant": tenant, "integrations": [{"connector": "acme-hr"}]} for tenant in ("northwind", "hooli")))
    check = "check (mkt_private.is_plain(jsonb_build_array(settings, secrets, labels, disabled, guard)))"
    supabase.sql("alter table integrations drop constraint integrations_plain")
    try:
        supabase.sql("update integrations set settings = %s where tenant_id = 'northwind'", settings)
        found = loaded(rows)
    finally:
        supabase.empty()
        supabase.sql(f"alter table integrations add constraint integrations_plain {check}")
    assert found.tenants == ("hooli",)
    assert [problem.message for problem in found.broken[0].problems] == [said]


# what cannot be read ----------------------------------------------------------------------------------------------


def test_where_supabase_refuses_nothing_starts(supabase: LocalSupabase) -> None:
    with pytest.raises(StartError, match="does not accept the key") as raised:
        loaded(GivenRows(replace(supabase, secret_key="sb_secret_of_another_project")))
    assert "SUPABASE_SECRET_KEY" in raised.value.remedy
