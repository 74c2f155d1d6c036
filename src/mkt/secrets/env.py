"""Secrets in environment variables: `env:NAME`, also those of the project's `.env`."""

import os
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from dotenv import dotenv_values

from mkt.errors import ConfigError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class EnvBackend:
    """Reads variables when they are asked for, so that a long-running process sees what it was started with.

    `file` is a file of `NAME='value'` lines, for what the environment does not have: cron's lines read it too.
    """

    scheme = "env"

    def __init__(self, environ: Mapping[str, str] = os.environ, file: Path | None = None) -> None:
        self._environ = environ
        self._file = file

    def check(self, locator: str) -> str:
        if _NAME.fullmatch(locator):
            return ""
        return "env: is followed by the name of a variable: letters, digits and _"

    def read(self, locator: str) -> str | None:
        return self._environ[locator] if locator in self._environ else self._lines.get(locator)

    @cached_property
    def _lines(self) -> Mapping[str, str | None]:
        if self._file is None or not self._file.exists():
            return {}
        try:
            return dotenv_values(self._file, interpolate=False)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{self._file} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}",
                remedy="Give the user that runs mkt the right to read it, or correct it.",
                code="config.secret_unreadable",
            ) from None
