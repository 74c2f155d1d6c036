"""The last event of a command."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mkt.contract import ConnectorEvent
from mkt.engine.base import Engine
from mkt.engine.report import Report


def finished(engine: Engine, report: Report, started: float) -> Report:
    """Return the report with how it was stopped and how long it took, and emit `run.summary`.

    A scheduled sync with nothing due says nothing. `started` is a reading of `time.monotonic`.
    """
    duration = round((time.monotonic() - started) * 1000)
    report = replace(report, stopped=engine.stop.reason, duration_ms=duration)
    if report.results or report.stopped or report.command == "verify":
        summarize(engine, report.summary())
    return report


def summarize(engine: Engine, summary: Mapping[str, Any]) -> None:
    """Emit `run.summary` with what `summary_of` has counted."""
    engine.telemetry.emit(
        ConnectorEvent(
            event="run.summary",
            message=f"mkt {summary['command']} ended with exit code {summary['exit_code']}",
            timestamp=engine.now(),
            level="error" if summary["failed"] or summary["held"] else "info",
            details=summary,
        )
    )
