"""Secrets in files: `file:PATH`, as Docker, Kubernetes and systemd mount them."""

from pathlib import Path

from mkt.errors import ConfigError


class FileBackend:
    """Reads a whole file; one line break at its end, which editors add, is no part of the value."""

    scheme = "file"

    def __init__(self, root: Path) -> None:
        self._root = root
        """A relative path starts at the project root."""

    def check(self, locator: str) -> str:
        return "a path cannot hold a NUL" if "\0" in locator else ""

    def read(self, locator: str) -> str | None:
        path = self._root / locator
        try:
            if not path.exists():
                return None
            if not path.is_file():
                raise _unreadable(locator, "is not a regular file")
            text = path.read_bytes().decode()
        except UnicodeDecodeError:
            raise _unreadable(locator, "is not UTF-8 text") from None
        except OSError as error:
            raise _unreadable(locator, f"cannot be read: {error.strerror}") from None
        return text.removesuffix("\n").removesuffix("\r")


def _unreadable(locator: str, why: str) -> ConfigError:
    return ConfigError(
        f"file:{locator} {why}",
        remedy=f"Give the account that mkt runs under a readable text file at {locator}.",
        code="config.secret_file",
    )
