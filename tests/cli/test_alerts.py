"""Alerts through the front door: cron's `mkt sync`, a receiver that checks signatures, a command, killed senders."""

import base64
import hashlib
import hmac
import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from tests.cli import process
from tests.cli.front import Mkt, Project
from tests.engine.receiver import Received, Receiver

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
TENANTS = ("acme", "contoso", "globex")


@pytest.fixture
def fleet(project: Project) -> Project:
    """Three tenants that are due and lack a secret."""
    for name in TENANTS:
        settings = {
            "base_url": "http://127.0.0.1:9",
            "tenant": name,
            "report": "x/y",
            "columns": {"external_id": "id"},
        }
        secrets = {"WORKDAY_BEARER_TOKEN": "env:NO_SUCH_NAME"}
        project.write(name, settings=settings, secrets=secrets, schedule="15 2 * * *")
    return project


def _alerts(project: Project, **settings: object) -> None:
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    (project.root / "mkt.toml").write_text("\n".join(["[alerts]", *lines]))


def _command(project: Project, text: str) -> None:
    script = project.root / "page"
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o700)
    _alerts(project, command="./page")


def _told(project: Project) -> list[dict[str, Any]]:
    told = project.root / "told"
    return [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []


def _signed(got: Received) -> bool:
    """Check as a receiver does, with nothing of mkt: Standard Webhooks."""
    content = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    right = "v1," + base64.b64encode(hmac.new(KEY, content, hashlib.sha256).digest()).decode()
    return right in got.headers["webhook-signature"].split()


def _let_a_minute_pass(project: Project) -> None:
    """Let what a dead sender had claimed be free."""
    with closing(sqlite3.connect(project.root / ".mkt" / "mkt.db")) as connection, connection:
        connection.execute("update integration_alert_messages set next_try_at = created_at")


def test_crons_sync_tells_a_cause_that_began_and_its_end(
    fleet: Project, mkt: Mkt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALERT_KEY", SECRET)
    with Receiver() as receiver:
        _alerts(fleet, webhook=f"{receiver.url}/hook", webhook_secret="env:ALERT_KEY")
        assert mkt("sync", "--quiet").code == 1
        for name in TENANTS:
            fleet.write(name, enabled=False)
        assert mkt("sync", "--quiet").code == 0
    began, ended = receiver.requests
    assert _signed(began)
    assert _signed(ended)
    said = json.loads(began.body)
    assert (said["type"], said["data"]["tenants"]) == ("alert.opened", list(TENANTS))
    assert said["data"]["next_command"] == f"mkt triage {said['data']['fingerprint']}"
    assert json.loads(ended.body)["type"] == "alert.ended"


def test_a_command_gets_each_alert_on_its_standard_input(fleet: Project, mkt: Mkt) -> None:
    _command(fleet, "cat >> told; echo >> told")
    mkt("sync", "--quiet")
    mkt("sync", "--quiet")
    assert [message["type"] for message in _told(fleet)] == ["alert.opened"]


def test_what_was_told_is_listed_until_it_ends(fleet: Project, mkt: Mkt) -> None:
    _command(fleet, "exit 7")
    mkt("sync")
    answer = mkt("alerts", "list")
    assert answer.code == 0
    assert "3 tenants failing for one cause" in answer.out
    assert "it ended with 7" in answer.out
    assert "1 open alert, 1 message not sent" in answer.out
    (listed,) = mkt("alerts", "list", "-o", "json").document
    assert listed["data"]["integrations"] == [f"{name}/roster" for name in TENANTS]
    assert [(u["sink"], u["tries"], u["given_up"]) for u in listed["unsent"]] == [("command", 1, False)]


@pytest.mark.usefixtures("fleet")
def test_with_nothing_to_tell_the_list_is_empty(mkt: Mkt) -> None:
    assert mkt("alerts", "list").out == "0 open alerts, 0 messages not sent\nnext: mkt triage\n"
    assert mkt("alerts", "list", "-o", "json").document == []


def test_a_sample_shows_whether_alerts_arrive(fleet: Project, mkt: Mkt) -> None:
    with Receiver() as receiver:
        _alerts(fleet, webhook=f"{receiver.url}/T0/secretpath", command=["false"])
        answer = mkt("alerts", "test")
        assert answer.code == 1
        assert "it ended with 1" in answer.out
        assert "not signed" in answer.out
        assert "secretpath" not in answer.out
        _alerts(fleet, webhook=f"{receiver.url}/T0/secretpath")
        assert mkt("alerts", "test", "-o", "json").document == [
            {"sink": "webhook", "where": receiver.url, "ok": True, "error": None}
        ]
    assert [json.loads(got.body)["type"] for got in receiver.requests] == ["alert.test"] * 2


@pytest.mark.usefixtures("fleet")
def test_a_test_without_a_sink_says_what_to_set(mkt: Mkt) -> None:
    answer = mkt("alerts", "test")
    assert answer.code == 1
    assert "[alerts]" in answer.err


def test_the_webhooks_address_is_shown_nowhere(fleet: Project, mkt: Mkt) -> None:
    _alerts(fleet, webhook="http://127.0.0.1:9/services/T0/secretpath")
    mkt("sync")
    for command in (("config", "show"), ("alerts", "list"), ("alerts", "test"), ("doctor",), ("events",)):
        answer = mkt(*command)
        assert "secretpath" not in answer.out + answer.err, command


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"webhook": "http://pager.example/x"}, "alerts.webhook: not an https:// URL"),
        ({"webhook": "https://ann:pw@pager.example/x"}, "a user name or password stands in the URL"),
        ({"webhook_secret": SECRET}, "alerts.webhook_secret: not a reference"),
        ({"command": "page 'ops"}, "alerts.command: must close each quotation mark that it opens"),
        ({"webhok": "https://pager.example"}, "Did you mean webhook?"),
    ],
)
def test_a_wrong_setting_is_said_without_its_value(
    fleet: Project, mkt: Mkt, settings: dict[str, str], said: str
) -> None:
    _alerts(fleet, **settings)
    answer = mkt("alerts", "test")
    assert answer.code == 2
    assert said in answer.err
    assert not any(value in answer.err for value in settings.values())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"webhook": "https://pager.example", "webhook_secret": "env:NO_SUCH_NAME"}, "env:NO_SUCH_NAME: not there"),
        ({"webhook": "https://pager.example", "webhook_secret": "vault:x"}, "not one of the known places"),
        ({"webhook": "https://pager.example", "webhook_secret": "env:SHORT"}, "is not whsec_"),
        ({"command": "no-such-program --now"}, "there is no program no-such-program"),
    ],
)
def test_the_doctor_finds_a_sink_that_cannot_work(
    fleet: Project, mkt: Mkt, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], said: str
) -> None:
    monkeypatch.setenv("SHORT", "whsec_c2hvcnQ=")
    _alerts(fleet, **settings)
    (check,) = [c for c in mkt("doctor", "-o", "json").document if c["name"] == "alerts" and not c["ok"]]
    assert said in check["found"]
    assert check["remedy"]


