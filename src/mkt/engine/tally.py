"""What came of a whole command, in numbers: its exit code, and the details of its last event."""

from collections.abc import Mapping
from typing import Any, Final, Literal

Stopped = Literal["interrupted", "terminated"]

EXIT_FAILED, EXIT_PARTIAL, EXIT_LATER = 1, 3, 75
EXIT_TERMINATED: Final[Mapping[Stopped, int]] = {"interrupted": 130, "terminated": 143}
_COUNTED: Final[Mapping[str, tuple[str, ...]]] = {
    "ok": ("ok", "pass"),
    "warn": ("warn",),
    "failed": ("failed", "fail"),
    "held": ("held",),
    "deferred": ("deferred",),
    "skipped": ("skipped",),
    "not_due": ("not_due",),
}
"""Under which names a summary counts the outcomes of verify and sync."""


def exit_code_of(outcomes: Mapping[str, int], stopped: Stopped | None) -> int:
    """Return the first that matches in DESIGN section 4. `outcomes` says how many there were of each."""
    if stopped:
        return EXIT_TERMINATED[stopped]
    if any(outcomes.get(outcome) for outcome in ("fail", "failed", "held")):
        return EXIT_PARTIAL if outcomes.get("ok") else EXIT_FAILED
    return EXIT_LATER if outcomes.get("deferred") else 0


def summary_of(command: str, outcomes: Mapping[str, int], *, exit_code: int, duration_ms: int) -> dict[str, Any]:
    """Return the details of the `run.summary` event."""
    counted = {name: sum(outcomes.get(each, 0) for each in alike) for name, alike in _COUNTED.items()}
    return {"command": command, "exit_code": exit_code, "duration_ms": duration_ms, **counted}
