"""Secrets in files: `file:PATH`, as Docker, Kubernetes and systemd mount them or `mkt secrets` writes them."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mkt.errors import ConfigError

FOLDER: Final = ".secrets"
"""Where values are kept by default: hidden, so that no connector can open them; git ignores all that is in it."""


class FileBackend:
    """Reads a whole file; one line break at its end, which editors add, is no part of the value."""

    scheme = "file"
    takes_rotated = False  # a file is often mounted, and its owner would put the old value back

    def __init__(self, root: Path) -> None:
        self._root = root
        """A relative path starts at the project root."""

    def check(self, locator: str) -> str:
        return "a path cannot hold a NUL" if "\0" in locator else ""

    def read(self, locator: str) -> str | None:
        path, readable = self._root / locator, f"a readable text file at {locator}"
        with _refusing(locator, "cannot be read", readable):
            if not path.exists():
                return None
            if not path.is_file():
                raise _refused(locator, "is not a regular file", readable)
            text = path.read_bytes().decode()
        return text.removesuffix("\n").removesuffix("\r")

    def identity(self, locator: str) -> str:
        path = self._root / locator
        try:
            return str(path.resolve())
        except (OSError, RuntimeError):  # a link that leads to itself
            return str(path)

    def holds(self, locator: str) -> bool:
        return bool(self.read(locator))

    def write(self, locator: str, value: str) -> None:
        """Put a file in place that this account alone can read, whole or not at all."""
        with _refusing(locator, "cannot be written", f"a folder that it can write to for {locator}"):
            path = (self._root / locator).resolve()  # what a link leads to is replaced, not the link
            _make_folder(path.parent)
            if locator.startswith(f"{FOLDER}/"):
                (self._root / FOLDER / ".gitignore").write_text("*\n", encoding="utf-8")
            _replace(path, f"{value}\n".encode())

    def delete(self, locator: str) -> bool:
        with _refusing(locator, "cannot be deleted", f"the right to delete {locator}"):
            try:
                (self._root / locator).unlink()
            except FileNotFoundError:
                return False
        return True


def _make_folder(folder: Path) -> None:
    """Make it and what is missing above it, for this account alone."""
    for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


def _replace(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=".mkt-", dir=path.parent)  # 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def _refusing(locator: str, what: str, needed: str) -> Iterator[None]:
    try:
        yield
    except UnicodeError:
        raise _refused(locator, "is not UTF-8 text", needed) from None
    except OSError as error:
        raise _refused(locator, f"{what}: {error.strerror}", needed) from None


def _refused(locator: str, why: str, needed: str) -> ConfigError:
    return ConfigError(
        f"file:{locator} {why}",
        remedy=f"Give the account that mkt runs under {needed}.",
        code="config.secret_file",
    )
