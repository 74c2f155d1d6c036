"""Which causes were told to the operator, and what is still to be sent."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from mkt.store.alerts import Alert, AlertMessage
from mkt.store.key import Key
from mkt.store.supabase.calls import Part
from mkt.store.supabase.json_values import as_json

_PAGE: Final = 1000


class Alerts(Part):
    """Which causes were told to the operator, and what is still to be sent."""

    def failing_since(self) -> dict[tuple[Key, str], datetime]:
        rows = self._calls.call("mkt_failing_since", {})
        return {
            (Key(tenant, name), fingerprint): datetime.fromisoformat(since)
            for tenant, name, fingerprint, since in rows
        }

    def open_alerts(self) -> list[Alert]:
        return [
            Alert(fingerprint=fingerprint, kind="opened", at=datetime.fromisoformat(opened_at), body=body)
            for fingerprint, opened_at, body in self._calls.call("mkt_open_alerts", {})
        ]

    def record_alerts(self, found: Sequence[Alert], sinks: Collection[str], as_of: datetime) -> None:
        given = {
            "found": as_json([_found(alert) for alert in found]),
            "sinks": list(sinks),
            "as_of": as_of.isoformat(),
        }
        self._calls.call("mkt_record_alerts", given)

    def claim_alerts(
        self, sinks: Collection[str], *, now: datetime, until: datetime, most: int, limit: int
    ) -> list[AlertMessage]:
        given = {
            "sinks": list(sinks),
            "now": now.isoformat(),
            "until": until.isoformat(),
            "most": most,
            "limit": limit,
            "token": uuid4().hex,
        }
        return [_message(*row) for row in self._calls.call("mkt_claim_alerts", given)]

    def settle_alert(self, message: AlertMessage, *, error: str = "", retry_at: datetime | None = None) -> None:
        given = {
            **_known_by(message),
            "error": as_json(error),
            "retry_at": retry_at.isoformat() if retry_at else None,
        }
        self._calls.call("mkt_settle_alert", given)

    def release_alert(self, message: AlertMessage, now: datetime) -> None:
        until = message.next_try_at.isoformat() if message.next_try_at else None
        self._calls.call("mkt_release_alert", {**_known_by(message), "until": until, "now": now.isoformat()})

    def unsent_alerts(self) -> list[AlertMessage]:
        found: list[AlertMessage] = []
        after = 0
        while True:
            page = self._calls.call("mkt_unsent_alerts", {"after": after, "limit": _PAGE})
            found += [_message(*row) for _, row in page]
            if len(page) < _PAGE:
                return found
            after = page[-1][0]


def _found(alert: Alert) -> dict[str, Any]:
    return {"fingerprint": alert.fingerprint, "kind": alert.kind, "at": alert.at.isoformat(), "body": alert.body}


def _known_by(message: AlertMessage) -> dict[str, Any]:
    return {"id": message.id, "sink": message.sink, "tries": message.tries}


def _message(*row: Any) -> AlertMessage:
    message_id, sink, fingerprint, body, created_at, tries, given_up, error, next_try_at = row
    return AlertMessage(
        id=message_id,
        sink=sink,
        fingerprint=fingerprint,
        body=body,
        created_at=datetime.fromisoformat(created_at),
        tries=tries,
        given_up=given_up,
        error=error,
        next_try_at=datetime.fromisoformat(next_try_at),
    )