def test_of_syncs_that_run_at_the_same_time_one_tells(fleet: Project) -> None:
    with Receiver() as receiver:
        _alerts(fleet, webhook=receiver.url)
        started = [process.start("sync", "--quiet") for _ in range(3)]
        for each in started:
            assert process.ended(each).code in {0, 1, 3}
        assert process.run("sync", "--quiet").code == 0
    assert [json.loads(got.body)["type"] for got in receiver.requests] == ["alert.opened"]


def test_a_sender_that_is_killed_before_it_has_sent_is_taken_over(fleet: Project) -> None:
    killing = "if [ ! -e killed ]; then touch killed; kill -9 $PPID; exit 1; fi; cat >> told; echo >> told"
    _command(fleet, killing)
    assert process.run("sync", "--quiet").code == -9
    assert (fleet.root / "killed").exists()
    assert process.run("sync", "--quiet").code == 0
    assert _told(fleet) == []
    _let_a_minute_pass(fleet)
    assert process.run("sync", "--quiet").code == 0
    _let_a_minute_pass(fleet)
    assert process.run("sync", "--quiet").code == 0
    assert [message["type"] for message in _told(fleet)] == ["alert.opened"]


def test_a_sink_that_hangs_costs_crons_sync_seconds_and_no_failure(fleet: Project) -> None:
    _command(fleet, "sleep 60")
    answer = process.run("sync", "--quiet", "-o", "table")
    assert answer.code == 1
    assert "3 failed" in answer.out
    assert "it had not ended after" in process.run("alerts", "list").out
