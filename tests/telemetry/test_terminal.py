"""Live progress."""

import io
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from mkt.contract import ConnectorEvent, EventName, Level
from mkt.telemetry.base import Telemetry
from mkt.telemetry.terminal import TerminalSink


def _event(
    name: EventName, integration: str, level: Level = "info", message: str = "", **details: Any
) -> ConnectorEvent:
    return ConnectorEvent(
        event=name,
        message=message,
        timestamp=datetime(2026, 11, 22, tzinfo=UTC),
        level=level,
        tenant="northwind",
        integration=integration,
        details=details,
    )


def _console(*, terminal: bool, kind: str = "xterm") -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=80, _environ={"TERM": kind})


def _shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_line_counts_what_is_done_and_names_what_is_at_work() -> None:
    sink = TerminalSink(_console(terminal=False))
    sink(_event("sync.started", "roster"))
    sink(_event("sync.started", "crm"))
    sink(_event("sync.progress", "crm", message="2,000 contacts"))
    sink(_event("sync.failed", "roster", "error"))
    assert sink.line().plain == "1 done, 1 failed, 1 running: northwind/crm 2,000 contacts"


def test_a_verify_names_the_step_it_is_at() -> None:
    sink = TerminalSink(_console(terminal=False))
    sink(_event("verify.started", "roster"))
    sink(_event("verify.step", "roster", step="token"))
    assert sink.line().plain == "0 done, 1 running: northwind/roster token"


def test_of_how_many_is_said_where_it_is_known() -> None:
    sink = TerminalSink(_console(terminal=False))
    Telemetry([sink]).expect(3)
    sink(_event("sync.failed", "roster", "error"))
    assert sink.line().plain == "1 of 3 done, 1 failed"
    sink.expect(2)
    assert sink.line().plain == "1 of 3 done, 1 failed", "those that begin come after what is done"


def test_more_than_a_few_are_counted() -> None:
    sink = TerminalSink(_console(terminal=False))
    for number in range(5):
        sink(_event("sync.started", f"roster{number}"))
    assert sink.line().plain.endswith("northwind/roster2 +2")


def test_a_terminal_sees_the_line_and_is_left_as_it_was() -> None:
    console = _console(terminal=True)
    sink = TerminalSink(console)
    sink(_event("sync.started", "roster"))
    assert "northwind/roster" in _shown(console)
    sink.close()
    assert _shown(console).count("\x1b[?25h") == _shown(console).count("\x1b[?25l") == 1


def test_what_is_no_terminal_gets_nothing() -> None:
    for console in (_console(terminal=False), _console(terminal=True, kind="dumb")):
        sink = TerminalSink(console)
        sink(_event("sync.started", "roster"))
        sink.close()
        assert _shown(console) == ""
