"""Alerts, for a person and for scripts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import RenderableType

from mkt.engine.triage.couriers import Tested
from mkt.output.fitting import Fitting
from mkt.output.objects import moment
from mkt.output.text import ago, line, next_command, outcome_text, plural, row, table
from mkt.store.alerts import Alert, AlertMessage

Rows = Sequence[RenderableType]
_TOLD: Final = ("cause", "tenants", "since", "what")
_UNSENT: Final = ("not sent to", "cause", "what", "stands", "tries", "next try", "last error")
_STATES: Final = {True: "failed", False: "waiting"}


def alerts_page(told: Sequence[Alert], unsent: Sequence[AlertMessage], now: datetime) -> Rows:
    """Show what was told and has not ended, then what could not be sent."""
    parts: list[RenderableType] = []
    if told:
        parts.append(Fitting(_TOLD, [_told(alert, now) for alert in told], spare=("tenants",), folds="what"))
    if unsent:
        parts.append(
            Fitting(_UNSENT, [_cells(message, now) for message in unsent], spare=("what",), folds="last error")
        )
    lost = sum(message.given_up for message in unsent)
    said = f"{plural(len(told), 'open alert')}, {plural(len(unsent), 'message')} not sent"
    parts.append(line(said + (f", of which {lost} will not be tried again" if lost else "")))
    parts.append(next_command(_next(told, unsent)))
    return parts


def _told(alert: Alert, now: datetime) -> dict[str, object]:
    tenants, summary = alert.data.get("tenant_count"), alert.data.get("summary")
    return {"cause": alert.fingerprint, "tenants": tenants, "since": ago(alert.at, now), "what": summary}


def _cells(message: AlertMessage, now: datetime) -> dict[str, object]:
    return {
        "not sent to": message.sink,
        "cause": message.fingerprint,
        "what": message.body.get("type"),
        "stands": outcome_text(_STATES[message.given_up]),
        "tries": message.tries,
        "next try": _next_try(message, now),
        "last error": message.error,
    }


def _next_try(message: AlertMessage, now: datetime) -> str:
    """Return when: by the first sync of cron's after that."""
    if message.given_up:
        return "none"
    at = message.next_try_at
    return ago(at, now) if at and at > now else "the next sync"


def _next(told: Sequence[Alert], unsent: Sequence[AlertMessage]) -> str:
    if unsent:
        return "mkt alerts test"
    return str(told[0].data.get("next_command") or "mkt triage") if len(told) == 1 else "mkt triage"


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
        "next_try_at": None if message.given_up else moment(message.next_try_at),
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
