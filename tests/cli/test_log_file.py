"""`--log-file`: the events besides, in a file."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from tests.cli.front import Mkt, Project

pytestmark = pytest.mark.usefixtures("partner")


def _events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("command", [("verify",), ("sync", "--all")])
@pytest.mark.parametrize("shape", ["table", "jsonl", "json"])
def test_the_log_file_gets_every_event_whatever_is_shown(
    mkt: Mkt, project: Project, command: tuple[str, ...], shape: str
) -> None:
    log = project.root / "mkt.log"
    assert mkt(*command, "-q", "-o", shape, "--log-file", str(log)).code == 0
    assert _events(log) == mkt("events").lines
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_the_next_run_appends(mkt: Mkt, project: Project) -> None:
    for _ in range(2):
        mkt("verify", "--log-file", "mkt.log")
    assert [event["event"] for event in _events(project.root / "mkt.log")].count("run.summary") == 2


def test_the_setting_hangs_on_the_project_and_the_variable_wins(
    mkt: Mkt, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.root / "mkt.toml").write_text('log_file = "from-toml.log"\n')
    (project.root / "deep").mkdir()
    monkeypatch.chdir(project.root / "deep")
    mkt("verify")
    assert _events(project.root / "from-toml.log")
    monkeypatch.setenv("MKT_LOG_FILE", "from-variable.log")
    mkt("verify")
    assert _events(project.root / "from-variable.log")


def test_what_a_person_did_is_logged_too(mkt: Mkt, project: Project) -> None:
    mkt("records", "export", "northwind", "--log-file", "mkt.log")
    [event] = _events(project.root / "mkt.log")
    assert (event["event"], event["tenant"], event["details"]["what"]) == ("operator.action", "northwind", "export")


def test_a_log_file_that_cannot_be_written_fails_no_run(mkt: Mkt) -> None:
    answer = mkt("sync", "--all", "--log-file", "nowhere/mkt.log")
    assert answer.code == 0
    assert "nowhere/mkt.log cannot be written: No such file or directory" in answer.err
    assert mkt("events").lines[-1]["event"] == "run.summary"


def test_a_dry_run_logs_nothing(mkt: Mkt, project: Project) -> None:
    mkt("sync", "--all", "--dry-run", "--log-file", "mkt.log")
    assert not (project.root / "mkt.log").exists()


def test_no_secret_stands_in_the_log_file(mkt: Mkt, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKT_SECRET__NORTHWIND__ROSTER__WORKDAY_ISU_PASSWORD", "hunter2-hunter2")
    assert mkt("verify", "--log-file", "mkt.log").code == 1
    assert "hunter2" not in (project.root / "mkt.log").read_text()
