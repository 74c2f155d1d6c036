"""Partners that repeat credentials, and everything that could show them; people stand in records alone."""

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from tests.cli.front import Answer, Project
from tests.cli.process import Gate, ended, run, start

from mkt.connectors.workday_hris.simulator import WorkdaySimulator
from mkt.connectors.workday_hris.workforce import common_row, recruit, report_row
from mkt.simulation import faults

PASSWORD = 'hunter2/+ &%"ü\\secret=='
REFRESH_TOKEN = "refresh/+ &%token=="
CLIENT_SECRET = "client+/secret &%=="
USER = "ISU_mkt"


@pytest.fixture
def echoing(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkdaySimulator]:
    """A partner with two integrations, northwind/roster by password and northwind/rest by token."""
    with WorkdaySimulator() as partner:
        partner.isu, partner.client = (USER, PASSWORD), ("client-id", CLIENT_SECRET)
        partner.tokens.refresh_token = REFRESH_TOKEN
        integrations = []
        for name, variant in (("roster", "raas"), ("rest", "rest")):
            settings = partner.settings(variant)
            integrations.append({"name": name, "connector": "workday-hris", "settings": settings})
            for secret, value in partner.secrets(variant).items():
                monkeypatch.setenv(f"MKT_SECRET__NORTHWIND__{name.upper()}__{secret}", value)
        text = json.dumps({"tenant": "northwind", "integrations": integrations})
        (project.root / "configs" / "northwind.yaml").write_text(text)
        yield partner


def _forms(value: str) -> Iterator[bytes]:
    """Yield a secret as careless software writes it."""
    for text in (value, quote(value), quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1]):
        yield text.encode()
    yield json.dumps(value, ensure_ascii=False)[1:-1].encode()
    raw = value.encode()
    for before in range(3):  # base64 of the value alone, or behind one or two other bytes
        start = -(-8 * before // 6)
        yield base64.b64encode(b"x" * before + raw)[start : 8 * (before + len(raw)) // 6]


def _credentials() -> set[bytes]:
    basic = f"{USER}:{PASSWORD}"
    obtained = [f"workday-access-{number:06d}" for number in range(1, 100)]
    return {form for value in (PASSWORD, REFRESH_TOKEN, CLIENT_SECRET, basic, *obtained) for form in _forms(value)}


def _everything_said() -> list[Answer]:
    """Run every command that has something to tell of what happened."""
    runs = run("runs", "list", "-n", "1000", "-o", "json").document
    looks = (("status",), ("status", "-o", "json"), ("status", "northwind/roster"), ("events", "-n", "1000"))
    lists = (("events", "-n", "1000", "-o", "table"), ("runs", "list"), ("tenants", "list", "-o", "json"), ("lint",))
    shown = [("runs", "show", runs[0]["id"]), ("runs", "show", runs[-1]["id"], "-o", "json"), ("doctor",)]
    return [run(*command) for command in (*looks, *lists, *shown)]


def _written() -> list[bytes]:
    return [path.read_bytes() for path in Path(".mkt").rglob("*") if path.is_file()]


@pytest.mark.parametrize("status", [400, 401])
def test_a_partner_that_repeats_credentials_shows_them_to_nobody(echoing: WorkdaySimulator, status: int) -> None:
    echoing.inject(faults.echo(status), times=None)
    answers = [run("sync", "--all", "-v", "-o", "jsonl")]
    answers += [run("verify", "-v", "-o", shape) for shape in ("table", "jsonl", "json")]
    answers += [run("sync", "--all", "-v", "-o", "table"), *_everything_said()]
    assert {answer.code for answer in answers[:5]} == {1}
    everything = [part.encode() for answer in answers for part in (answer.out, answer.err)] + _written()
    found = [form for form in _credentials() if any(form in part for part in everything)]
    assert found == []
    assert list(Path(".mkt").glob("crash-*")) == []


@pytest.mark.parametrize(("path", "code"), [("token", 3), ("workers|customreport2", 1)])
def test_credentials_that_were_obtained_are_secrets_too(echoing: WorkdaySimulator, path: str, code: int) -> None:
    assert run("sync", "--all").code == 0
    echoing.inject(faults.echo(400), path=path, times=None)
    answers = [run("sync", "--all", "-o", "table"), run("verify"), *_everything_said()]
    assert answers[0].code == code
    everything = [part.encode() for answer in answers for part in (answer.out, answer.err)] + _written()
    assert [form for form in _credentials() if any(form in part for part in everything)] == []


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_sync_starts_no_other_process_and_has_no_secret_in_its_arguments(echoing: WorkdaySimulator) -> None:
    gate = Gate(shut=True)
    echoing.inject(gate, path="customreport2")
    with start("sync", "--all") as mkt:
        gate.wait()
        tasks = list(Path(f"/proc/{mkt.pid}/task").iterdir())
        children = [(task / "children").read_text() for task in tasks]
        arguments = Path(f"/proc/{mkt.pid}/cmdline").read_bytes()
        gate.open()
        assert ended(mkt).code == 0
    assert "".join(children) == ""
    assert not any(form in arguments for form in _credentials())


def _people() -> set[str]:
    """Return what belongs to the partner's people; single first names are too short to look for."""
    people = [recruit(number) for number in range(1, 30)]
    return {text for p in people for text in (p.email, f"{p.given} {p.family}", f"000-00-{p.number:04d}")}


def test_people_stand_in_records_and_nowhere_else(echoing: WorkdaySimulator) -> None:
    answers = [run("verify"), run("sync", "--all")]
    assert [answer.code for answer in answers] == [0, 0]
    assert any(person in run("records", "export").out for person in _people())
    one = report_row(recruit(3))
    bad = [
        [{**one, "Employee_ID": ""}, {**one, "Employee_ID": "worker3@northwind.example\0"}],
        [
            {**one, "Hire_Date": "Dmitri Nakamura"},
            {**one, "Employee_ID": "4", "primaryWorkEmail": one["primaryWorkEmail"]},
        ],
        [common_row(recruit(number)) for number in range(1, 30)],
    ]
    for rows in bad:
        echoing.rows = rows
        answers += [run("verify", "-o", "table"), run("sync", "--all", "-v")]
    answers += _everything_said()
    assert {answer.code for answer in answers} >= {0, 1}
    said = "\n".join(part for answer in answers for part in (answer.out, answer.err))
    assert sorted(person for person in _people() if person in said) == []
