"""Secrets in the system's keyring (macOS Keychain, Secret Service): `keyring:SERVICE/USERNAME`."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mkt.errors import ConfigError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend as Keyring


class KeyringBackend:
    """Asks whichever keyring the library finds; one caller at a time, since not all of them are thread-safe."""

    scheme = "keyring"
    takes_rotated = True

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def check(self, locator: str) -> str:
        service, _, username = locator.rpartition("/")
        return "" if service and username else "keyring: is followed by SERVICE/USERNAME"

    def read(self, locator: str) -> str | None:
        service, _, username = locator.rpartition("/")
        with self._open() as keyring:
            return keyring.get_password(service, username)

    def identity(self, locator: str) -> str:
        return locator

    def holds(self, locator: str) -> bool:
        return bool(self.read(locator))

    def write(self, locator: str, value: str) -> None:
        """Raise `ConfigError` when there is no keyring or it does not take the value."""
        service, _, username = locator.rpartition("/")
        with self._open() as keyring:
            keyring.set_password(service, username, value)

    def delete(self, locator: str) -> bool:
        service, _, username = locator.rpartition("/")
        with self._open() as keyring:
            if keyring.get_password(service, username) is None:
                return False
            keyring.delete_password(service, username)
        return True

    @contextmanager
    def _open(self) -> "Iterator[Keyring]":
        # Finding a keyring walks all entry points and may open D-Bus: only for those who keep secrets in one.
        import keyring  # noqa: PLC0415
        from keyring import errors  # noqa: PLC0415

        try:
            with self._lock:
                yield keyring.get_keyring()
        except (errors.NoKeyringError, errors.InitError, ImportError):
            raise ConfigError(
                "there is no keyring on this machine, or not for this account",
                remedy="Use an env: or file: reference here, or start a keyring (Linux: a Secret Service such as "
                "gnome-keyring, reachable over DBUS_SESSION_BUS_ADDRESS; cron has none of its own).",
                code="config.no_keyring",
            ) from None
        except errors.KeyringLocked:
            raise ConfigError(
                "the keyring is locked",
                remedy="Unlock it: log in as the account that mkt runs under, or open its keyring application.",
                code="config.keyring_locked",
            ) from None
        except errors.KeyringError as error:
            raise ConfigError(
                f"the keyring refused: {type(error).__name__}",
                remedy="Try `python -m keyring diagnose` as the account that mkt runs under.",
                code="config.keyring",
            ) from None
        except _connection_errors() as error:
            raise ConfigError(
                f"the keyring does not answer: {type(error).__name__}",
                remedy="Its session has ended, or its daemon has: log in again as the account that mkt runs under, "
                "or use an env: or file: reference here.",
                code="config.no_keyring",
            ) from None


def _connection_errors() -> tuple[type[Exception], ...]:
    """Return what is raised besides when a bus or a daemon goes away; its libraries are there on Linux alone."""
    try:
        from jeepney import DBusErrorResponse  # type: ignore[import-untyped]  # noqa: PLC0415 - as in `_open`
        from secretstorage.exceptions import SecretStorageException  # noqa: PLC0415 - as in `_open`
    except ImportError:
        return OSError, EOFError
    return OSError, EOFError, DBusErrorResponse, SecretStorageException
