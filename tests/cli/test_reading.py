"""What a person at a terminal reads: words that name whose limit it was, and lists that fit."""

import os
import re
from pathlib import Path

import pytest
from docs.terminal import own_environment, typed
from tests.cli.front import Mkt
from tests.cli.process import run

from mkt.connectors.workday_hris.simulator import WorkdaySimulator
from mkt.simulation import faults


def test_a_sync_that_our_own_limit_ends_says_that_it_is_ours_and_how_to_set_it(
    mkt: Mkt, paged: WorkdaySimulator
) -> None:
    paged.inject(faults.slow(30), path="workers", times=None)
    answer = mkt("sync", "northwind", "--now", "--timeout", "1s", "-o", "table")
    assert answer.code == 1
    assert (
        "northwind/roster was stopped by our own limit of 1 s for one sync while it waited for GET http" in answer.out
    )
    assert re.search(r"acts: us +The next sync goes on from what is stored", answer.out)
    assert answer.out.endswith("next: mkt sync northwind/roster --now --timeout 2h\n")


def test_a_list_of_runs_fits_the_terminal_and_breaks_no_name(
    partner: WorkdaySimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert partner
    assert run("sync", "--all").code == 0
    monkeypatch.setenv("MKT_SECRET__NORTHWIND__ROSTER__WORKDAY_ISU_PASSWORD", "hunter2-hunter2")
    assert run("sync", "--all").code == 1
    person = {**os.environ, **own_environment(Path.cwd())}
    for columns in (80, 100, 120, 200):
        seen = typed(f"COLUMNS={columns} mkt runs list", Path.cwd(), person)
        assert max(map(len, seen.text.splitlines())) <= columns
        assert re.search(r"northwind/roster +failed .*\n(.*\n)?[0-9a-f]{8} .*northwind/roster +ok ", seen.text)
        assert seen.following.startswith("mkt runs show ")
