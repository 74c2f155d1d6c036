"""`mkt verify --for-customer` and `mkt verify --wait`."""

import os
import signal

import pytest
from tests.cli.front import Mkt, Project
from tests.cli.process import ended, start

from mkt.connectors.workday_hris.simulator import WorkdaySimulator
from mkt.engine.verify import waiting
from mkt.simulation import faults

PASSWORD = "MKT_SECRET__NORTHWIND__ROSTER__WORKDAY_ISU_PASSWORD"


@pytest.fixture
def refused(partner: WorkdaySimulator, monkeypatch: pytest.MonkeyPatch) -> WorkdaySimulator:
    """Northwind has the wrong password."""
    monkeypatch.setenv(PASSWORD, "hunter2-hunter2")
    return partner


@pytest.mark.usefixtures("refused")
def test_the_text_for_a_customer_is_all_that_is_written(mkt: Mkt) -> None:
    answer = mkt("verify", "--for-customer")
    assert (answer.code, answer.err) == (1, "mkt: 1 integration checked just now\n")
    assert answer.out.startswith("## Your connection to Workday HCM\n\nChecked on ")
    assert "What we need from you:\n\n- Workday's administrator checks the user" in answer.out
    for internal in ("hunter2", "127.0.0.1", "northwind/roster", "mkt verify", "configs"):
        assert internal not in answer.out


def test_a_text_after_a_refusal_costs_no_other_login(
    mkt: Mkt, refused: WorkdaySimulator, monkeypatch: pytest.MonkeyPatch, project: Project
) -> None:
    first = mkt("verify", "-o", "json").document["results"][0]
    asked = len(refused.requests)
    answer = mkt("verify", "northwind", "--for-customer")
    assert (answer.code, len(refused.requests)) == (1, asked)
    assert "northwind/roster was not asked again: as of 0 s ago" in answer.err
    for said in ("WORKDAY_ISU_USERNAME: `ISU_mkt`", first["error"]["remedy"]):
        assert said in answer.out
    assert "hunter2" not in (project.root / ".mkt" / "mkt.db").read_bytes().decode(errors="replace")
    monkeypatch.setenv(PASSWORD, "another-one")
    assert "checked just now" in mkt("verify", "northwind", "--for-customer").err
    assert len(refused.requests) > asked


def test_a_text_after_a_change_of_the_file_asks_anew(mkt: Mkt, refused: WorkdaySimulator, project: Project) -> None:
    mkt("verify")
    asked = len(refused.requests)
    project.write("northwind", settings={**refused.settings(), "page_size": 50})
    assert "checked just now" in mkt("verify", "--for-customer").err
    assert len(refused.requests) > asked


@pytest.mark.usefixtures("refused")
def test_scripts_get_the_text_in_an_object(mkt: Mkt) -> None:
    text = mkt("verify", "--for-customer", "-o", "table").out.partition("UTC.")[2]
    for found in (
        *mkt("verify", "--for-customer", "-o", "json").document,
        *mkt("verify", "--for-customer", "-o", "jsonl").lines,
    ):
        assert (found["tenant"], found["integration"], found["outcome"]) == ("northwind", "roster", "fail")
        assert found["text"].partition("UTC.")[2] == text


@pytest.mark.usefixtures("partner")
def test_nothing_to_send_is_said_elsewhere(mkt: Mkt) -> None:
    answer = mkt("verify", "--for-customer")
    assert answer.code == 0
    said = "mkt: 1 integration checked just now\nnothing to send: 1 integration passed\n"
    assert (answer.out, answer.err) == ("", said)


def test_a_broken_file_has_no_word_of_it_for_the_customer(mkt: Mkt, project: Project) -> None:
    (project.root / "configs" / "acme.yaml").write_text("tenant: acme\nintegratoins: []\n")
    answer = mkt("verify", "--for-customer")
    assert answer.code == 1
    assert "integratoins" not in answer.out
    assert answer.out.endswith("This is ours to mend. Nothing is needed from you.\n")


def test_to_wait_and_to_write_for_a_customer_exclude_each_other(mkt: Mkt, project: Project) -> None:
    project.write("northwind")
    assert mkt("verify", "--wait", "--for-customer").code == 2


@pytest.mark.usefixtures("partner")
def test_waiting_for_what_works_ends_at_once(mkt: Mkt) -> None:
    answer = mkt("verify", "--wait")
    assert (answer.code, answer.err) == (0, "")


def test_waiting_ends_when_it_is_mended_and_tells_each_change(
    mkt: Mkt, refused: WorkdaySimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused: list[float] = []

    def mend(_: object, seconds: float) -> None:
        paused.append(seconds)
        monkeypatch.setenv(PASSWORD, refused.secrets()["WORKDAY_ISU_PASSWORD"])

    monkeypatch.setattr(waiting, "_sleep", mend)
    answer = mkt("verify", "--wait", "-o", "json")
    first, second = answer.err.splitlines()
    assert (answer.code, paused) == (0, [60])
    assert "northwind/roster  fail at endpoint answers: Workday does not accept" in first
    assert first.endswith("(acts: customer)")
    assert second.endswith("northwind/roster  pass")
    assert [result["outcome"] for result in answer.document["results"]] == ["pass"]


@pytest.mark.usefixtures("refused")
def test_control_c_ends_the_wait() -> None:
    mkt = start("verify", "--wait", "-o", "table")
    assert mkt.stderr is not None
    assert "northwind/roster  fail" in mkt.stderr.readline()
    os.kill(mkt.pid, signal.SIGINT)
    answer = ended(mkt)
    assert answer.code == 130
    assert "interrupted before the rest" in answer.out


def test_a_verify_that_takes_too_long_is_stopped_by_our_own_limit(mkt: Mkt, partner: WorkdaySimulator) -> None:
    partner.inject(faults.slow(4), times=None)
    answer = mkt("verify", "--timeout", "1s", "-o", "json")
    (result,) = answer.document["results"]
    stopped = "northwind/roster was stopped by our own limit of 1 s for one verify while it waited for GET http"
    assert answer.code == 1
    assert result["error"]["message"].startswith(stopped)
    assert (result["error"]["actor"], result["steps"][2]["outcome"]) == ("us", "fail")
    assert "mkt verify northwind/roster --timeout 15m" in result["error"]["remedy"]


def test_what_fails_for_one_cause_is_verified_alone(mkt: Mkt, refused: WorkdaySimulator, project: Project) -> None:
    project.write("hooli", settings=refused.settings())
    mkt("sync", "--all")
    causes = {cause["integrations"][0]: cause["fingerprint"] for cause in mkt("triage", "-o", "json").document}
    report = mkt("verify", "--cause", causes["northwind/roster"][:8], "-o", "json").document
    assert [result["tenant"] for result in report["results"]] == ["northwind"]
    assert mkt("verify", "--cause", "no-such-cause").code == 1
