"""The events of one run, masked before any sink sees them."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from mkt.contract import Category, ConnectorConfiguration, ConnectorEvent, EventName, Json, Level
from mkt.engine.report import Held, Result, StepResult
from mkt.runtime.masking import Masker
from mkt.telemetry.base import Telemetry

_LEVELS: dict[str, Level] = {"warn": "warning", "fail": "error", "failed": "error", "held": "error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Emits the events of one run of one integration."""

    telemetry: Telemetry
    now: Callable[[], datetime]
    configuration: ConnectorConfiguration
    category: Category | None
    run_id: str | None
    masker: Masker

    def emit(self, event: EventName, message: str, level: Level = "info", **details: Any) -> None:
        self.telemetry.emit(
            ConnectorEvent(
                event=event,
                message=self.masker.mask(message),
                timestamp=self.now(),
                level=level,
                tenant=self.configuration.tenant,
                integration=self.configuration.name,
                connector=self.configuration.connector,
                category=self.category,
                run_id=self.run_id,
                details=self.masker.mask_json(details),
            )
        )

    def message(self, message: str, level: Level, details: dict[str, Json]) -> None:
        """Pass on what a connector says of itself."""
        self.emit("connector.message", message, level, **details)

    def step(self, result: StepResult) -> None:
        text = f"{result.title}: {result.outcome}"
        self.emit("verify.step", text, _LEVELS.get(result.outcome, "info"), **asdict(result))

    def completed(self, result: Result) -> None:
        """Report the end of a verify."""
        details: dict[str, Any] = {"outcome": result.outcome}
        if result.failure:
            details["error"] = result.failure.as_dict()
        text = result.failure.message if result.failure else f"{self.configuration.target}: {result.outcome}"
        self.emit("verify.completed", text, _LEVELS.get(result.outcome, "info"), **details)

    def synced(self, result: Result) -> None:
        """Report the end of a sync."""
        events: dict[str, EventName] = {
            "ok": "sync.completed",
            "failed": "sync.failed",
            "held": "sync.held",
            "deferred": "sync.deferred",
            "skipped": "sync.skipped",
        }
        details = {"outcome": result.outcome, **sync_details(result)}
        text = result.failure.message if result.failure else result.note or _counted(result)
        # What a person has been told of already, or has decided once, is no new alarm.
        told = result.held is not None and result.held.standing != "new"
        level = "info" if told else _LEVELS.get(result.outcome, "info")
        self.emit(events[result.outcome], _why_held(result.held) if result.held else text, level, **details)


def sync_details(result: Result) -> dict[str, Any]:
    """Return the counts and the failure of a sync, as its event and its run keep them."""
    details: dict[str, Any] = {}
    if result.streams:
        details = {
            **result.totals.as_dict(),
            "streams": {name: counts.as_dict() for name, counts in result.streams.items()},
        }
    if result.note:
        details["note"] = result.note
    if result.invalid_places:
        details["invalid_places"] = dict(result.invalid_places)
    if result.failure:
        details["error"] = result.failure.as_dict()
    if result.held:
        details |= {"hold_id": result.held.hold_id or None, "reasons": list(result.held.reasons)}
        details |= {"reopened": True} if result.held.standing == "reopened" else {}
    return details


def _why_held(held: Held) -> str:
    return f"held for review: {'; '.join(held.reasons)}"


def _counted(result: Result) -> str:
    totals = result.totals.as_dict()
    return ", ".join(f"{count} {name}" for name, count in totals.items() if count or name == "created")
