"""`mkt verify` against a simulated partner."""

import json

import pytest
from tests.cli.front import Mkt, Project

from mkt.connectors.workday_hris.simulator import WorkdaySimulator


@pytest.mark.usefixtures("partner")
def test_piped_it_writes_the_events_and_ends_with_the_summary(mkt: Mkt) -> None:
    answer = mkt("verify")
    names = [line["event"] for line in answer.lines]
    assert answer.code == 0
    assert (names[0], names[-2], names[-1]) == ("verify.started", "verify.completed", "run.summary")
    assert answer.lines[-1]["details"]["exit_code"] == 0
    assert answer.err == ""


@pytest.mark.usefixtures("partner")
def test_as_a_table_it_ends_with_the_next_command(mkt: Mkt) -> None:
    lines = mkt("verify", "-o", "table").out.splitlines()
    assert lines[0].startswith("northwind/roster  workday-hris  pass")
    assert lines[-1] == "next: mkt sync northwind/roster --now"


@pytest.mark.usefixtures("partner")
def test_json_is_one_object_with_every_step(mkt: Mkt) -> None:
    document = mkt("verify", "-o", "json").document
    [result] = document["results"]
    assert (document["command"], document["ok"], result["outcome"]) == ("verify", 1, "pass")
    assert {step["outcome"] for step in result["steps"]} <= {"pass", "warn", "skip"}


@pytest.mark.usefixtures("partner")
@pytest.mark.parametrize("shape", ["jsonl", "table", "json"])
def test_quiet_says_nothing_when_all_is_well(mkt: Mkt, shape: str) -> None:
    answer = mkt("verify", "-q", "-o", shape)
    assert (answer.code, answer.out, answer.err) == (0, "", "")


@pytest.mark.parametrize("shape", ["jsonl", "table", "json"])
def test_a_failure_is_said_even_when_quiet_and_no_secret_with_it(
    mkt: Mkt, partner: WorkdaySimulator, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    monkeypatch.setenv("MKT_SECRET__NORTHWIND__ROSTER__WORKDAY_ISU_PASSWORD", "hunter2-hunter2")
    answer = mkt("verify", "-q", "-o", shape)
    assert partner.requests
    assert answer.code == 1
    assert "northwind" in answer.out
    assert "customer" in answer.out
    assert "hunter2" not in answer.out + answer.err


def test_a_broken_file_is_one_failed_result_and_the_others_run(
    mkt: Mkt, partner: WorkdaySimulator, project: Project
) -> None:
    (project.root / "configs" / "acme.yaml").write_text("tenant: acme\nintegrations: nothing\n")
    answer = mkt("verify", "-o", "json")
    outcomes = {result["tenant"]: result["outcome"] for result in answer.document["results"]}
    assert partner.requests
    assert (answer.code, outcomes) == (1, {"acme": "fail", "northwind": "pass"})


@pytest.mark.usefixtures("partner")
def test_an_unknown_target_is_refused_with_the_near_one(mkt: Mkt) -> None:
    answer = mkt("verify", "northwnd")
    assert answer.code == 2
    assert "Did you mean northwind?" in answer.err


@pytest.mark.usefixtures("partner")
def test_every_line_is_json_also_beside_live_progress(mkt: Mkt) -> None:
    for line in mkt("verify", "-o", "jsonl").out.splitlines():
        assert json.loads(line)["id"]


def test_all_secrets_that_are_missing_are_named_at_once(mkt: Mkt, project: Project) -> None:
    project.write("campus", connector="lti-1p3-deeplink", settings={"platform": "moodle"})
    [result] = mkt("verify", "campus", "-o", "json").document["results"]
    for name in ("LTI_PRIVATE_KEY", "LTI_CLIENT_ID", "LTI_PLATFORM_URL"):
        assert f"{name}, tried " in result["error"]["message"]
        assert f"`MKT_SECRET__CAMPUS__ROSTER__{name}='…'`" in result["error"]["remedy"]
    assert (
        "in the project's .env (mode 0600), or `mkt secrets generate campus/roster LTI_PRIVATE_KEY`"
        in (result["error"]["remedy"])
    )


def test_an_address_where_nobody_answers_is_first_looked_up_in_our_own_file(
    mkt: Mkt, project: Project, partner: WorkdaySimulator
) -> None:
    settings = {**partner.settings(), "base_url": "http://127.0.0.1:9"}
    project.write("northwind", settings=settings)
    [never] = mkt("verify", "-o", "json").document["results"]
    assert never["error"]["actor"] == "us"
    assert never["error"]["remedy"].startswith("First check base_url at configs/northwind.yaml:8: ")
    project.write("northwind", settings=partner.settings())
    assert mkt("verify", "-q").code == 0
    project.write("northwind", settings=settings)
    assert mkt("verify", "-o", "json").document["results"][0]["error"]["actor"] == "partner"
