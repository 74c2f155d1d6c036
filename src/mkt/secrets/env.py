"""Secrets in environment variables: `env:NAME`."""

import os
import re
from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class EnvBackend:
    """Reads variables when they are asked for, so that a long-running process sees what it was started with."""

    scheme = "env"

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ

    def check(self, locator: str) -> str:
        if _NAME.fullmatch(locator):
            return ""
        return "env: is followed by the name of a variable: letters, digits and _"

    def read(self, locator: str) -> str | None:
        return self._environ.get(locator)
