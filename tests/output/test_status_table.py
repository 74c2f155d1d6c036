"""Where every integration stands, as a person reads it."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mkt.contract import ConnectorEvent
from mkt.engine.status import Health, IntegrationStatus, StreamStatus
from mkt.output.status_table import status_page

Render = Callable[..., str]
NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
THREE_HOURS = NOW - timedelta(hours=3)


def _stream(name: str, as_of: datetime | None = THREE_HOURS) -> StreamStatus:
    return StreamStatus(stream=name, live=1200, deleted=3, as_of=as_of)


def _status(name: str, health: Health = "ok", **fields: Any) -> IntegrationStatus:
    given = {"streams": (_stream("people"),), "next_due_at": NOW + timedelta(hours=8), **fields}
    return IntegrationStatus(tenant=name, integration="roster", connector="workday-hris", health=health, **given)


def _failing(name: str, **fields: Any) -> IntegrationStatus:
    given = {"why": "refused", "remedy": "Send a new key.", "actor": "customer", "failures": 3, **fields}
    return _status(name, "failing", **given)


def _page(render: Render, *found: IntegrationStatus, width: int | None = None, whole: bool = False) -> Sequence[str]:
    return [line.rstrip() for line in render(status_page(found, NOW, whole=whole), width).splitlines()]


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def test_a_problem_says_why_who_acts_as_of_when_and_what_to_type(render: Render) -> None:
    assert _page(render, _failing("acme"), _status("globex")) == [
        "acme/roster  workday-hris  failing  3 times in a row",
        "  why             refused",
        "  acts: customer  Send a new key.",
        "  data as of      3 h ago (15:00 UTC)",
        "  last change     never",
        "  type            mkt verify acme/roster",
        "2 integrations: 1 failing, 1 ok",
        "next: mkt verify acme/roster",
    ]


def test_an_overdue_one_says_by_how_much(render: Render) -> None:
    late = _status("acme", "overdue", next_due_at=NOW - timedelta(hours=30), overdue_by=timedelta(hours=30))
    assert "  overdue      by 30 h, since 30 h ago (2026-11-21 12:00 UTC)" in _page(render, late, _status("globex"))


def test_healthy_ones_are_a_count_and_rows_when_all_is_asked_for(render: Render) -> None:
    assert _page(render, _status("acme"), _status("globex")) == ["2 integrations: 2 ok", "next: mkt status --all"]
    lines = _page(render, _status("acme"), _status("globex", "disabled", why="holidays"), whole=True)
    assert [line.split()[0] for line in lines[1:3]] == ["acme/roster", "globex/roster"]
    assert lines[2].endswith("holidays")


def test_streams_that_differ_are_named_and_an_unfinished_first_load_is_said(render: Render) -> None:
    streams = (_stream("people"), _stream("org_units", None))
    lines = _page(render, _failing("acme", streams=streams), _status("globex"))
    assert "  data as of      people 3 h ago (15:00 UTC), org_units first load not finished" in lines


def test_of_many_problems_the_first_are_told_at_length_and_all_are_there(render: Render) -> None:
    many = [_failing(f"t{number:04}", fingerprint=f"cause{number}") for number in range(300)]
    lines = _page(render, *many, *(_status(f"u{number}") for number in range(2700)))
    assert sum(line.startswith("  why") for line in lines) == 10
    assert {line.split("/")[0] for line in lines if "failing" in line and line.startswith("t")} == {
        status.tenant for status in many
    }
    assert lines[-2:] == ["3,000 integrations: 300 failing, 2,700 ok", "next: mkt triage"]


@pytest.mark.parametrize("width", [80, 200])
def test_no_line_is_wider_than_the_terminal_and_nothing_is_lost(render: Render, width: int) -> None:
    why = "the report has no column called " + ", ".join(f"Column_{n}" for n in range(40))
    found = [_failing("a-tenant-with-quite-a-long-name", why=why), *(_status(f"t{n}", "never") for n in range(3))]
    lines = _page(render, *found, width=width, whole=True)
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    assert all(f"Column_{n}" in text for n in range(40))
    assert "t2/roster" in text


def test_piped_a_row_is_one_line_however_long(render: Render) -> None:
    many = [_failing(f"t{number}", why="x" * 500, fingerprint=f"cause{number}") for number in range(11)]
    assert sum("x" * 500 in line for line in _page(render, *many)) == 11


def test_a_command_is_never_folded(render: Render) -> None:
    name = "a-tenant-with-quite-a-long-name-of-sixty-three-characters-or-so"
    lines = _page(render, _failing(name), _status("globex"), width=60)
    assert f"  type            mkt verify {name}/roster" in lines
    assert lines[-1] == f"next: mkt verify {name}/roster"


def test_many_of_one_cause_are_told_once(render: Render) -> None:
    lines = _page(render, *(_failing(f"t{number}", fingerprint="6df892") for number in range(42)))
    assert sum(line.startswith("  why") for line in lines) == 1
    assert "  and 41 alike: t1/roster, t2/roster, t3/roster, t4/roster, t5/roster, …; mkt triage 6df892" in lines


def test_a_long_reason_is_folded_before_a_column_is_done_without(render: Render) -> None:
    found = [_status("acme", "never", why="word " * 30), _status("globex")]
    lines = _page(render, *found, width=110, whole=True)
    assert lines[0].split() == ["integration", "health", "data", "as", "of", "last", "change", "next", "due", "why"]
    assert max(map(len, lines)) <= 110


def test_a_single_one_is_told_in_detail(render: Render) -> None:
    action = ConnectorEvent(
        event="operator.action",
        message="disable acme/roster",
        timestamp=NOW - timedelta(minutes=5),
        details={"who": "ann", "reason": "school holidays"},
    )
    found = _failing("acme", last_action=action, last_run_id="0193-1234567890ab", last_finished_at=THREE_HOURS)
    lines = _page(render, found)
    assert "  last action     5 min ago (17:55 UTC) disable acme/roster by ann: school holidays" in lines
    assert "  last run        3 h ago (15:00 UTC) 567890ab" in lines
    assert "  people  1,200        3  3 h ago (15:00 UTC)" in lines
    assert lines[-1] == "next: mkt verify acme/roster"


def test_a_disabled_one_is_to_be_enabled_next(render: Render) -> None:
    assert _page(render, _status("acme", "disabled"))[-1] == "next: mkt enable acme/roster"


def test_a_broken_file_has_no_data(render: Render) -> None:
    broken = replace(_status("acme", "broken", why="configs/acme.yaml:6: no"), integration=None, streams=())
    lines = _page(render, broken, _status("globex"))
    assert lines[0].startswith("acme  workday-hris  broken")
    assert not any("data as of" in line for line in lines)


def test_a_paused_one_says_since_when_how_the_line_stands_and_what_ends_it(render: Render) -> None:
    paused = _failing("acme", paused_at=THREE_HOURS, connection="reauth", connection_since=THREE_HOURS)
    lines = _page(render, replace(paused, health="paused", next_due_at=None))
    assert lines[0] == "acme/roster  workday-hris  paused  3 times in a row"
    assert "  paused          since 3 h ago (15:00 UTC)" in lines
    assert "  connection      reauth, since 3 h ago (15:00 UTC)" in lines
    assert "  next due        not while it is paused" in lines
    assert lines[-1] == "next: mkt verify acme/roster"
