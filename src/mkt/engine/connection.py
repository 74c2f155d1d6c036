"""How the line to the partner stands, apart from what came of single runs.

What came of it                    connection    because
---------------------------------  ------------  -------------------------------------------------------------------
verify passed or warned            connected     every step was answered
sync ok or held                    connected     the partner was read to the end
auth                               reauth        somebody has to sign in, or send a new secret
permission                         degraded      we are let in, but not everywhere
partner                            degraded      they answer, but not what was agreed
transient, in the fourth sync      degraded      the retries are used up: no hiccup any more (unless it is ours)
config                             disconnected  as it is written down, nothing can be asked
transient before, rate_limit,      as it was     a hiccup, the partner's pace, our own fault: the line is not to blame
local, bug, deferred, skipped
"""

from collections.abc import Mapping
from typing import Final

from mkt.contract import ErrorClass, Level
from mkt.engine.report import Result
from mkt.engine.reporter import Reporter
from mkt.store.base import Connection

_OF_OUTCOME: Final[Mapping[str, Connection]] = {
    "pass": "connected",
    "warn": "connected",
    "ok": "connected",
    "held": "connected",
}
_OF_FAILURE: Final[Mapping[ErrorClass, Connection]] = {
    "auth": "reauth",
    "permission": "degraded",
    "partner": "degraded",
    "config": "disconnected",
}
_HICCUPS: Final = 3
_LEVELS: Final[Mapping[str, Level]] = {"connected": "info", "degraded": "warning"}


def connection_after(result: Result, failures: int = 0) -> Connection | None:
    """Return the connection after a run, None: as it was.

    `failures` counts failed syncs in a row, this one included.
    """
    if result.outcome not in ("fail", "failed") or result.failure is None:
        return _OF_OUTCOME.get(result.outcome)
    error_class = result.failure.error_class
    if error_class == "transient" and failures > _HICCUPS and result.failure.actor != "us":
        return "degraded"
    return _OF_FAILURE.get(error_class)


def report_connection(
    reporter: Reporter, before: Connection | None, after: Connection | None, result: Result
) -> None:
    """Emit `connection.changed` where it has changed. That a new integration works is no change."""
    if after is None or after == before or (before is None and after == "connected"):
        return
    details = {"error": result.failure.as_dict()} if result.failure and after != "connected" else {}
    target = reporter.configuration.target
    said = f"the connection of {target} is now {after}" + (f", it was {before}" if before else "")
    reporter.emit("connection.changed", said, _LEVELS.get(after, "error"), before=before, after=after, **details)
