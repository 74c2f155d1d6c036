"""`mkt connectors`, `tenants`, `config` and `doctor`."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import keyring
import pytest
from keyring.core import load_keyring
from tests.cli.front import Mkt, Project

from mkt.cli.checkup import checkup
from mkt.cli.options import Installation
from mkt.output.checks import Check
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


def _named(checks: list[Check], name: str) -> Check:
    return next(check for check in checks if check.name == name)


@pytest.mark.usefixtures("partner")
def test_a_good_installation_passes_every_check(mkt: Mkt) -> None:
    answer = mkt("doctor", "-o", "json")
    assert answer.code == 0
    assert {check["name"] for check in answer.document if check["ok"]} == {
        *("python", "sqlite", "time zones", "connectors", "project", "configs", "store", "keyring", "clock"),
    }
    assert mkt("doctor", "-q").out == ""
    assert mkt("doctor").out.splitlines()[-2] == "all 9 checks are ok"


def test_without_a_project_the_rest_is_still_checked(
    mkt: Mkt, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(str(tmp_path))
    answer = mkt("doctor")
    assert answer.code == 1
    assert answer.out.splitlines()[0].split()[:2] == ["fail", "project"]
    assert "remedy" in answer.out


def test_a_store_that_cannot_be_opened_is_found(mkt: Mkt, project: Project) -> None:
    project.write("northwind")
    (project.root / ".mkt").write_text("in the way")
    assert mkt("doctor").code == 1
    check = _named(checkup(Installation()), "store")
    assert not check.ok
    assert check.remedy


def test_configs_that_cannot_be_read_are_found(project: Project) -> None:
    assert not _named(checkup(Installation()), "configs").ok
    project.write("northwind")
    assert _named(checkup(Installation()), "configs").found == "1 tenant, 1 integration"


def test_an_old_sqlite_is_found(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("northwind")
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 7, 17))
    assert not _named(checkup(Installation()), "sqlite").ok


@pytest.fixture
def no_keyring() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(load_keyring("keyring.backends.fail.Keyring"))
    yield
    keyring.set_keyring(before)


@pytest.mark.usefixtures("no_keyring")
def test_a_keyring_is_missed_only_where_one_is_referred_to(project: Project) -> None:
    project.write("northwind")
    assert _named(checkup(Installation()), "keyring").ok
    project.write("northwind", secrets={"WORKDAY_BEARER_TOKEN": "keyring:mkt/token"})
    assert not _named(checkup(Installation()), "keyring").ok


@pytest.mark.usefixtures("partner")
def test_a_clock_behind_the_newest_run_is_found(mkt: Mkt) -> None:
    mkt("verify")
    checks = checkup(Installation(), now=lambda: datetime.now(UTC) - timedelta(hours=1))
    assert "before the newest run" in _named(checks, "clock").found
