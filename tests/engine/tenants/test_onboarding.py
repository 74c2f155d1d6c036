"""A new tenant's file, for every connector of this installation."""

import re
from pathlib import Path

import pytest

from mkt.configs.base import Problem
from mkt.engine.tenants.onboarding import missing_settings, new_file
from mkt.errors import Refused
from mkt.lint import check
from mkt.registry import ConnectorRegistry
from mkt.secrets.env import EnvBackend
from mkt.secrets.keyring import KeyringBackend
from mkt.settings import AllDefaults

REGISTRY = ConnectorRegistry.discover()
FILLED_IN = re.compile(r"^( +)# (?=[a-z_]+: \S|secrets:$|  [A-Z_]+: |  # )", re.MULTILINE)


def written(connector: str) -> str:
    return new_file("northwind", [REGISTRY[connector]], labels={"region": "emea"}, schema="../schema.json")


def lint(text: str, root: Path) -> list[Problem]:
    (root / "configs").mkdir()
    (root / "configs" / "northwind.yaml").write_text(text)
    return check(
        [],
        root=root,
        config_dir=Path("configs"),
        registry=REGISTRY,
        defaults=AllDefaults(),
        backends=[EnvBackend(), KeyringBackend()],
    )


@pytest.mark.parametrize("connector", REGISTRY)
def test_a_new_file_lacks_what_has_to_be_filled_in_and_nothing_else(connector: str, tmp_path: Path) -> None:
    text = written(connector)
    found = [(problem.code, problem.severity, problem.message) for problem in lint(text, tmp_path)]
    missing = missing_settings(REGISTRY[connector])
    assert found == [("MKT310", "warning", f"settings.{name} is missing") for name in missing]
    assert all(re.search(rf"^      # {name}: .", text, re.MULTILINE) for name in missing)


@pytest.mark.parametrize("connector", REGISTRY)
def test_without_the_comment_signs_it_is_a_file_without_errors(connector: str, tmp_path: Path) -> None:
    text = FILLED_IN.sub(r"\1", written(connector))
    assert [problem for problem in lint(text, tmp_path) if problem.severity == "error"] == []
    secrets = [secret.name for secret in REGISTRY[connector].require_manifest().secrets]
    assert all(re.search(rf"^      {name}: env:MKT_SECRET__NORTHWIND__", text, re.MULTILINE) for name in secrets)


def test_a_tenant_whose_slug_looks_like_a_number_is_quoted() -> None:
    assert 'tenant: "007"\n' in new_file("007", [REGISTRY["workday-hris"]], labels={}, schema="s")


def test_a_connector_given_twice_is_refused() -> None:
    with pytest.raises(Refused, match="two integrations would be called workday-hris"):
        new_file("a", [REGISTRY["workday-hris"]] * 2, labels={}, schema="s")
