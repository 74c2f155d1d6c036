"""`* * * * * mkt sync`, by a clock that the test sets: what is due, what is paused, who hears that cron runs."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from tests.cli.front import Answer, Mkt, Project
from tests.cli.process import MKT, SECONDS, run

from mkt.connectors.workday_hris.simulator import WorkdaySimulator
from mkt.engine.base import Engine
from mkt.store.base import Key
from mkt.store.sqlite import SqliteStore

PASSWORD = "MKT_SECRET__NORTHWIND__ROSTER__WORKDAY_ISU_PASSWORD"
TARGET = "northwind/roster"


class Clock:
    """What `mkt` takes for the time."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setitem(Engine.__init__.__kwdefaults__, "now", clock)
    return clock


@pytest.fixture(autouse=True)
def _every_quarter(project: Project, partner: WorkdaySimulator) -> None:
    (project.root / "mkt.toml").write_text("[defaults]\njitter = 0\n")
    project.write("northwind", settings=partner.settings(), schedule="*/15 * * * *")


def _cron(mkt: Mkt, clock: Clock, minutes: int) -> list[tuple[str, Answer]]:
    """Run `mkt sync` every minute; return when it said something, and what."""
    said = []
    for _ in range(minutes):
        answer = mkt("sync", "-o", "table")
        if answer.out or answer.err or answer.code:
            said.append((f"{clock.now:%H:%M}", answer))
        clock.now += timedelta(minutes=1)
    return said


