"""`mkt sync` against a simulated partner."""

import re

import pytest
from tests.cli.front import Mkt, Project

from mkt.connectors.workday_hris.simulator import WorkdaySimulator

pytestmark = pytest.mark.usefixtures("partner")


def _wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKT_SECRET__NORTHWIND__ROSTER__WORKDAY_ISU_PASSWORD", "hunter2-hunter2")


def test_what_has_never_run_is_due_at_once(mkt: Mkt) -> None:
    answer = mkt("sync")
    assert answer.code == 0
    assert [line["event"] for line in answer.lines][-2:] == ["sync.completed", "run.summary"]


def test_cron_with_nothing_due_reads_nothing(mkt: Mkt) -> None:
    mkt("sync")
    answer = mkt("sync")
    assert (answer.code, answer.out, answer.err) == (0, "", "")


def test_a_person_with_nothing_due_reads_when_and_how(mkt: Mkt) -> None:
    mkt("sync")
    said = re.compile(r"0 of 1 due; next (\d{4}-\d\d-\d\d )?\d\d:\d\d; --now runs them\n")
    table, lines = mkt("sync", "northwind", "-o", "table"), mkt("sync", "northwind", "-o", "jsonl")
    assert (table.code, table.err) == (0, "")
    assert said.fullmatch(table.out)
    assert (lines.code, lines.out) == (0, "")
    assert said.fullmatch(lines.err)


def test_json_with_nothing_due_is_still_an_object(mkt: Mkt) -> None:
    mkt("sync")
    document = mkt("sync", "northwind", "-o", "json").document
    assert (document["not_due"], document["results"]) == (1, [])


def test_now_runs_a_target_and_reports_its_counts(mkt: Mkt) -> None:
    [result] = mkt("sync", "--now", "northwind", "-o", "json").document["results"]
    assert result["created"] == sum(counts["created"] for counts in result["streams"].values()) > 0
    lines = mkt("sync", "--now", "northwind", "-o", "table").out.splitlines()
    assert lines[0] == f"1 integration without a change ({result['created']} records unchanged)"
    assert lines[-1] == "next: mkt status"


def test_now_without_a_target_is_refused(mkt: Mkt) -> None:
    answer = mkt("sync", "--now")
    assert answer.code == 2
    assert "--all" in answer.err


def test_now_and_all_exclude_each_other(mkt: Mkt) -> None:
    assert mkt("sync", "--now", "--all", "northwind").code == 2


def test_a_dry_run_stores_nothing(mkt: Mkt) -> None:
    answer = mkt("sync", "--all", "--dry-run", "-o", "table")
    assert answer.out.startswith("dry run: nothing was stored\n")
    assert mkt("records", "list", "-o", "json").document == []


def test_a_stream_can_be_chosen(mkt: Mkt) -> None:
    [result] = mkt("sync", "--all", "--stream", "people", "-o", "json").document["results"]
    assert list(result["streams"]) == ["people"]


def test_a_failure_has_its_exit_code_and_keeps_its_secret(mkt: Mkt, monkeypatch: pytest.MonkeyPatch) -> None:
    _wrong_password(monkeypatch)
    answer = mkt("sync", "-o", "table")
    assert answer.code == 1
    assert answer.out.splitlines()[-1] == "next: mkt verify northwind/roster"
    assert "hunter2" not in answer.out + answer.err


def test_some_failed_and_some_ok_is_partial(mkt: Mkt, project: Project, partner: WorkdaySimulator) -> None:
    project.write("acme", settings=partner.settings(), schedule="15 2 * * *")
    assert mkt("sync").code == 3


@pytest.mark.parametrize("shape", ["jsonl", "table", "json"])
def test_quiet_tells_failures_and_the_recovery_and_nothing_else(
    mkt: Mkt, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    quiet = ("sync", "--all", "-q", "-o", shape)
    assert mkt(*quiet).out == ""
    with monkeypatch.context() as patch:
        _wrong_password(patch)
        assert "northwind" in mkt(*quiet).out
    assert mkt(*quiet).out
    assert mkt(*quiet).out == ""
