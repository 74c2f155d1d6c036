from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import yaml

from mkt.configs.base import Configs
from mkt.configs.connector_settings import build_settings
from mkt.contract import ConnectorConfiguration, Json, Manifest
from mkt.errors import ConfigError
from mkt.registry import BrokenConnectorError, RegisteredConnector

Load = Callable[..., Configs]


ACME = Path(__file__).parents[1] / "lint"
URL = "https://api.acme.example"
HEAD = "tenant: northwind\nintegrations:\n  - connector: acme-hr\n    settings:\n"


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> RegisteredConnector:
    monkeypatch.syspath_prepend(ACME)
    manifest = Manifest.model_validate(yaml.safe_load((ACME / "acme_hr" / "manifest.yaml").read_text()))
    return RegisteredConnector("acme-hr", "acme_hr", manifest)


def configuration(**settings: Json) -> ConnectorConfiguration:
    return ConnectorConfiguration(tenant="northwind", name="roster", connector="acme-hr", settings=settings)


def test_settings_become_the_connectors_own_type(acme: RegisteredConnector) -> None:
    settings = build_settings(configuration(base_url=URL, since="2026-01-01", units=["a"], page_size=5), acme)
    assert type(settings) is acme.settings_model
    assert settings.model_dump(include={"units", "since"}) == {"units": ("a",), "since": date(2026, 1, 1)}


def test_an_identifier_may_stand_under_settings_and_does_not_reach_the_model(acme: RegisteredConnector) -> None:
    settings = build_settings(configuration(base_url=URL, acme_client_id="abc"), acme)
    assert settings.model_dump(exclude_unset=True) == {"base_url": URL}


def test_every_wrong_setting_is_named_with_its_line(acme: RegisteredConnector, load: Load) -> None:
    text = HEAD + "      mode: turbo\n      acme_client_secret: hunter2\n      pagesize: 3\n"
    (written,) = load({"northwind.yaml": text}).configurations
    with pytest.raises(ConfigError) as error:
        build_settings(written, acme)
    assert error.value.message == (
        "configs/northwind.yaml:6: ACME_CLIENT_SECRET is sensitive and must not stand under settings; "
        "configs/northwind.yaml:4: settings.base_url is missing; "
        "configs/northwind.yaml:5: settings.mode must be 'full' or 'delta', not the text 'turbo'; "
        "configs/northwind.yaml:7: settings.pagesize is not known"
    )
    assert "Did you mean page_size?" in error.value.remedy
    assert "hunter2" not in f"{error.value.message}{error.value.remedy}"
    assert error.value.actor == "us"


def test_without_lines_the_target_is_named(acme: RegisteredConnector) -> None:
    with pytest.raises(ConfigError, match=r"northwind/roster: settings\.base_url is missing"):
        build_settings(configuration(), acme)


def test_a_broken_connector_says_so() -> None:
    broken = RegisteredConnector("acme-hr", "acme_nowhere", None, "manifest.yaml: no such file")
    with pytest.raises(BrokenConnectorError, match="no such file"):
        build_settings(configuration(), broken)