def _paused(mkt: Mkt, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Let the partner refuse the password until nothing runs any more; return what was said last."""
    with monkeypatch.context() as patch:
        patch.setenv(PASSWORD, "hunter2-hunter2")
        said = []
        for _ in range(8):
            said += _cron(mkt, clock, 1)
            clock.now += timedelta(minutes=14)
    assert len(said) == 5, "the partner is asked five times, and not again"
    return said[-1][1]


def test_each_slot_runs_once_and_between_them_cron_reads_nothing(mkt: Mkt, clock: Clock) -> None:
    clock.now += timedelta(minutes=7)
    said = _cron(mkt, clock, 30)
    assert [when for when, _ in said] == ["12:07", "12:15", "12:30"]
    assert {answer.code for _, answer in said} == {0}


def test_after_a_night_without_cron_what_was_missed_runs_once(mkt: Mkt, clock: Clock) -> None:
    assert len(_cron(mkt, clock, 1)) == 1
    clock.now += timedelta(hours=9, minutes=5)
    assert [when for when, _ in _cron(mkt, clock, 12)] == ["21:06", "21:15"]


def test_a_partner_that_is_down_is_asked_again_after_five_minutes(
    mkt: Mkt, clock: Clock, project: Project, partner: WorkdaySimulator
) -> None:
    gone = {**partner.settings(), "base_url": "http://127.0.0.1:9"}
    project.write("northwind", settings=gone, schedule="0 2 * * *")
    said = _cron(mkt, clock, 10)
    assert [(when, answer.code) for when, answer in said] == [("12:00", 1), ("12:05", 1)]


def test_the_sync_that_begins_a_pause_says_so_and_how_it_ends(
    mkt: Mkt, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = _paused(mkt, clock, monkeypatch)
    assert last.code == 1
    assert "paused after 5 failed syncs in a row, so no longer due" in last.out
    assert last.out.splitlines()[-1] == f"next: mkt verify {TARGET}"
    assert "hunter2" not in last.out


def test_a_paused_integration_is_a_problem_of_the_status_with_its_next_command(
    mkt: Mkt, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _paused(mkt, clock, monkeypatch)
    page = mkt("status", TARGET)
    lines = page.out.splitlines()
    assert lines[0].startswith(f"{TARGET}  workday-hris  paused")
    assert any(line.startswith("  paused") and "since" in line for line in lines)
    assert any(line.startswith("  connection") and "reauth, since" in line for line in lines)
    assert lines[-1] == f"next: mkt verify {TARGET}"
    assert mkt("status", "--check").code == 1
    found = mkt("status", TARGET, "-o", "json").document
    assert (found["class"], found["code"], found["actor"]) == ("auth", "workday.isu_refused", "customer")
    assert (found["health"], found["connection"], found["next_due_at"]) == ("paused", "reauth", None)
    assert found["paused_at"] == "2026-11-22T13:00:00.000Z"


def test_now_does_not_pass_a_pause_and_says_what_does(
    mkt: Mkt, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _paused(mkt, clock, monkeypatch)
    answer = mkt("sync", TARGET, "--now", "-o", "table")
    assert answer.code == 0
    assert f"`mkt verify {TARGET}` ends the pause" in answer.out
    assert mkt("sync", TARGET, "-o", "table").out == "0 of 1 due; 1 paused (mkt status)\n"


def test_a_verify_that_passes_ends_the_pause_and_cron_goes_on(
    mkt: Mkt, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _paused(mkt, clock, monkeypatch)
    with monkeypatch.context() as patch:
        patch.setenv(PASSWORD, "hunter2-hunter2")
        assert "paused" not in mkt("verify", TARGET, "-o", "table").out
    names = [line["event"] for line in mkt("verify", TARGET, "-o", "jsonl").lines]
    assert [name for name in names if name in ("connection.changed", "integration.resumed")] == [
        "connection.changed",
        "integration.resumed",
    ]
    assert [answer.code for _, answer in _cron(mkt, clock, 1)] == [0]
    found = mkt("status", TARGET, "-o", "json").document
    assert (found["health"], found["connection"]) == ("ok", "connected")


def test_a_person_who_verifies_reads_that_the_pause_has_ended(
    mkt: Mkt, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _paused(mkt, clock, monkeypatch)
    lines = mkt("verify", TARGET, "-o", "table").out.splitlines()
    assert lines[-3] == f"{TARGET}: no longer paused"
    assert lines[-1] == f"next: mkt sync {TARGET} --now"
    assert "no longer paused" not in mkt("verify", TARGET, "-o", "table").out


def test_enable_ends_a_pause_of_what_is_enabled_already(
    mkt: Mkt, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _paused(mkt, clock, monkeypatch)
    answer = mkt("enable", TARGET, "--reason", "they raised the limit", "-o", "table")
    assert answer.out.startswith(f"{TARGET}: already enabled, no longer paused")
    assert "5 failures in a row for what only a person can mend pause it again" in answer.out
    assert answer.out.splitlines()[-1] == f"next: mkt verify {TARGET}"
    assert len(_cron(mkt, clock, 1)) == 1
    kept = mkt("events", TARGET, "-o", "json").document
    [resumed] = [event for event in kept if event["event"] == "integration.resumed"]
    assert (resumed["connector"], resumed["details"]["by"]) == ("workday-hris", "enable")
    assert [e["details"]["reason"] for e in kept if e["event"] == "operator.action"] == ["they raised the limit"]


def test_quiet_says_the_pause_and_its_end(mkt: Mkt, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv(PASSWORD, "hunter2-hunter2")
        said: list[str] = []
        for _ in range(6):
            said += [line["event"] for line in mkt("sync", "-q").lines]
            clock.now += timedelta(minutes=15)
    assert (said.count("sync.failed"), said.count("integration.paused")) == (5, 1)
    assert "integration.resumed" in [line["event"] for line in mkt("verify", "-q", "-o", "jsonl").lines]


class Watch(BaseHTTPRequestHandler):
    called: list[str]

    def do_GET(self) -> None:
        self.called.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Keep it off the terminal."""


@pytest.fixture
def watch() -> Iterator[tuple[str, list[str]]]:
    """An address on loopback, and the paths that were called there."""
    called: list[str] = []
    handler = type("Called", (Watch,), {"called": called})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/6f1f2b60-e7b5", called
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_watch_is_called_each_time_that_cron_ran_and_its_address_stays_secret(
    mkt: Mkt, clock: Clock, project: Project, watch: tuple[str, list[str]]
) -> None:
    url, called = watch
    with (project.root / "mkt.toml").open("a") as file:
        file.write(f'[alerts]\nheartbeat_url = "{url}"\n')
    _cron(mkt, clock, 3)
    assert called == ["/6f1f2b60-e7b5"] * 3
    mkt("sync", TARGET, "--now")
    mkt("sync", "--dry-run")
    assert len(called) == 3
    shown = mkt("config", "show", "-o", "table").out + mkt("config", "show", "-o", "json").out
    assert "alerts.heartbeat_url" in shown
    assert "6f1f2b60" not in shown + mkt("doctor").out


def test_a_watch_that_is_not_there_is_said_once_and_changes_no_exit_code(
    mkt: Mkt, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MKT_ALERTS__HEARTBEAT_URL", "http://127.0.0.1:9/6f1f2b60-e7b5")
    answers = []
    for _ in range(3):
        answers.append(mkt("sync"))
        clock.now += timedelta(minutes=1)
    assert [answer.code for answer in answers] == [0, 0, 0]
    said = [line for answer in answers for line in answer.lines if "heartbeat_url" in line["message"]]
    assert [line["level"] for line in said] == ["warning"]
    doctor = mkt("doctor", "-o", "json")
    [check] = [check for check in doctor.document if check["name"] == "heartbeat_url"]
    assert (doctor.code, check["ok"]) == (1, False)
    assert "no connection" in check["found"]
    assert "6f1f2b60" not in doctor.out + "".join(answer.out + answer.err for answer in answers)


@pytest.mark.parametrize("gone", ["full disk", "reader that left"])
def test_a_stderr_that_nobody_can_read_costs_no_event_no_report_and_no_exit_code(project: Project, gone: str) -> None:
    project.write("northwind", schedule="@daily", settings={"base_url": "https://127.0.0.1:9", "tenant": "northwind"})
    environment = {**os.environ, "MKT_ALERTS__HEARTBEAT_URL": "http://127.0.0.1:9/6f1f2b60-e7b5"}
    environment.pop("PYTHONUNBUFFERED", None)
    read, write = os.pipe()
    os.close(read)
    stderr = os.open("/dev/full", os.O_WRONLY) if gone == "full disk" else write
    done = subprocess.run(
        [*MKT, "sync", "--quiet", "-o", "json"],
        check=False,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=environment,
        timeout=SECONDS,
    )
    report = json.loads(done.stdout)
    assert (done.returncode, report["exit_code"]) == (1, 1)
    wrong = subprocess.run([*MKT, "sync", "--nope"], check=False, stderr=stderr, env=environment, timeout=SECONDS)
    assert wrong.returncode == 2
    for number in {write, stderr}:
        os.close(number)
    kept = [event["event"] for event in run("events", "-o", "jsonl").lines]
    assert {"sync.failed", "run.summary"} <= set(kept)


@pytest.mark.parametrize("flags", [["--quiet"], ["--quiet", "-o", "table"], ["-o", "table"], ["-o", "json"]])
def test_whoever_reads_no_events_reads_it_on_stderr(
    mkt: Mkt, monkeypatch: pytest.MonkeyPatch, flags: list[str]
) -> None:
    monkeypatch.setenv("MKT_ALERTS__HEARTBEAT_URL", "http://127.0.0.1:9/6f1f2b60-e7b5")
    first, second = mkt("sync", *flags), mkt("sync", *flags)
    assert "heartbeat_url could not be called: no connection" in first.err
    assert (second.err, second.code) == ("", 0)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('[defaults]\njitter = "30s"', "defaults.jitter: it is 0 or whole minutes, such as 5m"),
        ('[defaults]\noverdue_after = "soon"', "defaults.overdue_after: 'soon' is no duration such as 90s"),
        ("[defaults.workday-hris]\njitter = 5", "defaults.workday-hris.jitter: '5' is no duration"),
        ('[alerts]\nheartbeat_url = "http://hc.example/6f1f2b60"', "alerts.heartbeat_url: not an https:// URL"),
    ],
)
def test_a_wrong_setting_is_said_with_its_place_and_without_a_secret(
    mkt: Mkt, project: Project, line: str, said: str
) -> None:
    (project.root / "mkt.toml").write_text(line)
    answer = mkt("sync")
    assert answer.code == 2
    assert said in answer.err
    assert "6f1f2b60" not in answer.err


