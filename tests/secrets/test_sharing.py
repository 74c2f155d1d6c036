"""Who else uses a place."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mkt.contract import ConnectorConfiguration, Origin, SecretDeclaration
from mkt.errors import Refused
from mkt.secrets.base import Reference
from mkt.secrets.chain import SecretChain
from mkt.secrets.env import EnvBackend
from mkt.secrets.file import FileBackend
from mkt.secrets.keyring import KeyringBackend
from mkt.secrets.placing import OneSecret
from mkt.secrets.sharing import named, require_own, sharers

TOKEN = SecretDeclaration(name="ACME_TOKEN", how="Admin > Tokens.")
Configure = Callable[..., ConnectorConfiguration]


def one(folder: Path, configuration: ConnectorConfiguration) -> OneSecret:
    return OneSecret(SecretChain([EnvBackend({}), FileBackend(folder), KeyringBackend()]), configuration, TOKEN)


def other(**secrets: str) -> ConnectorConfiguration:
    lines = {"secrets": "configs/other.yaml:7"}
    origin = Origin(place="configs/other.yaml:3", lines=lines)
    return ConnectorConfiguration(tenant="other", name="crm", connector="acme-crm", secrets=secrets, origin=origin)


def test_another_secret_of_the_same_integration_shares_too(tmp_path: Path, configured: Configure) -> None:
    own = configured(secrets={"ACME_TOKEN": "file:key", "ACME_CLIENT_SECRET": f"file:{tmp_path}/key"})
    found = sharers(one(tmp_path, own), Reference("file", "key"), [own, other(TOKEN="file:other")], {})
    assert found == ["north-wind/roster ACME_CLIENT_SECRET (configs/north-wind.yaml:9)"]


def test_the_default_place_of_another_is_shared_by_whoever_names_it(tmp_path: Path, configured: Configure) -> None:
    place = Reference("keyring", "mkt/other/crm/CRM_TOKEN")
    own = configured(secrets={"ACME_TOKEN": str(place)})
    assert sharers(one(tmp_path, own), place, [own, other()], {}) == [
        "other/crm CRM_TOKEN (configs/other.yaml:3, by default)"
    ]
    elsewhere = other(CRM_TOKEN="env:CRM")
    assert sharers(one(tmp_path, own), place, [own, elsewhere], {}) == []


def test_the_operators_own_references_count(tmp_path: Path, configured: Configure) -> None:
    own = configured(secrets={"ACME_TOKEN": "file:key"})
    found = sharers(one(tmp_path, own), Reference("file", "key"), [own], {"[alerts] webhook_secret": "file:./key"})
    assert found == ["[alerts] webhook_secret (mkt.toml)"]


@pytest.mark.parametrize("text", ["no reference", "file:two\0parts", "file:loop"])
def test_what_leads_nowhere_shares_nothing(tmp_path: Path, configured: Configure, text: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    own = configured(secrets={"ACME_TOKEN": "file:key"})
    assert sharers(one(tmp_path, own), Reference("file", "key"), [own, other(TOKEN=text)], {}) == []


def test_a_place_without_a_value_can_be_filled_for_all(tmp_path: Path, configured: Configure) -> None:
    secret = one(tmp_path, configured(secrets={"ACME_TOKEN": "file:key"}))
    require_own(secret, Reference("file", "key"), ["other/crm TOKEN"], verb="changes")
    (tmp_path / "key").write_text("s3cret\n")
    with pytest.raises(Refused, match="is used by other/crm TOKEN too; nothing was changed"):
        require_own(secret, Reference("file", "key"), ["other/crm TOKEN"], verb="changes")
    require_own(secret, Reference("file", "key"), [], verb="changes")


def test_of_many_only_the_first_are_named() -> None:
    assert named([str(number) for number in range(1, 8)]) == "1, 2, 3, 4, 5 and 2 more"
