"""One run at a time, with real processes: a race, one that stands still for too long, one that is dead."""

import os
import re
import signal
import subprocess
import sys

import pytest
from tests.cli.front import Answer, Project
from tests.cli.process import SECONDS, Gate, ended, expected, live, records, run, start

from mkt.connectors.workday_hris.simulator import WorkdaySimulator
from mkt.simulation import faults

TENANTS = ("northwind", "acme", "globex")
_A_MINUTE_LATER = """
import sys, time
from mkt.cli.app import run
from mkt.store.sqlite.leases import Leases
init = Leases.__init__
Leases.__init__ = lambda self, main, clock: init(self, main, lambda: clock() + 60)
sys.exit(run(sys.argv[1:]))
"""
"""By the clock of the leases alone: it is the same for all processes of a host, and this one is ahead of it."""


def _a_minute_later(*arguments: str) -> Answer:
    command = [sys.executable, "-c", _A_MINUTE_LATER, *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)
    return Answer(done.returncode, done.stdout, done.stderr)


def _first_pages(partner: WorkdaySimulator) -> int:
    return sum("workers" in request.path and request.query["offset"] == "0" for request in partner.requests)


def test_of_syncs_that_start_together_one_runs_each_integration(
    project: Project, paged: WorkdaySimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tenant in TENANTS:
        project.write(tenant, settings={**paged.settings("rest"), "page_size": 100}, schedule="15 2 * * *")
        for name, value in paged.secrets("rest").items():
            monkeypatch.setenv(f"MKT_SECRET__{tenant.upper()}__ROSTER__{name}", value)
    paged.inject(faults.slow(0.05), path="workers", times=None)
    together = [start("sync", "-o", "json") for _ in range(4)]
    answers = [ended(mkt) for mkt in together]
    assert {(answer.code, answer.err) for answer in answers} == {(0, "")}
    assert sum(answer.document["ok"] for answer in answers) == len(TENANTS)
    assert _first_pages(paged) == len(TENANTS)
    assert len(run("runs", "list", "-o", "json").document) == len(TENANTS)


@pytest.mark.parametrize("first", [True, False], ids=["the first load", "a later sync"])
def test_one_that_stood_still_for_too_long_is_taken_over_and_its_late_commits_are_refused(
    paged: WorkdaySimulator, *, first: bool
) -> None:
    if not first:
        assert run("sync", "--all").code == 0
        paged.change()
    gate = Gate(shut=True)
    paged.inject(gate, path="workers", after=5)
    with start("sync", "--all", "-o", "json") as stopped:
        gate.wait()
        os.kill(stopped.pid, signal.SIGSTOP)
        early = run("sync", "--all", "-o", "table")
        other = _a_minute_later("sync", "--all", "-o", "json")
        then = records()
        os.kill(stopped.pid, signal.SIGCONT)
        gate.open()
        late = ended(stopped)
    assert (early.code, other.code, late.code) == (75, 0, 1)
    assert f"process {stopped.pid} on host" in early.out
    assert re.search(r"another run of northwind/roster is going on, since \S+ \S+ UTC, run [0-9a-f]{8}, ", early.out)
    assert re.search(r"next: mkt events --run [0-9a-f]{8} --follow\n$", early.out)
    [result] = late.document["results"]
    assert (result["outcome"], result["error"]["code"]) == ("failed", "local.lease_lost")
    assert "another run has taken over northwind/roster; nothing more of this run was written" in late.out
    assert records() == then
    [taker, lost, *_] = run("runs", "list", "-o", "json").document
    assert (taker["outcome"], lost["outcome"], lost["error"]["code"]) == ("ok", "failed", "local.killed")
    assert "stood still" in lost["error"]["message"]
    assert run("sync", "--all").code == 0  # who left a listing by offset is gone at the second look
    assert run("sync", "--all").code == 0
    assert live() == expected(paged, "rest")


def test_a_dead_one_is_taken_over_at_once_and_its_run_has_failed(paged: WorkdaySimulator) -> None:
    gate = Gate(shut=True)
    paged.inject(gate, path="workers", after=5)
    with start("sync", "--all") as mkt:
        gate.wait()
        mkt.kill()
        gate.open()
        assert ended(mkt).code == -signal.SIGKILL
    assert [kept["outcome"] for kept in run("runs", "list", "-o", "json").document] == ["running"]
    assert run("sync", "northwind", "--now").code == 0
    [_, killed] = run("runs", "list", "-o", "json").document
    assert killed["outcome"] == "failed"
    shown = run("runs", "show", killed["id"])
    assert "the run did not come to its end: its process was killed" in " ".join(shown.out.split())
    assert "out-of-memory" in shown.out
