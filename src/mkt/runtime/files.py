"""Read-only files below the project root."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from mkt.errors import ConfigError


class ProjectFiles:
    """The contract's `Files`. Neither `..`, nor a symbolic link, nor a hidden name (`.mkt`, `.env`) leads out."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        """Open a regular file for reading bytes; raise `ConfigError` for anything else."""
        try:
            real = (self._root / path).resolve()
            if not real.is_relative_to(self._root):
                raise _refused(path, "is outside the project")
            if any(part.startswith(".") for part in real.relative_to(self._root).parts):
                raise _refused(path, "is hidden, and so not for connectors")
            if not real.is_file():
                raise _refused(path, "is not a file" if real.exists() else "does not exist")
            return real.open("rb")
        except (OSError, ValueError, RuntimeError) as error:  # NUL is a ValueError, a loop of links a RuntimeError
            raise _refused(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _refused(path: str, why: str) -> ConfigError:
    return ConfigError(
        f"file {path!r} {why}",
        remedy="Name a readable file below the project's folder; relative paths start there.",
        code="config.file",
    )
