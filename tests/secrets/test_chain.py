from collections.abc import Callable
from pathlib import Path
from typing import Any

import keyring.backends.fail
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.contract import ConnectorConfiguration, Origin, SecretDeclaration
from mkt.errors import ConfigError
from mkt.secrets.chain import SecretChain
from mkt.secrets.env import EnvBackend
from mkt.secrets.file import FileBackend
from mkt.secrets.keyring import KeyringBackend
from mkt.secrets.lookup import Found, default_places

Configure = Callable[..., ConnectorConfiguration]

TOKEN = SecretDeclaration(name="ACME_TOKEN", how="Admin > Tokens.")
CLIENT_ID = SecretDeclaration(name="ACME_CLIENT_ID", sensitive=False, how="Admin > Clients.")
VARIABLE = "MKT_SECRET__NORTH_WIND__ROSTER__ACME_TOKEN"


def chain(environ: dict[str, str] | None = None, **more: Any) -> SecretChain:
    return SecretChain([EnvBackend(environ or {}), KeyringBackend(), FileBackend(Path("/nowhere"))], **more)


def test_a_written_reference_is_read(configured: Configure) -> None:
    found = chain({"MINE": "s3cret"}).resolve(configured(secrets={"ACME_TOKEN": "env:MINE"}), TOKEN)
    assert found is not None
    assert (found.value, str(found.reference)) == ("s3cret", "env:MINE")


def test_what_is_not_named_stands_in_a_variable_by_default(configured: Configure) -> None:
    found = chain({VARIABLE: "s3cret"}).resolve(configured(), TOKEN)
    assert found is not None
    assert str(found.reference) == f"env:{VARIABLE}"


def test_then_it_stands_in_the_keyring(configured: Configure, memory_keyring: Any) -> None:
    memory_keyring.entries["mkt/north-wind/roster", "ACME_TOKEN"] = "s3cret"
    found = chain({VARIABLE: ""}).resolve(configured(), TOKEN)
    assert found is not None
    assert str(found.reference) == "keyring:mkt/north-wind/roster/ACME_TOKEN"


def test_a_lookup_lists_every_place_tried(configured: Configure, memory_keyring: Any) -> None:
    assert not memory_keyring.entries
    lookup = chain({VARIABLE: ""}).look_up(configured(), TOKEN)
    assert lookup.found is None
    assert [str(tried) for tried in lookup.tried] == [
        f"env:{VARIABLE} (empty)",
        "keyring:mkt/north-wind/roster/ACME_TOKEN (not there)",
    ]


def test_no_keyring_at_all_is_not_there_for_a_default_place(configured: Configure, use_keyring: Any) -> None:
    use_keyring(keyring.backends.fail.Keyring())  # type: ignore[no-untyped-call]
    lookup = chain().look_up(configured(), TOKEN)
    assert lookup.found is None
    assert "no keyring on this machine" in lookup.tried[1].why


def test_no_keyring_at_all_is_an_error_for_a_written_reference(configured: Configure, use_keyring: Any) -> None:
    use_keyring(keyring.backends.fail.Keyring())  # type: ignore[no-untyped-call]
    with pytest.raises(ConfigError, match=r"ACME_TOKEN of north-wind/roster .* no keyring") as raised:
        chain().resolve(configured(secrets={"ACME_TOKEN": "keyring:mkt/TOKEN"}), TOKEN)
    assert raised.value.code == "config.no_keyring"
    assert "configs/north-wind.yaml:9" in raised.value.message
    assert raised.value.remedy


@pytest.mark.parametrize("value", [None, ""])
def test_a_written_reference_that_leads_nowhere_does_not_fall_through(
    configured: Configure, value: str | None
) -> None:
    environ = {VARIABLE: "s3cret"} | ({} if value is None else {"MINE": value})
    with pytest.raises(ConfigError, match="ACME_TOKEN of north-wind/roster is missing; tried env:MINE") as raised:
        chain(environ).resolve(configured(secrets={"ACME_TOKEN": "env:MINE"}), TOKEN)
    assert raised.value.code == "config.secret_missing"
    assert "`MINE='…'`" in raised.value.remedy
    assert "Admin > Tokens." in raised.value.remedy


