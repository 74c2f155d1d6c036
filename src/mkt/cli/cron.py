"""How cron runs mkt: by absolute paths, and with an environment in which almost nothing is."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

VARIABLES: Final = ".env"
"""The project's file of variables. mkt alone reads it: a shell would read blanks, `$` and quotes in its own way."""
_ASSIGNMENT: Final = re.compile(r"""^\s*(["']?)(\w+)\1\s*=\s*(.*?)\s*$""")
_SECONDS: Final = 10


def mkt_command() -> list[str]:
    """Return this installation's command, found without PATH."""
    script = Path(sys.executable).with_name("mkt")
    return [str(script)] if os.access(script, os.X_OK) else [sys.executable, "-m", "mkt"]


def cron_environment() -> dict[str, str]:
    """Return what cron gives this account's commands: four variables (crontab(5)), and what its table sets."""
    own = {name: os.environ[name] for name in ("HOME", "LOGNAME", "USER") if name in os.environ}
    return {**own, "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin", **_of_crontab()}


def _of_crontab() -> Mapping[str, str]:
    crontab = shutil.which("crontab")
    if crontab is None:
        return {}
    try:
        listed = subprocess.run(  # noqa: S603 - the system's own program, without arguments of anybody's
            [crontab, "-l"], capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    found = (_ASSIGNMENT.match(line) for line in listed.stdout.decode(errors="replace").splitlines())
    return {each[2]: _unquoted(each[3]) for each in found if each}


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
