from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from mkt.output.alerts_table import alerts_object, alerts_page
from mkt.store.alerts import Alert, AlertMessage

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)


def _alert(body: dict[str, Any]) -> Alert:
    return Alert(fingerprint="f00", kind="opened", at=NOW, body=body)


def _message(body: dict[str, Any]) -> AlertMessage:
    return AlertMessage(
        id="m",
        sink="webhook",
        fingerprint="f00",
        body=body,
        created_at=NOW,
        tries=1,
        given_up=False,
        error="no answer",
    )


def _printed(body: dict[str, Any]) -> str:
    console = Console(file=StringIO(), width=200)
    with console.capture() as capture:
        console.print(*alerts_page([_alert(body)], [_message(body)], NOW))
    return capture.get()


def test_an_open_alert_and_what_was_not_sent_of_it_are_shown() -> None:
    shown = _printed({"type": "alert.opened", "data": {"tenant_count": 42, "summary": "42 tenants, 1 cause"}})
    assert "42 tenants, 1 cause" in shown
    assert "alert.opened" in shown
    assert "1 open alert, 1 message not sent" in shown


def test_what_waits_tells_its_next_try_and_what_went_wrong_last() -> None:
    waiting = replace(_message({}), next_try_at=NOW + timedelta(minutes=15))
    given_up = replace(waiting, given_up=True)
    console = Console(file=StringIO(), width=200)
    with console.capture() as capture:
        console.print(*alerts_page([], [waiting, given_up], NOW))
    first, second = capture.get().splitlines()[1:3]
    assert "in 15 min (" in first
    assert "no answer" in first
    assert second.split()[:5] == ["webhook", "f00", "failed", "1", "none"]
    (shown,) = alerts_object([_alert({})], [waiting])
    assert shown["unsent"][0]["next_try_at"] == "2026-11-22T18:15:00.000Z"


@pytest.mark.parametrize("body", [{}, {"data": {}}, {"***": {"tenant_count": 1}}, {"data": {"***_count": 1}}])
def test_a_body_that_was_stored_with_other_keys_is_shown_as_far_as_it_goes(body: dict[str, Any]) -> None:
    assert "f00" in _printed(body)
    (shown,) = alerts_object([_alert(body)], [_message(body)])
    assert [unsent["error"] for unsent in shown["unsent"]] == ["no answer"]
