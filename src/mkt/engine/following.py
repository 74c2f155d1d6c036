"""What to type next: one answer for one cause, whichever command shows it.

How it stands                         next
------------------------------------  ------------------------------------------------------------------------------
a tenant's file is broken             mkt lint
a tenant's row is broken              the list of tenants, which tells whether it is right: lint reads files
held                                  the hold, which a person decides
paused, or a failure                  a verify: it asks the partner anew and says at which step, and who acts
failed by our own limit of time       the sync again, with more of it
failed by our own disk, store, clock  mkt doctor
overdue                               the sync that nobody has run
failed with deliveries that are dead  those deliveries: what was wrong with each
silent                                the deliveries: when the last one came, and what was refused since
never ran                             a verify
deferred                              its run: until when, and why
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from mkt.engine.report import Result
from mkt.store.base import Run

Standing = Literal["broken", "failing", "held", "paused", "overdue", "silent", "deferred", "never", "ok", "disabled"]
DEADLINE: Final = "transient.deadline"
"""The code of a run that our own limit has ended."""
DEAD: Final = "webhook.dead"
"""The code of deliveries that were given up."""
SLOW: Final = "network.slow"
"""The code of an answer that was not complete when its own time, or the run's, was over."""
_ROW: Final = "integrations row "
"""How the place of a row begins."""
_PASSED: Final = frozenset({"local.killed", "local.lease_lost"})
"""Codes of runs that another run has gone on from."""
_GOOD: Final = frozenset({"ok", "pass", "warn"})
_STANDINGS: Final[Mapping[str, Standing]] = {"failed": "failing", "held": "held", "deferred": "deferred"}


def next_command(
    target: str,
    standing: Standing,
    *,
    code: str = "",
    error_class: str = "",
    message: str = "",
    hold_id: str = "",
    run_id: str = "",
) -> str:
    """Return what to type, nothing where all is well; `code`, `error_class` and `message` are of the failure."""
    commands: dict[Standing, str] = {
        "broken": after_broken(message),
        "failing": _after_failure(target, code, error_class),
        "held": f"mkt holds show {hold_id[-8:]}" if hold_id else f"mkt holds list {target}",
        "paused": f"mkt verify {target}",
        "overdue": f"mkt sync {target} --now",
        "silent": f"mkt webhooks list {target}",
        "never": f"mkt verify {target}",
        "deferred": f"mkt runs show {run_id[-8:]}" if run_id else f"mkt status {target}",
    }
    return commands.get(standing, "")


def after_broken(message: str) -> str:
    """Return what to type where a tenant is broken, as the message says that begins with its place."""
    return "mkt tenants list --source supabase" if message.startswith(_ROW) else "mkt lint"


def broken_source(message: str) -> str:
    """Return what is broken of a tenant, as the message says that begins with its place."""
    return "row" if message.startswith(_ROW) else "config file"


def said_of_hold(hold_id: str) -> str:
    """Return what a verify, or a dry run, says of a hold that is open."""
    return f"hold {hold_id[-8:]} is open: no sync runs before it is decided"


def _after_failure(target: str, code: str, error_class: str) -> str:
    if code == DEADLINE:
        return f"mkt sync {target} --now --timeout 2h"
    if code == DEAD:
        return f"mkt webhooks list {target} --only dead"
    if code in _PASSED:
        return f"mkt status {target}"
    return "mkt doctor" if error_class == "local" else f"mkt verify {target}"


def after_result(result: Result, *, kept: bool = True) -> str:
    """Return what to type after a sync that is not ok; a dry run was not `kept`, so nothing of it can be shown."""
    stands: Standing = "broken" if result.integration is None else _STANDINGS.get(result.outcome, "ok")
    failure = result.failure
    return next_command(
        result.target,
        stands,
        code=failure.code if failure else "",
        error_class=failure.error_class if failure else "",
        message=failure.message if failure else "",
        hold_id=result.held.hold_id if result.held else "",
        run_id=(result.run_id or "") if kept else "",
    )


def after_run(run: Run, others: Sequence[Run]) -> str:
    """Return what to type after looking at a past run; `others` are of the same integration and command."""
    target = f"{run.key.tenant}/{run.key.integration}"
    if any(other.started_at > run.started_at and other.outcome in _GOOD for other in others):
        return f"mkt status {target}"
    if run.outcome == "deferred":
        return f"mkt sync {target} --now"
    if run.command == "verify" and run.outcome == "fail":
        return f"mkt verify {target}"
    stands, error = _STANDINGS.get(run.outcome, "ok"), run.error or {}
    command = next_command(
        target,
        stands,
        code=str(error.get("code", "")),
        error_class=str(error.get("class", "")),
        hold_id=str(run.details.get("hold_id") or ""),
    )
    return command or f"mkt status {target}"
