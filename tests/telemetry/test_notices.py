"""mkt's own warnings."""

import io
from datetime import UTC, datetime

from mkt.contract import ConnectorEvent, Level
from mkt.telemetry.notices import NoticeSink


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
