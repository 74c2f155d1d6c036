"""`mkt triage` and `mkt sync --cause`, as the person who is called at night meets them."""

import re

import pytest
from tests.cli.front import Mkt, Project

from mkt.connectors.workday_hris.simulator import WorkdaySimulator

TENANTS = ("acme", "contoso", "globex")


@pytest.fixture
def fleet(project: Project) -> Project:
    """Three tenants whose partner is down, and one whose file is broken."""
    for name in TENANTS:
        settings = {"base_url": "http://127.0.0.1:9", "tenant": name, "report": f"isu/{name}"}
        given = {"columns": {"external_id": "Employee_ID"}, **settings}
        project.write(name, settings=given, secrets={"WORKDAY_BEARER_TOKEN": "env:TOKEN"})
    (project.root / "configs" / "initech.yaml").write_text("tenant: [")
    return project


def _fingerprint(mkt: Mkt, tenant: str) -> str:
    found = mkt("triage", "-o", "json").document
    return str(next(cause["fingerprint"] for cause in found if tenant in cause["tenants"]))


@pytest.mark.usefixtures("fleet")
def test_many_failures_are_told_by_cause(mkt: Mkt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "abcdefghij")
    assert mkt("sync", "--all").code == 1
    answer = mkt("triage")
    assert (answer.code, answer.err) == (0, "")
    first, *rest = answer.out.splitlines()
    assert first == "4 tenants, 2 causes"
    fingerprint = _fingerprint(mkt, "acme")
    assert rest[0] == f"{fingerprint}  workday-hris  failing  transient  3 tenants, 3 integrations"
    assert re.search(r"where +acme/roster, contoso/roster, globex/roster", answer.out)
    assert re.search(r"acts: us +First check base_url at configs/\w+\.yaml", answer.out)
    assert f"mkt sync --cause {fingerprint}" in answer.out
    assert rest[-1] == f"next: mkt triage {fingerprint}"


@pytest.mark.usefixtures("fleet")
def test_one_cause_is_told_with_every_integration_that_has_it(mkt: Mkt) -> None:
    mkt("sync", "--all")
    fingerprint = _fingerprint(mkt, "acme")
    answer = mkt("triage", fingerprint[3:9])
    assert answer.code == 0
    assert answer.out.startswith(fingerprint)
    rows = [line.split()[:2] for line in answer.out.splitlines() if "/roster  " in line]
    assert sorted(rows) == [[f"{tenant}/roster", "failing"] for tenant in TENANTS]
    assert answer.out.splitlines()[-1].startswith("next: mkt verify ")
    shown = mkt("triage", fingerprint, "-o", "json").document
    assert (shown["tenant_count"], shown["class"], shown["actor"]) == (3, "config", "us")


@pytest.mark.usefixtures("fleet")
def test_the_causes_for_scripts(mkt: Mkt) -> None:
    mkt("sync", "--all")
    (missing, broken) = mkt("triage", "-o", "json").document
    assert missing["integrations"] == ["acme/roster", "contoso/roster", "globex/roster"]
    assert missing["first_seen"]
    assert (broken["state"], broken["tenants"], broken["next_command"]) == ("broken", ["initech"], "mkt lint")
    assert [line["fingerprint"] for line in mkt("triage", "-o", "jsonl").lines] == [
        missing["fingerprint"],
        broken["fingerprint"],
    ]


def test_where_nothing_fails_it_says_so(project: Project, mkt: Mkt) -> None:
    project.write("acme")
    answer = mkt("triage")
    assert (answer.code, answer.out) == (0, "nothing fails\nnext: mkt status\n")
    assert mkt("triage", "-o", "json").document == []


@pytest.mark.usefixtures("fleet")
def test_a_target_shows_its_causes_with_all_that_have_them(mkt: Mkt) -> None:
    mkt("sync", "--all")
    [cause] = mkt("triage", "contoso", "-o", "json").document
    assert (cause["tenant_count"], cause["integrations"][0]) == (3, "acme/roster")
    assert mkt("triage", "contoso/roster").out.endswith("next: mkt verify contoso/roster\n")
    assert [found["state"] for found in mkt("triage", "-t", "initech", "-o", "json").document] == ["broken"]
    unknown = mkt("triage", "contso")
    assert (unknown.code, "Did you mean contoso?" in unknown.err) == (2, True)


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("command", [("triage", "fff"), ("sync", "--cause", "fff")])
def test_a_cause_that_nobody_has_is_a_no(mkt: Mkt, command: tuple[str, ...]) -> None:
    mkt("sync", "--all")
    answer = mkt(*command)
    assert (answer.code, answer.out) == (1, "")
    assert "nothing that stands now has the cause fff" in answer.err
    assert "mkt triage" in answer.err


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("given", [("--cause", ""), ("--cause", "abc", "--all")])
def test_a_cause_that_is_none_is_refused_before_anything_runs(mkt: Mkt, given: tuple[str, ...]) -> None:
    assert mkt("sync", *given).code == 2


def test_once_the_partner_is_back_one_command_syncs_all_that_it_had_stopped(
    project: Project, partner: WorkdaySimulator, mkt: Mkt, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {"base_url": "http://127.0.0.1:9", "tenant": "x", "report": "x/y", "columns": {"external_id": "id"}}
    project.write("zenith", settings=others, secrets={"WORKDAY_BEARER_TOKEN": "env:TOKEN"})
    monkeypatch.setenv("TOKEN", "abcdefghij")
    right = (project.root / "configs" / "northwind.yaml").read_text()
    down = partner.settings() | {"base_url": "http://127.0.0.1:9"}
    project.write("northwind", settings=down, schedule="15 2 * * *")
    assert mkt("sync", "northwind", "--now").code == 1
    project.write("zenith", settings=others)
    assert mkt("sync", "zenith", "--now").code == 1
    fingerprint = _fingerprint(mkt, "northwind")
    (project.root / "configs" / "northwind.yaml").write_text(right)
    answer = mkt("sync", "--cause", fingerprint, "-o", "json")
    assert answer.code == 0
    assert [result["tenant"] for result in answer.document["results"]] == ["northwind"]
    assert [cause["tenants"] for cause in mkt("triage", "-o", "json").document] == [["zenith"]]
