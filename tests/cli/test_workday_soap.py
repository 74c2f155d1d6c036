"""Workday by SOAP through the real command: everyone once, then what changed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.cli.front import Mkt, Project
from tests.cli.process import Gate, ended, expected, live, start

from mkt.connectors.workday_hris.simulator import WorkdaySimulator


@pytest.fixture
def partner(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkdaySimulator]:
    with WorkdaySimulator(100) as simulator:
        for name, value in simulator.secrets("soap").items():
            monkeypatch.setenv(f"MKT_SECRET__NORTHWIND__ROSTER__{name}", value)
        project.write("northwind", settings=simulator.settings("soap"), schedule="15 2 * * *")
        yield simulator


def counts(mkt: Mkt, *options: str) -> tuple[Any, ...]:
    """Sync; return what was created, updated and deleted."""
    answer = mkt("sync", "--now", "northwind", *options, "-o", "json")
    assert answer.code == 0, answer.out + answer.err
    [result] = answer.document["results"]
    return result["created"] > 0, result["updated"], result["deleted"]


def test_everyone_comes_once_and_then_what_changed(mkt: Mkt, partner: WorkdaySimulator) -> None:
    assert mkt("verify", "northwind").code == 0
    assert counts(mkt) == (True, 0, 0)
    assert live() == expected(partner, "soap")
    before = len(partner.requests)
    assert counts(mkt) == (False, 0, 0)
    assert len(partner.requests) - before == 2, "one page by entry, one by effect"
    partner.change()
    created, updated, deleted = counts(mkt)
    assert (created, updated > 0, deleted) == (True, True, 0)
    assert live() == expected(partner, "soap")


def test_who_moves_and_who_vanishes_leaves_no_trace(mkt: Mkt, partner: WorkdaySimulator) -> None:
    counts(mkt)
    people = [replace(p, moves=2) if p.number == 6 else p for p in partner.people if p.number != 7]
    partner.employ(people, datetime.now(UTC) - timedelta(minutes=6))
    _, _, deleted = counts(mkt)
    assert deleted == 2, "the old memberships of the one who moved"
    counts(mkt, "--full")
    assert live() == expected(partner, "soap")


@pytest.mark.parametrize("passed", [0, 3, 5])
def test_a_sync_that_is_killed_between_pages_and_data_that_moves_on_lose_nothing(
    mkt: Mkt, partner: WorkdaySimulator, passed: int
) -> None:
    counts(mkt)
    people = [replace(p, title=f"Senior {p.title}") if p.number % 2 else p for p in partner.people]
    partner.employ(people, datetime.now(UTC) - timedelta(minutes=6))
    gate = Gate(shut=True)
    partner.inject(gate, after=passed)
    with start("sync", "--all") as process:
        gate.wait()
        process.kill()
        ended(process)
    gate.open()
    partner.heal()
    partner.change()
    counts(mkt)
    assert live() == expected(partner, "soap")


def test_a_wrong_password_is_sent_once_and_told_with_who_acts(
    mkt: Mkt, partner: WorkdaySimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MKT_SECRET__NORTHWIND__ROSTER__WORKDAY_ISU_PASSWORD", "hunter2 & <hunter3>")
    answer = mkt("verify", "northwind", "-o", "table")
    assert answer.code == 1
    assert len(partner.requests) == 1
    assert "Workday does not accept the integration system user's name and password" in answer.out
    assert "hunter2" not in answer.out + answer.err
    assert "hunter3" not in answer.out + answer.err
