"""Events into a file that only grows, one JSON line each, for whoever collects logs."""

import errno
import os
from pathlib import Path
from typing import Final

import orjson

from mkt.contract import ConnectorEvent
from mkt.errors import LocalError

_APPEND: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
"""Appending is what lets several processes share the file, and `copytruncate` cut it; a pipe must not block us."""


class LogFileSink:
    """Appends each event; a new file is made 0600.

    The name is looked at before each event, so that a file that was renamed (logrotate's `create`) is left, and the
    new one of that name gets the event. Raise `LocalError` where the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def __str__(self) -> str:
        return f"the log file {self._path}"

    def __call__(self, event: ConnectorEvent) -> None:
        line = orjson.dumps(event.as_dict(), default=str) + b"\n"
        try:
            _write_all(self._current(), line)
        except OSError as error:
            raise LocalError(f"{self._path} cannot be written: {error.strerror}") from error

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _current(self) -> int:
        """Return the open file, which the name still stands for."""
        if self._file is not None and not _is_named(self._file, self._path):
            self.close()
        if self._file is None:
            self._file = os.open(self._path, _APPEND, 0o600)
        return self._file


def _is_named(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _write_all(file: int, line: bytes) -> None:
    """Write in one go, so that no other process's line comes in between, as far as the disk allows."""
    while line:
        written = os.write(file, line)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        line = line[written:]
