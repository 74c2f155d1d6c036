"""The partner's pace, as a person and cron meet it: budgets and holds that all processes share."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

from tests.cli.front import Mkt, Project
from tests.cli.process import ended, run, start

from mkt.connectors.workday_hris.simulator import WorkdaySimulator
from mkt.simulation import Reply, faults
from mkt.simulation.exchange import Exchange


def _two_integrations(partner: WorkdaySimulator, root: Path, variant: str = "") -> None:
    """Connect the tenant's Workday twice, the second time as northwind/again."""
    file = root / "configs" / "northwind.yaml"
    document = json.loads(file.read_text())
    names = {name: f"env:MKT_SECRET__NORTHWIND__ROSTER__{name}" for name in partner.secrets(variant)}
    document["integrations"].append({**document["integrations"][0], "name": "again", "secrets": names})
    file.write_text(json.dumps(document, indent=1))


def _agree(root: Path, requests: int, seconds: float) -> None:
    (root / "mkt.toml").write_text(
        f"[defaults.workday-hris]\nrate_limit = {{requests = {requests}, seconds = {seconds}}}\n"
    )


def test_a_429_defers_all_that_share_the_budget_in_every_process(partner: WorkdaySimulator, project: Project) -> None:
    _two_integrations(partner, project.root)
    partner.inject(faults.status(429, {"Retry-After": "7200"}), times=1)
    first = run("sync", "northwind/roster", "--now", "-o", "json")
    assert first.code == 75
    asked = len(partner.requests)
    second = run("sync", "northwind/again", "--now", "-o", "json")
    assert second.code == 75
    assert len(partner.requests) == asked
    (result,) = second.document["results"]
    assert result["outcome"] == "deferred"
    assert result["error"]["code"] == "rate_limit.held"
    assert result["error"]["actor"] == "partner"
    verified = run("verify", "northwind/again", "-o", "json")
    assert (verified.code, verified.document["results"][0]["outcome"]) == (75, "deferred")
    assert run("sync").code == 0, "neither is due before the partner said"
    assert len(partner.requests) == asked


def test_a_spent_budget_is_deferred_and_verify_says_when_it_is_free(
    partner: WorkdaySimulator, project: Project, mkt: Mkt
) -> None:
    _two_integrations(partner, project.root)
    _agree(project.root, 1, 7200)
    assert run("sync", "northwind/roster", "--now").code == 0
    assert run("sync", "northwind/again", "--now").code == 75
    answer = mkt("verify", "northwind/again", "-o", "table")
    assert answer.code == 75
    text = " ".join(answer.out.split())
    assert "the budget of tenant northwind, 1 request in 7200 s for workday-hris, is spent until 20" in text
    assert "acts: us Nothing to do: from then on it works again; sooner only with a higher limit" in text
    assert re.search(r"again in [12] h \(", text)
    assert "0 failed, 0 warned, 0 passed, 1 deferred" in text
    assert answer.out.endswith("next: mkt verify northwind/again --wait\n")
    assert len(partner.requests) == 1


def test_processes_side_by_side_keep_the_pace_together(paged: WorkdaySimulator, project: Project) -> None:
    moments: list[float] = []

    def note(exchange: Exchange, answer: Callable[[], Reply]) -> None:
        moments.append(time.monotonic())
        exchange.send(answer())

    paged.inject(note, times=None)
    _two_integrations(paged, project.root, "rest")
    _agree(project.root, 30, 0.5)
    started = [start("sync", f"northwind/{name}", "--now") for name in ("roster", "again")]
    assert [ended(mkt).code for mkt in started] == [0, 0]
    assert len(moments) == 100
    # Some milliseconds less than the window: a request's way here takes longer than another's.
    assert max(sum(one <= other < one + 0.45 for other in moments) for one in moments) <= 30


def test_a_pace_that_is_none_is_refused_where_it_stands(
    partner: WorkdaySimulator, project: Project, mkt: Mkt
) -> None:
    del partner
    _agree(project.root, 0, 1)
    answer = mkt("sync", "--all")
    assert answer.code == 2
    assert "mkt.toml: defaults.workday-hris.rate_limit.requests: must be more than 0" in answer.err


def test_config_show_tells_the_pace_and_where_it_comes_from(
    partner: WorkdaySimulator, project: Project, mkt: Mkt
) -> None:
    del partner
    _agree(project.root, 50, 60)
    shown = mkt("config", "show", "northwind/roster", "-o", "table").out
    lines = [line.split(maxsplit=2) for line in shown.splitlines() if "rate_limit" in line]
    assert lines == [
        ["rate_limit.requests", "50", "mkt.toml: defaults.workday-hris.rate_limit.requests"],
        ["rate_limit.seconds", "60.0", "mkt.toml: defaults.workday-hris.rate_limit.seconds"],
        ["rate_limit.per", "tenant", "manifest of workday-hris"],
    ]


def test_connectors_show_tells_the_pace(project: Project, mkt: Mkt) -> None:
    del project
    assert "10 requests a second, shared by all integrations of a tenant" in " ".join(
        mkt("connectors", "show", "workday-hris", "-o", "table").out.split()
    )
    assert mkt("connectors", "show", "workday-hris", "-o", "json").document["rate_limit"] == {
        "requests": 10,
        "seconds": 1,
        "per": "tenant",
    }
