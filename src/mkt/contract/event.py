"""Telemetry: one frozen model on every path."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

Level = Literal["debug", "info", "warning", "error"]
Category = Literal["lti", "hris", "crm", "content"]
EventName = Literal[
    "verify.started",
    "verify.step",
    "verify.completed",
    "sync.started",
    "sync.progress",
    "sync.completed",
    "sync.failed",
    "sync.deferred",
    "sync.skipped",
    "sync.held",
    "connector.message",
    "hold.approved",
    "hold.rejected",
    "integration.paused",
    "integration.resumed",
    "connection.changed",
    "webhook.received",
    "webhook.rejected",
    "webhook.unroutable",
    "webhook.duplicate",
    "webhook.handled",
    "webhook.failed",
    "webhook.dead",
    "operator.action",
    "run.summary",
]


def uuid7() -> str:
    """Return a UUIDv7 (RFC 9562): ids that sort by time to the millisecond."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | (0x7 << 76)
    return str(UUID(int=value & ~(0x3 << 62) | (0x2 << 62)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorEvent:
    """One line of telemetry. Nothing personal and nothing secret stands in it."""

    event: EventName
    message: str
    timestamp: datetime
    level: Level = "info"
    tenant: str | None = None
    integration: str | None = None
    connector: str | None = None
    category: Category | None = None
    run_id: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=uuid7)

    def as_dict(self) -> dict[str, Any]:
        """Return the event as it is printed: every field, in a fixed order."""
        moment = self.timestamp.astimezone(UTC)
        return {
            "id": self.id,
            "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z",
            "event": self.event,
            "level": self.level,
            "message": self.message,
            "tenant": self.tenant,
            "integration": self.integration,
            "connector": self.connector,
            "category": self.category,
            "run_id": self.run_id,
            "details": dict(self.details),
        }
