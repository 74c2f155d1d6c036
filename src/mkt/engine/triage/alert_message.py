"""The one shape of what alerts say, to a webhook and to a command alike (see README, "Alerts")."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from mkt.contract import uuid7
from mkt.engine.triage.causes import Cause
from mkt.runtime.masking import PROCESS
from mkt.store.alerts import Alert

_NAMED: Final = 20
"""Tenants and integrations that a message names at most; the counts are of all."""
_FREE: Final = ("summary", "message", "remedy")
"""What is written by a connector or a partner. All else is names and words of ours, which a receiver looks up."""


def body_bytes(body: Mapping[str, Any]) -> bytes:
    """Return a body as it is sent: the same bytes at each try."""
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


def opened(cause: Cause, now: datetime) -> Alert:
    """Return that a cause began."""
    failure, example = cause.failure, cause.example
    data = {
        "fingerprint": cause.fingerprint,
        "state": cause.standing,
        "summary": _summary(cause),
        "connector": example.connector,
        "class": failure.error_class,
        "code": failure.code,
        "message": failure.message,
        "remedy": failure.remedy,
        "actor": cause.actor,
        "tenant_count": len(cause.tenants),
        "integration_count": len(cause.cases),
        "tenants": list(cause.tenants[:_NAMED]),
        "integrations": list(cause.targets[:_NAMED]),
        "example_run_id": example.run_id or None,
        "first_seen": _moment(cause.first_seen),
        "opened_at": _moment(now),
        "ended_at": None,
        "next_command": _next_command(cause),
    }
    return Alert(fingerprint=cause.fingerprint, kind="opened", at=now, body=message_of("alert.opened", now, data))


def ended(told: Alert, now: datetime) -> Alert:
    """Return that what was told has ended."""
    data = {**told.data, "ended_at": _moment(now), "next_command": "mkt status"}
    data["summary"] = f"ended: {data.get('summary', told.fingerprint)}"
    return Alert(fingerprint=told.fingerprint, kind="ended", at=now, body=message_of("alert.ended", now, data))


def named(told: Alert) -> list[str]:
    """Return the tenants and the integrations that an alert names."""
    return [*told.data.get("tenants", []), *told.data.get("integrations", [])]


def message_of(kind: str, now: datetime, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the one shape of all messages, its free texts masked of all that this process knows to be secret."""
    masked = {name: PROCESS.mask(data[name]) for name in _FREE if name in data}
    return {"id": f"msg_{uuid7()}", "type": kind, "timestamp": _moment(now), "data": {**data, **masked}}


def sample(now: datetime) -> dict[str, Any]:
    """Return what `mkt alerts test` sends: the same shape, with nothing in it that is wrong."""
    names = ("class", "code", "connector", "example_run_id", "first_seen", "ended_at")
    data: dict[str, Any] = {
        **dict.fromkeys(names),
        "fingerprint": "0" * 12,
        "state": "test",
        "summary": "a test of the alerts of mkt: nothing is wrong",
        "message": "somebody ran `mkt alerts test`",
        "remedy": "Nothing to do.",
        "actor": "us",
        "tenant_count": 0,
        "integration_count": 0,
        "tenants": [],
        "integrations": [],
        "opened_at": _moment(now),
        "next_command": "mkt alerts list",
    }
    return message_of("alert.test", now, data)


def _summary(cause: Cause) -> str:
    """Return the line that a pager shows."""
    message, example = cause.failure.message, cause.example.target
    if len(cause.cases) == 1:
        return message if cause.standing == "held" else f"{example} {cause.standing}: {message}"
    whose = f"{len(cause.tenants)} tenants" if len(cause.tenants) > 1 else f"{len(cause.cases)} integrations"
    return f"{whose} {cause.standing} for one cause, for example {example}: {message}"


def _next_command(cause: Cause) -> str:
    """Return what to type first: of one integration the command itself, of many what shows them together."""
    if len(cause.cases) == 1:
        return cause.next_command
    return f"mkt triage {cause.fingerprint}" if len(cause.tenants) > 1 else f"mkt status {cause.tenants[0]}"


def _moment(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z" if moment else None
