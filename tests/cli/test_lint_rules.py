"""The rules of `mkt lint` as a person meets them, and no false alarm on what mkt itself writes or shows."""

import shutil
from pathlib import Path

import pytest
from tests.cli.front import Mkt, Project

from mkt.registry import ConnectorRegistry

ROOT = Path(__file__).parents[2]
MADE_UP = "gh" + "p_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
"""A token of nobody's, in the shape of GitHub's."""
RISKY = f"""\
# the old report was read with {MADE_UP}
tenant: northwind
labels: {{country: no, region: em\u200bea}}
integrations:
  - name: roster
    connector: workday-hris
    disabled: {{until: 2026-01-07}}
    settings:
      base_url: https://wd5-services1.workday.com
      tenant: northwind_dpt1
      WORKDAY_ISU_PASSWORD: hunter2-hunter2
      params: {{Key: {MADE_UP}}}
    secrets: {{WORKDAY_ISU_USERNAME: env:NORTHWIND_USER}}
    guard: {{ignore_below: 1000000}}
"""
FOUND = ["MKT801", "MKT115", "MKT803", "MKT208", "MKT209", "MKT306", "MKT801", "MKT406", "MKT603"]


@pytest.fixture
def risky(project: Project) -> Project:
    (project.root / "configs" / "northwind.yaml").write_text(RISKY, encoding="utf-8")
    return project


@pytest.mark.usefixtures("risky")
def test_what_a_reviewer_overlooks_is_found_at_its_place(mkt: Mkt) -> None:
    answer = mkt("lint", "-o", "json")
    assert answer.code == 1
    found = [(problem["code"], problem["line"]) for problem in answer.document]
    assert sorted(found, key=lambda entry: entry[1]) == [
        *zip(FOUND, [1, 3, 3, 7, 7, 11, 12, 13, 14], strict=True),
    ]


@pytest.mark.usefixtures("risky")
@pytest.mark.parametrize("shape", ["text", "json", "jsonl", "github", "sarif"])
def test_no_shape_of_the_output_repeats_a_secret(shape: str, mkt: Mkt) -> None:
    answer = mkt("lint", "-o", shape)
    assert answer.code == 1
    assert "MKT801" in answer.out
    assert MADE_UP not in answer.out + answer.err
    assert MADE_UP[4:] not in answer.out + answer.err
    assert "hunter2" not in answer.out + answer.err


@pytest.mark.usefixtures("risky")
def test_a_person_reads_what_it_is_and_what_to_do(mkt: Mkt) -> None:
    text = " ".join(mkt("lint").out.split())
    assert "this is a GitHub token by its shape" in text
    assert "Replace it at the partner" in text
    assert 'Write "no".' in text
    assert "2026-01-07 has come" in text


def test_every_example_that_is_not_broken_on_purpose_has_no_finding(mkt: Mkt, project: Project) -> None:
    shutil.copytree(ROOT / "examples", project.root, dirs_exist_ok=True)
    (project.root / "configs" / "initech.yaml").unlink()
    assert mkt("lint").out == "no problems found\n"


@pytest.mark.parametrize("connector", sorted(ConnectorRegistry.discover()))
def test_a_new_tenant_has_nothing_but_what_is_still_to_be_filled_in(
    connector: str, mkt: Mkt, project: Project
) -> None:
    assert mkt("tenants", "add", "campus", "-c", connector).code == 0
    assert {problem["code"] for problem in mkt("lint", "-o", "json").document} <= {"MKT310"}
    assert (project.root / "configs" / "campus.yaml").exists()


def test_a_new_project_has_no_finding(mkt: Mkt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mkt("init", str(tmp_path / "new")).code == 0
    monkeypatch.chdir(tmp_path / "new")
    assert mkt("lint").out == "no problems found\n"


def test_what_mkt_writes_into_a_file_has_no_finding(mkt: Mkt, project: Project) -> None:
    shutil.copytree(ROOT / "examples", project.root, dirs_exist_ok=True)
    (project.root / "configs" / "initech.yaml").unlink()
    assert mkt("disable", "northwind", "--until", "2999-01-07", "--reason", "summer: no courses").code == 0
    assert mkt("lint").out == "no problems found\n"