@pytest.mark.parametrize("text", ["hunter2", "env:", "hunter2:abc", "Hunter:2", "env:hunter-2", "keyring:hunter2"])
def test_what_is_no_reference_may_be_a_value_and_is_never_repeated(configured: Configure, text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        chain().resolve(configured(secrets={"ACME_TOKEN": text}), TOKEN)
    assert raised.value.code == "config.secret_reference"
    assert "unter" not in raised.value.message + raised.value.remedy


def test_an_identifier_may_stand_under_settings(configured: Configure) -> None:
    found = chain().resolve(configured(settings={"acme_client_id": 1042}), CLIENT_ID)
    assert found == Found(None, "1042")


def test_a_written_reference_goes_before_the_settings(configured: Configure) -> None:
    configuration = configured(settings={"acme_client_id": "a"}, secrets={"ACME_CLIENT_ID": "env:MINE"})
    found = chain({"MINE": "b"}).resolve(configuration, CLIENT_ID)
    assert found is not None
    assert found.value == "b"


@pytest.mark.parametrize("value", ["", True, ["a"], None])
def test_a_setting_that_is_no_text_is_no_identifier(
    configured: Configure, memory_keyring: Any, value: object
) -> None:
    assert not memory_keyring.entries
    lookup = chain().look_up(configured(settings={"acme_client_id": value}), CLIENT_ID)
    assert lookup.found is None
    assert lookup.tried[0].place == "settings.acme_client_id"


def test_a_sensitive_value_is_not_looked_for_under_settings(configured: Configure, memory_keyring: Any) -> None:
    assert not memory_keyring.entries
    assert chain().resolve(configured(settings={"acme_token": "s3cret"}), TOKEN) is None


ROW = Origin(source="supabase", place="row 7")


def test_a_row_may_not_name_the_operators_places(configured: Configure) -> None:
    configuration = configured(origin=ROW, secrets={"ACME_TOKEN": "env:DATABASE_PASSWORD"})
    with pytest.raises(ConfigError, match="names env:DATABASE_PASSWORD, but a row from Supabase") as raised:
        chain({"DATABASE_PASSWORD": "s3cret"}).resolve(configuration, TOKEN)
    assert raised.value.code == "config.secret_forbidden"
    assert "[secrets] allow" in raised.value.remedy


def test_the_operator_may_allow_it(configured: Configure) -> None:
    configuration = configured(origin=ROW, secrets={"ACME_TOKEN": "env:NORTH_TOKEN"})
    found = chain({"NORTH_TOKEN": "s3cret"}, allow=["env:NORTH_*"]).resolve(configuration, TOKEN)
    assert found is not None


def test_an_allowed_folder_is_not_left_through_its_parent(configured: Configure) -> None:
    configuration = configured(origin=ROW, secrets={"ACME_TOKEN": "file:secrets/../../etc/passwd"})
    with pytest.raises(ConfigError, match="a row from Supabase"):
        chain(allow=["file:secrets/*"]).resolve(configuration, TOKEN)


def test_a_row_may_name_supabase(configured: Configure) -> None:
    class Rows:
        scheme = "supabase"

        def check(self, locator: str) -> str:  # noqa: ARG002 - any name will do
            return ""

        def read(self, locator: str) -> str | None:
            return {"TOKEN": "s3cret"}.get(locator)

    found = SecretChain([Rows()]).resolve(configured(origin=ROW, secrets={"ACME_TOKEN": "supabase:TOKEN"}), TOKEN)
    assert found is not None


def test_a_found_value_does_not_show_in_its_repr() -> None:
    assert "s3cret" not in repr(Found(None, "s3cret"))


slugs = st.from_regex(r"[a-z0-9](-?[a-z0-9])*", fullmatch=True)
names = st.from_regex(r"[A-Z][A-Z0-9_]*", fullmatch=True)


@given(st.tuples(slugs, slugs, names), st.tuples(slugs, slugs, names))
def test_no_two_secrets_share_a_default_place(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    places = [
        default_places(ConnectorConfiguration(tenant=tenant, name=name, connector="x"), secret)
        for tenant, name, secret in (one, other)
    ]
    assert (one == other) == (places[0][1] == places[1][1])
    assert (one == other) == (places[0][0] == places[1][0])
    assert EnvBackend({}).check(places[0][0].locator) == ""
    assert KeyringBackend().check(places[0][1].locator) == ""
