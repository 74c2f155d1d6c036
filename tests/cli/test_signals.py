"""^C and SIGTERM."""

import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from tests.cli.front import ENVIRONMENT, Answer, Project
from tests.cli.process import Gate, ended, expected, live, run, start

from mkt.cli.signals import stopping
from mkt.connectors.workday_hris.simulator import WorkdaySimulator
from mkt.engine.base import Stop
from mkt.engine.pool import GRACE_SECONDS

BOTH = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]

SECRETS = {
    "MKT_SECRET__NORTHWIND__ROSTER__WORKDAY_ISU_USERNAME": "isu",
    "MKT_SECRET__NORTHWIND__ROSTER__WORKDAY_ISU_PASSWORD": "a-password",
}


def test_the_first_signal_asks_and_the_second_ends(capfd: pytest.CaptureFixture[str]) -> None:
    stop = Stop()
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as end, stopping(stop):  # noqa: PT012 - the second signal is what raises
            signal.raise_signal(signal.SIGTERM)
            assert stop.reason == "terminated"
            signal.raise_signal(signal.SIGINT)
    finally:
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert end.value.code == 130
    assert capfd.readouterr().err.count("stopping at the next checkpoint") == 1


@pytest.fixture
def silent_partner(project: Project) -> Iterator[socket.socket]:
    """Accepts a connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        port = server.getsockname()[1]
        settings = {"base_url": f"http://127.0.0.1:{port}", "tenant": "t1", "report": "isu/Roster"}
        project.write("northwind", settings=settings, schedule="15 2 * * *")
        yield server


def _started(project: Project, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "mkt", *arguments, "-C", str(project.root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**ENVIRONMENT, **SECRETS},
    )


@pytest.mark.parametrize("command", ["sync", "verify"])
@pytest.mark.parametrize(("number", "code"), BOTH)
def test_a_partner_that_hangs_does_not_keep_it(
    project: Project, silent_partner: socket.socket, command: str, number: int, code: int
) -> None:
    with _started(project, command) as mkt:
        connection, _ = silent_partner.accept()
        mkt.send_signal(number)
        began = time.monotonic()
        out, err = mkt.communicate(timeout=60)
        connection.close()
    assert time.monotonic() - began < GRACE_SECONDS + 5
    assert mkt.returncode == code
    assert b'"event":"run.summary"' in out.splitlines()[-1]
    assert f'"exit_code":{code}'.encode() in out.splitlines()[-1]
    assert b"Traceback" not in err


@pytest.mark.parametrize(("number", "code"), BOTH)
def test_a_second_signal_does_not_wait(
    project: Project, silent_partner: socket.socket, number: int, code: int
) -> None:
    with _started(project, "sync") as mkt:
        connection, _ = silent_partner.accept()
        mkt.send_signal(number)
        assert mkt.stderr is not None
        assert b"again to end at once" in mkt.stderr.readline()
        began = time.monotonic()
        mkt.send_signal(number)
        mkt.communicate(timeout=60)
        connection.close()
    assert time.monotonic() - began < GRACE_SECONDS
    assert mkt.returncode == code


def _holders() -> list[Any]:
    with closing(sqlite3.connect(".mkt/mkt.db.leases")) as connection:
        return connection.execute("select * from leases").fetchall()


def _stopped_in_the_middle(paged: WorkdaySimulator, number: int) -> Answer:
    """Run a sync, send it a signal at its tenth page, and hold that page until it has understood."""
    gate = Gate(shut=True)
    paged.inject(gate, path="workers", after=10)
    with start("sync", "--all", "-o", "json") as mkt:
        gate.wait()
        mkt.send_signal(number)
        assert mkt.stderr is not None
        assert "stopping at the next checkpoint" in mkt.stderr.readline()
        gate.open()
        return ended(mkt)


@pytest.mark.parametrize("first", [True, False], ids=["the first load", "a later sync"])
@pytest.mark.parametrize(("number", "code"), BOTH)
def test_a_sync_that_was_stopped_goes_on_from_its_checkpoint(
    paged: WorkdaySimulator, number: int, code: int, *, first: bool
) -> None:
    if not first:
        assert run("sync", "--all").code == 0
        paged.change()
    answer = _stopped_in_the_middle(paged, number)
    assert answer.code == code
    assert [result["outcome"] for result in answer.document["results"]] == ["deferred"]
    assert [kept["outcome"] for kept in run("runs", "list", "-n", "1", "-o", "json").document] == ["deferred"]
    assert _holders() == []
    stopped_at = len(paged.requests)
    assert run("sync", "--all").code == 0
    pages = [request for request in paged.requests[stopped_at:] if "workers" in request.path]
    assert int(pages[0].query["offset"]) >= 100
    if not first:
        assert run("sync", "--all").code == 0  # who left a listing by offset is gone at the second look
    assert live() == expected(paged, "rest")


def test_one_integration_runs_once_at_a_time(paged: WorkdaySimulator) -> None:
    gate = Gate(shut=True)
    paged.inject(gate, path="workers")
    with start("sync", "northwind", "--now", "-o", "json") as first:
        gate.wait()
        now = run("sync", "northwind", "--now", "-o", "table")
        scheduled = run("sync")
        gate.open()
        answer = ended(first)
    assert (now.code, scheduled) == (75, Answer(0, "", ""))
    assert "another run of northwind/roster is going on" in now.out
    assert (answer.code, answer.document["ok"]) == (0, 1)
    assert live() == expected(paged, "rest")
    offsets = [request.query["offset"] for request in paged.requests if "workers" in request.path]
    assert len(offsets) == len(set(offsets))


@pytest.mark.parametrize(("number", "code"), BOTH)
def test_following_events_ends_on_a_signal(project: Project, number: int, code: int) -> None:
    project.write("northwind")
    done = subprocess.run(
        [sys.executable, "-m", "mkt", "verify", "-C", str(project.root)],
        capture_output=True,
        check=False,
        env=ENVIRONMENT,
    )
    assert done.returncode == 1
    with _started(project, "events", "--follow") as mkt:
        assert mkt.stdout is not None
        assert b"verify." in mkt.stdout.readline()
        mkt.send_signal(number)
        _, err = mkt.communicate(timeout=60)
    assert (mkt.returncode, err) == (code, b"")
