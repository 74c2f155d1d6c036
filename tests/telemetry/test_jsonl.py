"""Events as JSON lines."""

import io
import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mkt.contract import ConnectorEvent, EventName, Level
from mkt.telemetry.base import Telemetry
from mkt.telemetry.jsonl import JsonLinesSink


def _event(name: EventName = "sync.completed", level: Level = "info", **fields: Any) -> ConnectorEvent:
    given_fields = {"tenant": "northwind", "integration": "roster", **fields}
    return ConnectorEvent(
        event=name, message="done", timestamp=datetime(2026, 11, 22, tzinfo=UTC), level=level, **given_fields
    )


def _written(*events: ConnectorEvent, **options: Any) -> list[dict[str, Any]]:
    stream = io.BytesIO()
    sink = JsonLinesSink(stream, **options)
    for event in events:
        sink(event)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_each_event_is_one_line_with_every_field() -> None:
    event = _event(details={"created": 3})
    assert _written(event, event) == [event.as_dict(), event.as_dict()]


@given(message=st.text(), value=st.text())
def test_no_text_breaks_a_line(message: str, value: str) -> None:
    stream = io.BytesIO()
    sayable = message.encode("utf-8", "replace").decode()
    event = ConnectorEvent(
        event="connector.message",
        message=sayable,
        timestamp=datetime(2026, 11, 22, tzinfo=UTC),
        details={"value": value.encode("utf-8", "replace").decode()},
    )
    JsonLinesSink(stream)(event)
    assert stream.getvalue().count(b"\n") == 1
    assert json.loads(stream.getvalue())["message"] == sayable


def test_a_detail_that_json_does_not_know_is_written_as_text() -> None:
    [line] = _written(_event(details={"zone": UTC}))
    assert line["details"]["zone"] == "UTC"


def test_quiet_leaves_out_what_went_well() -> None:
    assert _written(_event("sync.started"), _event(), _event("run.summary"), quiet=True) == []


def test_quiet_keeps_failures_and_then_the_summary() -> None:
    lines = _written(_event(), _event("sync.failed", "error"), _event("run.summary", "error"), quiet=True)
    assert [line["event"] for line in lines] == ["sync.failed", "run.summary"]


def test_quiet_keeps_a_recovery() -> None:
    lines = _written(_event(), _event(integration="crm"), quiet=True, failing={("northwind", "roster")})
    assert [line["integration"] for line in lines] == ["roster"]


class _ClosedPipe:
    """A reader that has left, as `head` does."""

    tries = 0

    def write(self, data: bytes, /) -> None:
        del data
        self.tries += 1
        raise BrokenPipeError

    def flush(self) -> None:
        """Nothing came so far."""


def test_a_reader_that_left_is_not_written_to_again() -> None:
    pipe = _ClosedPipe()
    telemetry = Telemetry([JsonLinesSink(pipe)])
    telemetry.emit(_event())
    telemetry.emit(_event())
    telemetry.close()
    assert pipe.tries == 1
