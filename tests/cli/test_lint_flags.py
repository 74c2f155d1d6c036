"""`mkt lint`: which files and rules, what it mends, and where it writes."""

import io
import json
import os
import stat
import sys
from pathlib import Path

import pytest
from tests.cli.front import Mkt, Project
from tests.cli.process import run

SETTINGS = {
    "base_url": "https://wd5-services1.workday.com",
    "tenant": "northwind_dpt1",
    "report": "isu_mkt/Learner_Roster",
}
MISSPELT = """\
tenant: northwind
# Nights only: the customer's network is busy by day.
integrations:
  - name: roster
    connector: workday-hris
    shedule: "15 2 * * *"   # after their backup
    settings:
      base_url: https://wd5-services1.workday.com
      tenant: northwind_dpt1
      report: isu_mkt/Learner_Roster
"""


@pytest.fixture
def file(project: Project) -> Path:
    path = project.root / "configs" / "northwind.yaml"
    path.write_text(MISSPELT)
    return path


def typed(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def codes(answer_document: list[dict[str, str]]) -> list[str]:
    return [found["code"] for found in answer_document]


# Rules


@pytest.mark.usefixtures("file")
def test_rules_are_chosen_by_code_or_by_the_beginning_of_codes(mkt: Mkt) -> None:
    assert codes(mkt("lint", "-o", "json", "--select", "MKT2").document) == ["MKT201"]
    assert codes(mkt("lint", "-o", "json", "--select", "mkt4,MKT201").document) == ["MKT201"]
    assert mkt("lint", "--ignore", "MKT201").code == 0
    assert mkt("lint", "--select", "MKT3", "--select", "MKT4").code == 0


@pytest.mark.usefixtures("file")
def test_a_flag_wins_over_mkt_toml(mkt: Mkt, project: Project) -> None:
    (project.root / "mkt.toml").write_text("[lint]\nselect = ['MKT3']\n")
    assert mkt("lint").code == 0
    assert mkt("lint", "--select", "MKT2").code == 1


@pytest.mark.usefixtures("file")
def test_a_rule_that_there_is_not_stops_the_start(mkt: Mkt, project: Project) -> None:
    answer = mkt("lint", "--select", "MKT2O1")
    assert answer.code == 2
    assert "there is no lint rule MKT2O1. Did you mean MKT201?" in answer.err
    (project.root / "mkt.toml").write_text("[lint]\nignore = ['MKT20l']\n")
    answer = mkt("lint")
    assert answer.code == 2
    assert "[lint] ignore in mkt.toml: there is no lint rule MKT20L. Did you mean MKT20" in answer.err


# Exit codes and paths


@pytest.mark.usefixtures("file")
def test_exit_zero_is_for_findings_alone(mkt: Mkt) -> None:
    answer = mkt("lint", "--exit-zero")
    assert answer.code == 0
    assert "MKT201" in answer.out
    assert mkt("lint", "--exit-zero", "configs/gone.yaml").code == 2


def test_a_warning_alone_exits_with_0(mkt: Mkt, project: Project) -> None:
    project.write("northwind", settings=SETTINGS, guard={"max_delete_percent": 100})
    answer = mkt("lint")
    assert answer.code == 0
    assert "0 errors, 1 warning in 1 file" in answer.out


def test_without_a_project_nothing_starts(mkt: Mkt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    answer = mkt("lint")
    assert answer.code == 2
    assert "no project here" in answer.err


@pytest.mark.usefixtures("file")
def test_a_file_outside_of_the_project_is_checked_too(mkt: Mkt, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "acme.yaml"
    elsewhere.write_text(MISSPELT.replace("northwind", "acme"))
    answer = mkt("lint", str(elsewhere))
    assert answer.code == 1
    assert answer.out.startswith(f"{elsewhere}:6:5: MKT201 ")
    assert answer.out.splitlines()[-1] == f"next: mkt lint --diff {elsewhere}"
    found = mkt("lint", str(elsewhere), "-o", "sarif").document["runs"][0]["results"][0]
    assert found["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": elsewhere.as_uri()}


# Standard input


def test_standard_input_stands_for_the_file_of_its_tenant(
    mkt: Mkt, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(MISSPELT.replace("shedule", "schedule"))
    typed(MISSPELT, monkeypatch)
    answer = mkt("lint", "-")
    assert answer.code == 1
    assert answer.out.splitlines()[:3] == [
        "configs/northwind.yaml:6:5: MKT201 shedule is not known",
        "    6 |     shedule …",
        "      |     ^^^^^^^",
    ]
    assert answer.out.count(": MKT") == 1


@pytest.mark.usefixtures("file")
def test_standard_input_stands_for_the_file_that_is_named(mkt: Mkt, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(MISSPELT.replace("shedule", "schedule"), monkeypatch)
    answer = mkt("lint", "-", "--stdin-filename", "configs/acme.yaml", "-o", "json")
    assert {(found["code"], found["path"]) for found in answer.document} == {
        ("MKT206", "configs/acme.yaml"),
        ("MKT701", "configs/acme.yaml"),
    }


def test_what_comes_on_standard_input_goes_out_mended(mkt: Mkt, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(MISSPELT, monkeypatch)
    answer = mkt("lint", "-", "--fix")
    assert answer.out == MISSPELT.replace("shedule", "schedule")
    assert "1 problem fixed in 1 file" in answer.err
    assert answer.code == 0
    assert file.read_text() == MISSPELT


@pytest.mark.parametrize(
    "arguments",
    [["-", "configs"], ["--stdin-filename", "x.yaml"], ["-", "--check-secrets"]],
)
def test_standard_input_is_alone(arguments: list[str], mkt: Mkt, project: Project) -> None:
    del project
    assert mkt("lint", *arguments).code == 2


@pytest.mark.usefixtures("file")
def test_an_editor_pipes_what_is_not_saved_yet() -> None:
    unsaved = MISSPELT.replace("shedule", "schdule").encode()
    answer = run("lint", "-", "--stdin-filename", "configs/northwind.yaml", "-o", "jsonl", input=unsaved)
    assert answer.code == 1
    assert [(found["path"], found["line"], found["fixable"]) for found in answer.lines] == [
        ("configs/northwind.yaml", 6, True)
    ]


# Fixing


def test_fixing_changes_what_is_wrong_and_nothing_else(mkt: Mkt, file: Path) -> None:
    file.chmod(0o640)
    answer = mkt("lint", "--fix")
    assert (answer.code, answer.out) == (0, "no problems found\n")
    assert answer.err == "1 problem fixed in 1 file\n"
    assert file.read_text() == MISSPELT.replace("shedule", "schedule")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert mkt("lint", "--fix").err == "nothing that --fix could mend\n"


def test_what_is_left_after_fixing_decides_on_the_exit_code(mkt: Mkt, file: Path) -> None:
    file.write_text(MISSPELT.replace("report:", "reporting:"))
    answer = mkt("lint", "--fix", "-o", "json")
    assert answer.code == 1
    assert set(codes(answer.document)) == {"MKT303"}
    assert "schedule: " in file.read_text()


def test_a_diff_shows_what_fixing_would_change_and_changes_nothing(mkt: Mkt, file: Path) -> None:
    answer = mkt("lint", "--diff")
    assert answer.code == 1
    assert '-    shedule: "15 2 * * *"   # after their backup\n' in answer.out
    assert '+    schedule: "15 2 * * *"   # after their backup\n' in answer.out
    assert answer.out.startswith("--- configs/northwind.yaml\n+++ configs/northwind.yaml\n")
    assert answer.err == "1 problem would be fixed in 1 file\n"
    assert file.read_text() == MISSPELT
    assert mkt("lint", "--diff", "--exit-zero").code == 0
    mkt("lint", "--fix")
    assert (mkt("lint", "--diff").code, mkt("lint", "--diff").out) == (0, "")


def test_a_diff_shows_no_secret(mkt: Mkt, file: Path) -> None:
    file.write_text(f"{MISSPELT}    secrets:\n      WORKDAY_ISU_PASSWORD: hunter2-hunter2\n    enabled: yes\n")
    answer = mkt("lint", "--diff")
    assert "+    enabled: true" in answer.out
    assert "WORKDAY_ISU_PASSWORD: ***" in answer.out
    assert "hunter2" not in answer.out


def test_only_the_rules_that_apply_are_mended(mkt: Mkt, file: Path) -> None:
    file.write_text(f"{MISSPELT}    enabled: yes\n")
    mkt("lint", "--fix", "--select", "MKT203")
    assert "shedule" in file.read_text()
    assert "enabled: true" in file.read_text()


def test_a_fix_that_shows_a_problem_of_a_rule_that_does_not_apply_is_not_made(mkt: Mkt, file: Path) -> None:
    text = MISSPELT.replace('"15 2 * * *"', "never")
    file.write_text(text)
    answer = mkt("lint", "--fix", "--select", "MKT2")
    assert answer.code == 1
    assert answer.err == "nothing that --fix could mend\n1 left to you: another problem would show behind it\n"
    assert file.read_text() == text


def test_what_a_comment_silences_is_not_mended(mkt: Mkt, file: Path) -> None:
    text = MISSPELT.replace("shedule", "schedule") + "labels:\n  region: no  # mkt: ignore[MKT115]\n"
    file.write_text(text)
    assert (mkt("lint").code, mkt("lint").out) == (0, "no problems found\n")
    mkt("lint", "--fix")
    assert file.read_text() == text
    (result,) = mkt("lint", "-o", "sarif").document["runs"][0]["results"]
    assert result["suppressions"] == [{"kind": "inSource"}]


def test_two_links_to_one_file_are_mended_once(mkt: Mkt, file: Path) -> None:
    (file.parent / "sub").mkdir()
    link = file.parent / "sub" / "northwind.yaml"
    link.symlink_to(file)
    mkt("lint", str(file), str(link), "--fix")
    assert file.read_text() == MISSPELT.replace("shedule", "schedule")
    assert link.is_symlink()


# Where it is written


def test_findings_go_to_a_file_in_the_shape_of_its_ending(mkt: Mkt, file: Path, tmp_path: Path) -> None:
    del file
    answer = mkt("lint", "--output-file", str(tmp_path / "found.sarif"))
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("1 error, 0 warnings in 1 file; 1 fixable with --fix; written to ")
    assert json.loads((tmp_path / "found.sarif").read_text())["version"] == "2.1.0"
    mkt("lint", "--output-file", str(tmp_path / "found.txt"))
    assert "MKT201 shedule is not known" in (tmp_path / "found.txt").read_text()
    mkt("lint", "--output-file", str(tmp_path / "found.txt"), "-o", "jsonl")
    assert json.loads((tmp_path / "found.txt").read_text())["fixable"] is True
    assert sorted(path.name for path in tmp_path.glob("*found*")) == ["found.sarif", "found.txt"]


@pytest.mark.usefixtures("file")
def test_a_file_that_cannot_be_written_is_no_finding(mkt: Mkt, tmp_path: Path) -> None:
    answer = mkt("lint", "--output-file", str(tmp_path / "gone" / "found.json"))
    assert answer.code == 2
    assert "cannot be written: No such file or directory" in answer.err


@pytest.mark.usefixtures("file")
def test_a_device_is_written_to(mkt: Mkt) -> None:
    assert mkt("lint", "--output-file", "/dev/null").code == 1
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.usefixtures("file")
def test_in_a_github_workflow_places_are_those_of_the_repository(
    mkt: Mkt, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = project.root / "summary.md"
    summary.write_text("from the step before\n")
    for name, value in {
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(project.root.parent),
        "GITHUB_STEP_SUMMARY": str(summary),
    }.items():
        monkeypatch.setenv(name, value)
    folder = project.root.name
    assert mkt("lint").out.startswith(f"::error file={folder}/configs/northwind.yaml,line=6,")
    assert summary.read_text().startswith("from the step before\n### mkt lint: 1 error, 0 warnings in 1 file")
    assert "MKT201 unknown-key (error)" in summary.read_text()
    monkeypatch.chdir(project.root / "configs")
    assert mkt("lint", "northwind.yaml").out.startswith(f"::error file={folder}/configs/northwind.yaml,line=6,")
    found = mkt("lint", "-o", "sarif").document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert found["artifactLocation"]["uri"] == f"{folder}/configs/northwind.yaml"


@pytest.mark.usefixtures("file")
def test_a_summary_that_cannot_be_written_changes_no_exit_code(mkt: Mkt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/nowhere/summary.md")
    answer = mkt("lint", "--exit-zero")
    assert answer.code == 0
    assert "the job's summary /nowhere/summary.md cannot be written" in answer.err


# Secrets


def test_presence_of_secrets_is_checked_on_request_and_shown_without_values(
    mkt: Mkt, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {"WORKDAY_ISU_USERNAME": "env:NORTHWIND_USER", "WORKDAY_ISU_PASSWORD": "env:NORTHWIND_PASSWORD"}
    project.write("northwind", settings=SETTINGS, secrets=secrets)
    monkeypatch.setenv("NORTHWIND_USER", "hunter2-hunter2")
    assert mkt("lint").code == 0
    answer = mkt("lint", "--check-secrets", "configs/northwind.yaml")
    assert answer.code == 1
    assert answer.err == "1 secret found, 1 not\n"
    assert "MKT407 secret WORKDAY_ISU_PASSWORD of northwind/roster is missing; tried env:NORTHWIND_PASSWORD" in (
        answer.out
    )
    assert "hunter2" not in answer.out
    (found,) = mkt("lint", "--check-secrets", "-o", "json").document
    text = (project.root / "configs" / "northwind.yaml").read_text().splitlines()[found["line"] - 1]
    assert text[found["column"] - 1 : found["end_column"] - 1] == '"env:NORTHWIND_PASSWORD"'
    assert mkt("lint", "--check-secrets", "--ignore", "MKT407").code == 0


def test_what_is_disabled_needs_no_secret_yet(mkt: Mkt, project: Project) -> None:
    project.write("northwind", settings=SETTINGS, disabled={"reason": "onboarding"})
    answer = mkt("lint", "--check-secrets")
    assert (answer.code, answer.err) == (0, "0 secrets found, 0 not\n")


# Awkward files and places


@pytest.mark.parametrize("shape", ["text", "json", "jsonl", "github", "sarif"])
def test_a_file_name_that_is_no_text_stops_no_output(
    shape: str, mkt: Mkt, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.root / "summary.md"))
    name = os.fsdecode(b"\xff\n::error::.yaml")
    (project.root / "configs" / name).write_text("tenant: northwind\nlabels: {a: no}\nfoo: 1\n")
    answer = mkt("lint", "-o", shape)
    assert (answer.code, answer.err) == (1, "")
    assert "MKT201" in answer.out
    assert not any(line.startswith("::error::") for line in answer.out.splitlines())
    answer.out.encode()
    mkt("lint", "--diff").out.encode()


@pytest.mark.usefixtures("file")
def test_an_output_file_that_is_a_folder_is_refused(mkt: Mkt, project: Project) -> None:
    answer = mkt("lint", "--output-file", str(project.root / "configs"))
    assert answer.code == 2
    assert "cannot be written: Is a directory" in answer.err


@pytest.mark.usefixtures("file")
def test_the_ending_of_an_output_file_may_be_in_capitals(mkt: Mkt, project: Project) -> None:
    mkt("lint", "--output-file", str(project.root / "out.JSON"))
    assert codes(json.loads((project.root / "out.JSON").read_text())) == ["MKT201"]


def test_what_fix_has_left_is_not_offered_again(mkt: Mkt, project: Project) -> None:
    (project.root / "configs" / "northwind.yaml").write_text(MISSPELT.replace('"15 2 * * *"', "x"))
    answer = mkt("lint", "--fix")
    assert "1 left to you" in answer.err
    assert "--fix" not in answer.out
    assert "next: mkt lint --explain MKT201" in answer.out


def test_the_explanation_of_a_family_is_refused_with_where_its_rules_are(mkt: Mkt) -> None:
    assert "`mkt lint --rules` lists them." in mkt("lint", "--explain", "MKT4").err