def test_the_effective_delay_and_overdue_after_have_their_origin(mkt: Mkt, project: Project) -> None:
    (project.root / "mkt.toml").write_text(
        '[defaults]\njitter = 0\noverdue_after = "2h"\n[defaults.workday-hris]\njitter = "5m"\n'
    )
    values = {v["key"]: v for v in mkt("config", "show", TARGET, "-o", "json").document["values"]}
    assert (values["jitter"]["value"], values["overdue_after"]["value"]) == ("5m", "2h")
    assert values["jitter"]["origin"] == "mkt.toml: defaults.workday-hris.jitter"
    assert values["overdue_after"]["origin"] == "mkt.toml: defaults.overdue_after"


def test_what_a_person_set_decides_when_it_is_overdue(mkt: Mkt, clock: Clock, project: Project) -> None:
    mkt("sync")
    clock.now += timedelta(minutes=20)
    assert mkt("status", TARGET, "-o", "json").document["health"] == "ok"
    clock.now += timedelta(minutes=20)
    assert mkt("status", TARGET, "-o", "json").document["health"] == "overdue"
    (project.root / "mkt.toml").write_text('[defaults]\njitter = 0\noverdue_after = "3h"\n')
    assert mkt("status", TARGET, "-o", "json").document["health"] == "ok"


def test_the_clock_of_the_store_is_the_clock_of_the_sync(mkt: Mkt, clock: Clock) -> None:
    mkt("sync")
    with closing(SqliteStore.open(Path(".mkt/mkt.db"))) as store:
        state = store.states()[Key("northwind", "roster")]
    assert state.last_finished_at == clock.now
    assert state.next_due_at == clock.now + timedelta(minutes=15)
