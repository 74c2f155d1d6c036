"""`mkt connectors`, `tenants` and `config`."""

import pytest
from tests.cli.front import Mkt, Project

from mkt.registry import ConnectorRegistry, RegisteredConnector


def test_connectors_need_no_project(mkt: Mkt, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    listed = mkt("connectors", "list", "-o", "json").document
    assert "workday-hris" in {connector["id"] for connector in listed}
    assert "workday-hris" in mkt("connectors", "list").out


def test_a_connector_is_shown_by_any_unique_part_of_its_id(mkt: Mkt) -> None:
    shown = mkt("connectors", "show", "workday", "-o", "json").document
    assert (shown["id"], shown["category"]) == ("workday-hris", "hris")
    text = mkt("connectors", "show", "workday-hris").out
    assert "WORKDAY_ISU_PASSWORD" in text
    assert "*.workday.com" in text


def test_an_unknown_connector_is_refused_with_the_near_one(mkt: Mkt) -> None:
    answer = mkt("connectors", "show", "workday-hriss")
    assert answer.code == 1
    assert answer.err == "mkt: there is no connector workday-hriss\n  -> Did you mean workday-hris?\n"


def test_a_broken_connector_is_listed_with_its_reason(mkt: Mkt, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = RegisteredConnector("acme-hr", "acme", None, "manifest.yaml: no id")
    monkeypatch.setattr(ConnectorRegistry, "discover", lambda: ConnectorRegistry({"acme-hr": broken}))
    answer = mkt("connectors", "list")
    assert answer.code == 0
    assert "manifest.yaml: no id" in answer.out
    assert mkt("connectors", "show", "acme-hr").code == 1


def test_tenants_are_listed_with_their_integrations_broken_ones_first(mkt: Mkt, project: Project) -> None:
    project.write("northwind")
    (project.root / "configs" / "zed.yaml").write_text("tenant: zed\nintegrations: 3\n")
    lines = mkt("tenants", "list").out.splitlines()
    assert lines[1].split()[:2] == ["zed", "broken"]
    assert lines[2].split() == ["northwind", "roster"]
    assert lines[-2:] == ["2 tenants", "next: mkt lint"]
    northwind, zed = mkt("tenants", "list", "-o", "json").document
    assert (northwind["integrations"][0]["connector"], northwind["broken"]) == ("workday-hris", None)
    assert zed["broken"][0]["path"] == "configs/zed.yaml"


def test_the_schema_is_json_and_knows_every_connector(mkt: Mkt) -> None:
    answer = mkt("config", "schema")
    assert answer.document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "workday-hris" in answer.out
