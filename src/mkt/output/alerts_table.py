"""Alerts, for a person and for scripts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import RenderableType

from mkt.engine.couriers import Tested
from mkt.output.objects import moment
from mkt.output.text import ago, line, next_command, outcome_text, plural, row, table
from mkt.store.alerts import Alert, AlertMessage

Rows = Sequence[RenderableType]
_STATES: Final = {True: "failed", False: "waiting"}


def alerts_page(told: Sequence[Alert], unsent: Sequence[AlertMessage], now: datetime) -> Rows:
    """Show what was told and has not ended, then what could not be sent."""
    parts: list[RenderableType] = []
    if told:
        grid = table("cause", "tenants", "since", "what")
        for alert in told:
            tenants, summary = alert.data.get("tenant_count"), alert.data.get("summary")
            row(grid, alert.fingerprint, tenants, ago(alert.at, now), summary)
        parts.append(grid)
    if unsent:
        grid = table("not sent to", "cause", "what", "stands", "tries", "why")
        for message in unsent:
            kind, stands = message.body.get("type"), outcome_text(_STATES[message.given_up])
            row(grid, message.sink, message.fingerprint, kind, stands, message.tries, message.error)
        parts.append(grid)
    lost = sum(message.given_up for message in unsent)
    said = f"{plural(len(told), 'open alert')}, {plural(len(unsent), 'message')} not sent"
    parts.append(line(said + (f", of which {lost} will not be tried again" if lost else "")))
    parts.append(next_command("mkt alerts test" if unsent else "mkt triage"))
    return parts


def alerts_object(told: Sequence[Alert], unsent: Sequence[AlertMessage]) -> list[dict[str, Any]]:
    """Return the open alerts as they were sent, each with what of it could not be sent."""
    waiting: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for message in unsent:
        waiting[message.fingerprint].append(_unsent(message))
    opened = [{**alert.body, "unsent": waiting.pop(alert.fingerprint, [])} for alert in told]
    ended = {message.fingerprint: message.body for message in unsent if message.fingerprint in waiting}
    return [*opened, *({**body, "unsent": waiting[fingerprint]} for fingerprint, body in ended.items())]


def _unsent(message: AlertMessage) -> dict[str, Any]:
    return {
        "sink": message.sink,
        "type": message.body.get("type"),
        "created_at": moment(message.created_at),
        "tries": message.tries,
        "given_up": message.given_up,
        "error": message.error or None,
    }


def tested_page(tested: Sequence[Tested]) -> Rows:
    """Show what came of a test."""
    grid = table("sink", "", "where", "what came of it")
    for each in tested:
        row(grid, each.sink, outcome_text("failed" if each.error else "ok"), each.place, each.error or each.note)
    failed = any(each.error for each in tested)
    return [grid, next_command("mkt doctor" if failed else "mkt alerts list")]


def tested_object(tested: Tested) -> Mapping[str, Any]:
    """Return what came of the test of one sink."""
    return {"sink": tested.sink, "where": tested.place, "ok": not tested.error, "error": tested.error or None}
