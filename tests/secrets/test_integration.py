from collections.abc import Callable
from typing import Any

import pytest

from mkt.contract import ConnectorConfiguration, Manifest
from mkt.errors import ConfigError
from mkt.runtime.masking import Masker
from mkt.secrets.chain import SecretChain
from mkt.secrets.env import EnvBackend
from mkt.secrets.integration import IntegrationSecrets
from mkt.secrets.keyring import KeyringBackend

Configure = Callable[..., ConnectorConfiguration]


@pytest.fixture(autouse=True)
def _empty_keyring(memory_keyring: Any) -> None:
    assert not memory_keyring.entries


def variable(name: str) -> str:
    return f"MKT_SECRET__NORTH_WIND__ROSTER__{name}"


def secrets_of(
    configuration: ConnectorConfiguration, manifest: Manifest, environ: dict[str, str], masker: Masker | None = None
) -> IntegrationSecrets:
    chain = SecretChain([EnvBackend(environ), KeyringBackend()])
    return IntegrationSecrets(chain, configuration, manifest, masker or Masker())


def test_a_sensitive_value_is_masked_from_its_first_use(configured: Configure, manifest: Manifest) -> None:
    masker = Masker()
    secrets = secrets_of(configured(), manifest, {variable("ACME_TOKEN"): "s3cret-value"}, masker)
    assert secrets.get("ACME_TOKEN") == "s3cret-value"
    assert masker.mask("a s3cret-value here") == "a *** here"


def test_an_identifier_is_never_masked(configured: Configure, manifest: Manifest) -> None:
    masker = Masker()
    secrets = secrets_of(configured(), manifest, {variable("ACME_CLIENT_ID"): "client-1042"}, masker)
    assert secrets.get("ACME_CLIENT_ID") == "client-1042"
    assert masker.mask("client-1042") == "client-1042"


def test_a_secret_is_looked_up_once_in_a_call(configured: Configure, manifest: Manifest) -> None:
    environ = {variable("ACME_TOKEN"): "first"}
    secrets = secrets_of(configured(), manifest, environ)
    secrets.get("ACME_TOKEN")
    environ.clear()
    assert secrets.get("ACME_TOKEN") == "first"


def test_a_missing_secret_lists_every_place_and_how_to_fill_it(configured: Configure, manifest: Manifest) -> None:
    with pytest.raises(ConfigError) as raised:
        secrets_of(configured(), manifest, {}).get("ACME_TOKEN")
    assert raised.value.message == (
        "secret ACME_TOKEN of north-wind/roster is missing; tried env:MKT_SECRET__NORTH_WIND__ROSTER__ACME_TOKEN "
        "(not there), keyring:mkt/north-wind/roster/ACME_TOKEN (not there); configs/north-wind.yaml:9"
    )
    assert raised.value.remedy == (
        "Set it: `MKT_SECRET__NORTH_WIND__ROSTER__ACME_TOKEN='…'` in the project's .env (mode 0600), or "
        "`mkt secrets set north-wind/roster ACME_TOKEN` for the keyring. Admin > Tokens."
    )
    assert (raised.value.code, raised.value.actor) == ("config.secret_missing", "us")


def test_all_that_are_missing_together_are_named_with_every_place(configured: Configure, manifest: Manifest) -> None:
    configuration = configured(secrets={"ACME_CLIENT_ID": "env:TYPO"})
    with pytest.raises(ConfigError) as raised:
        secrets_of(configuration, manifest, {}).get("ACME_CLIENT_SECRET")
    assert raised.value.message == (
        "2 secrets of north-wind/roster are missing: ACME_CLIENT_SECRET, tried env:MKT_SECRET__NORTH_WIND__ROSTER__"
        "ACME_CLIENT_SECRET (not there), keyring:mkt/north-wind/roster/ACME_CLIENT_SECRET (not there); "
        "ACME_CLIENT_ID, tried env:TYPO (not there); configs/north-wind.yaml:9"
    )
    assert (
        "`TYPO='…'` in the project's .env (mode 0600), or `mkt secrets set north-wind/roster ACME_CLIENT_SECRET`"
        in (raised.value.remedy)
    )
    with pytest.raises(ConfigError) as same:
        secrets_of(configuration, manifest, {}).get("ACME_CLIENT_ID")
    assert "; ACME_CLIENT_SECRET, tried" in same.value.message


