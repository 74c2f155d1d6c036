"""What a person did with the tool: who, what, to which target, why. Kept with all other events."""

import getpass
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from mkt.contract import ConnectorEvent
from mkt.telemetry.base import Telemetry

Action = Literal[
    "add",
    "approve",
    "backup",
    "copy",
    "copy secret",
    "delete secret",
    "disable",
    "enable",
    "export",
    "generate secret",
    "make link",
    "prune",
    "pull",
    "purge",
    "push",
    "reject",
    "remove",
    "replay",
    "rotate secrets",
    "set secret",
    "show values",
]


def report_action(
    telemetry: Telemetry, now: Callable[[], datetime], action: Action, target: str, *, reason: str = ""
) -> None:
    """Emit `operator.action`. `target` is a tenant or an integration, with a secret's name where it is about one.

    It is empty where the action is about all of them.
    """
    tenant, _, rest = target.partition("/")
    telemetry.emit(
        ConnectorEvent(
            event="operator.action",
            message=f"{action} {target}".strip(),
            timestamp=now(),
            tenant=tenant or None,
            integration=rest.partition(" ")[0] or None,
            details={"who": _who(), "what": action, "target": target, "reason": reason},
        )
    )


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user id, no variable: a container
        return "unknown"
