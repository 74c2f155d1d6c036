"""mkt's own warnings."""

import errno
import io
import sys
from datetime import UTC, datetime

import pytest

from mkt.contract import ConnectorEvent, Level
from mkt.runtime.masking import PROCESS
from mkt.telemetry.base import Telemetry
from mkt.telemetry.notices import NoticeSink, notice


def _event(message: str, level: Level = "warning", tenant: str = "") -> ConnectorEvent:
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    return ConnectorEvent(event="connector.message", message=message, timestamp=moment, level=level, tenant=tenant)


def test_a_warning_that_is_no_tenants_is_said_once_and_at_the_end() -> None:
    stream = io.StringIO()
    sink = NoticeSink(stream)
    for event in _event("no alert"), _event("no alert"), _event("old key", tenant="acme"), _event("done", "info"):
        sink(event)
    assert stream.getvalue() == ""
    sink.close()
    sink.close()
    assert stream.getvalue() == "mkt: no alert\n"


def test_what_a_server_said_moves_no_cursor_and_shows_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    PROCESS.add("hunter2-notice")
    notice("away: \x1b]0;owned\x07\x9b31m hunter2-notice \u202e")
    assert capsys.readouterr().err == "mkt: away: ?]0;owned??31m *** ?\n"


def test_a_stderr_that_cannot_be_written_keeps_nobody_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    class Other:
        def __call__(self, event: ConnectorEvent) -> None:
            raise ValueError(event.message)

        def close(self) -> None:
            closed.append("other")

    class Full(io.StringIO):
        def write(self, text: str, /) -> int:
            raise OSError(errno.ENOSPC, text)

    monkeypatch.setattr(sys, "stderr", Full())
    telemetry = Telemetry([NoticeSink(sys.stderr), Other()])
    telemetry.emit(_event("no alert"))
    telemetry.close()
    assert closed == ["other"]
