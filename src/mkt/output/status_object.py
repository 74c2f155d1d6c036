"""Where an integration stands, for scripts. A file of its own: what `lint` prints needs no engine."""

from typing import Any

from mkt.engine.status import IntegrationStatus
from mkt.output.objects import moment


def status_object(status: IntegrationStatus) -> dict[str, Any]:
    """Return where an integration stands."""
    return {
        "tenant": status.tenant,
        "integration": status.integration,
        "connector": status.connector,
        "health": status.health,
        "why": status.why or None,
        "remedy": status.remedy or None,
        "actor": status.actor or None,
        "class": status.error_class or None,
        "code": status.code or None,
        "fingerprint": status.fingerprint or None,
        "retry_at": moment(status.retry_at),
        "last_run_id": status.last_run_id or None,
        "last_finished_at": moment(status.last_finished_at),
        "last_ok_at": moment(status.last_ok_at),
        "last_change_at": moment(status.last_change_at),
        "next_due_at": moment(status.next_due_at),
        "overdue_seconds": round(status.overdue_by.total_seconds()) if status.overdue_by else None,
        "failures": status.failures,
        "hold_id": status.hold_id or None,
        "paused_at": moment(status.paused_at),
        "tries_left": status.tries_left,
        "connection": status.connection,
        "connection_since": moment(status.connection_since),
        "schedule": status.schedule.cron if status.schedule else None,
        "timezone": status.schedule.timezone if status.schedule else None,
        "place": status.place or None,
        "streams": [
            {"stream": s.stream, "live": s.live, "deleted": s.deleted, "as_of": moment(s.as_of)}
            for s in status.streams
        ],
        "last_action": status.last_action.as_dict() if status.last_action else None,
        "running": status.running or None,
        "note": status.note or None,
        "next_command": status.next_command or None,
    }
