"""`mkt lint`."""

import pytest
from tests.cli.front import Mkt, Project

from mkt.connectors.workday_hris.simulator import WorkdaySimulator


@pytest.fixture
def misspelt(project: Project) -> Project:
    project.write("northwind", setings={})
    return project


@pytest.mark.usefixtures("partner")
def test_a_good_project_has_no_problems(mkt: Mkt) -> None:
    assert mkt("lint") == mkt("lint", "configs")
    answer = mkt("lint")
    assert (answer.code, answer.out, answer.err) == (0, "no problems found\n", "")
    assert mkt("lint", "-q").out == ""
    assert mkt("lint", "-o", "json").document == []


def test_lint_calls_nobody(mkt: Mkt, partner: WorkdaySimulator) -> None:
    mkt("lint")
    assert not partner.requests


@pytest.mark.usefixtures("misspelt")
def test_a_problem_is_shown_at_its_place(mkt: Mkt) -> None:
    answer = mkt("lint", "-q")
    assert answer.code == 1
    assert "configs/northwind.yaml:7:4: MKT201 setings is not known" in answer.out
    assert "      = Did you mean settings?" in answer.out


@pytest.mark.usefixtures("misspelt")
def test_scripts_get_the_same_findings_in_every_shape(mkt: Mkt) -> None:
    document, lines = mkt("lint", "-o", "json").document, mkt("lint", "-o", "jsonl").lines
    assert document == lines
    found = next(problem for problem in document if problem["code"] == "MKT201")
    assert (found["path"], found["line"], found["tenant"]) == ("configs/northwind.yaml", 7, "northwind")
    assert mkt("lint", "-o", "github").out.count("::error file=configs/northwind.yaml,line=") == len(document)


@pytest.mark.usefixtures("misspelt")
def test_a_github_workflow_gets_annotations_by_itself(mkt: Mkt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert mkt("lint").out.startswith("::error ")


def test_rules_can_be_left_out_by_the_operator(mkt: Mkt, misspelt: Project) -> None:
    (misspelt.root / "mkt.toml").write_text("[lint]\nselect = ['MKT2']\n")
    assert {problem["code"] for problem in mkt("lint", "-o", "json").document} == {"MKT201"}
    (misspelt.root / "mkt.toml").write_text("[lint]\nignore = ['MKT']\n")
    assert mkt("lint").code == 0


def test_a_value_in_the_place_of_a_reference_is_not_repeated(mkt: Mkt, project: Project) -> None:
    project.write("northwind", secrets={"WORKDAY_ISU_PASSWORD": "hunter2-hunter2", "WORKDAY_ISU_USERNME": "HUNTER2"})
    for shape in ("text", "json", "github"):
        answer = mkt("lint", "-o", shape)
        assert answer.code == 1
        assert "WORKDAY_ISU_PASSWORD" in answer.out
        assert "hunter2" not in answer.out.lower()


def test_a_path_that_is_not_there_is_refused(mkt: Mkt, project: Project) -> None:
    project.write("northwind")
    assert mkt("lint", "configs/gone.yaml").code == 2


def test_every_rule_is_listed_and_explained(mkt: Mkt) -> None:
    rules = mkt("lint", "--rules", "-o", "json").document
    assert all(rule["code"] in mkt("lint", "--rules").out for rule in rules)
    assert mkt("lint", "--explain", rules[0]["code"].lower()).out.startswith(f"{rules[0]['code']} ")
    assert mkt("lint", "--explain", "MKT999").code == 1