def test_an_undeclared_secret_is_a_bug_of_the_connector(configured: Configure, manifest: Manifest) -> None:
    with pytest.raises(LookupError, match="acme-hris asks for OTHER"):
        secrets_of(configured(), manifest, {}).get("OTHER")


def test_the_first_complete_set_is_taken(configured: Configure, manifest: Manifest) -> None:
    environ = {variable("ACME_CLIENT_ID"): "id", variable("ACME_CLIENT_SECRET"): "s3cret"}
    assert secrets_of(configured(), manifest, environ).complete_set() == "client"
    assert secrets_of(configured(), manifest, {**environ, variable("ACME_TOKEN"): "t"}).complete_set() == "token"


def test_without_a_complete_set_the_begun_one_is_explained(configured: Configure, manifest: Manifest) -> None:
    with pytest.raises(ConfigError, match="Closest is client: ACME_CLIENT_SECRET is missing") as raised:
        secrets_of(configured(), manifest, {variable("ACME_CLIENT_ID"): "id"}).complete_set()
    assert variable("ACME_CLIENT_SECRET") in raised.value.message
    assert "(token, client)" in raised.value.message
    assert "`MKT_SECRET__NORTH_WIND__ROSTER__ACME_CLIENT_SECRET='…'`" in raised.value.remedy


def test_with_nothing_at_all_the_shortest_set_is_explained(configured: Configure, manifest: Manifest) -> None:
    with pytest.raises(ConfigError, match="Closest is token: ACME_TOKEN is missing"):
        secrets_of(configured(), manifest, {}).complete_set()


def test_a_written_reference_that_leads_nowhere_ends_the_search_for_a_set(
    configured: Configure, manifest: Manifest
) -> None:
    environ = {variable("ACME_CLIENT_ID"): "id", variable("ACME_CLIENT_SECRET"): "s3cret"}
    configuration = configured(secrets={"ACME_TOKEN": "env:TYPO"})
    with pytest.raises(ConfigError, match="tried env:TYPO"):
        secrets_of(configuration, manifest, environ).complete_set()


def test_a_manifest_without_sets_has_no_complete_one(configured: Configure, manifest: Manifest) -> None:
    with pytest.raises(LookupError, match="no alternative sets"):
        secrets_of(configured(), manifest.model_copy(update={"secrets": ()}), {}).complete_set()


def test_a_rotated_value_goes_back_where_the_old_one_stood(
    configured: Configure, manifest: Manifest, memory_keyring: Any
) -> None:
    memory_keyring.entries["mkt/north-wind/roster", "ACME_TOKEN"] = "old-value"
    masker = Masker()
    secrets = secrets_of(configured(), manifest, {}, masker)
    assert secrets.write_back("ACME_TOKEN", "new-value") is True
    assert memory_keyring.entries["mkt/north-wind/roster", "ACME_TOKEN"] == "new-value"
    assert secrets.get("ACME_TOKEN") == "new-value"
    assert masker.mask("old-value new-value") == "*** ***"


def test_a_rotated_value_whose_place_cannot_be_written_serves_this_call(
    configured: Configure, manifest: Manifest
) -> None:
    environ = {variable("ACME_TOKEN"): "old"}
    secrets = secrets_of(configured(), manifest, environ)
    assert secrets.write_back("ACME_TOKEN", "new") is False
    assert secrets.get("ACME_TOKEN") == "new"
    assert environ == {variable("ACME_TOKEN"): "old"}


def test_identifiers_are_those_that_are_there(configured: Configure, manifest: Manifest) -> None:
    environ = {variable("ACME_URL"): "https://acme.example", variable("ACME_TOKEN"): "s3cret"}
    assert list(secrets_of(configured(), manifest, environ).identifiers()) == ["https://acme.example"]
