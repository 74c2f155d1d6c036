import subprocess
import sys
from collections.abc import Callable
from typing import Any

import keyring.backends.fail
import pytest
from keyring.backend import KeyringBackend as Keyring
from keyring.errors import KeyringError, KeyringLocked

from mkt.errors import ConfigError
from mkt.secrets.base import WritableBackend
from mkt.secrets.keyring import KeyringBackend

UseKeyring = Callable[[Keyring], None]


class RaisingKeyring(Keyring):
    priority = 1

    def __init__(self, error: Exception) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._error = error

    def get_password(self, service: str, username: str) -> str | None:  # noqa: ARG002 - the library's signature
        raise self._error

    def set_password(self, service: str, username: str, password: str) -> None:  # noqa: ARG002 - the same
        raise self._error


def test_the_last_slash_splits_service_from_username(memory_keyring: Any) -> None:
    memory_keyring.entries["mkt/north/roster", "TOKEN"] = "s3cret"
    assert KeyringBackend().read("mkt/north/roster/TOKEN") == "s3cret"


def test_an_entry_that_does_not_exist_is_not_there(memory_keyring: Any) -> None:
    assert memory_keyring.entries == {}
    assert KeyringBackend().read("mkt/TOKEN") is None


def test_a_value_is_written_where_it_is_read(memory_keyring: Any) -> None:
    backend = KeyringBackend()
    assert isinstance(backend, WritableBackend)
    backend.write("mkt/north/TOKEN", "new")
    assert memory_keyring.entries == {("mkt/north", "TOKEN"): "new"}


@pytest.mark.parametrize("locator", ["TOKEN", "/TOKEN", "mkt/"])
def test_a_locator_needs_a_service_and_a_username(locator: str) -> None:
    assert "SERVICE/USERNAME" in KeyringBackend().check(locator)


def test_a_machine_without_a_keyring_says_what_to_do(use_keyring: UseKeyring) -> None:
    use_keyring(keyring.backends.fail.Keyring())  # type: ignore[no-untyped-call]
    with pytest.raises(ConfigError, match="no keyring on this machine") as raised:
        KeyringBackend().read("mkt/TOKEN")
    assert raised.value.code == "config.no_keyring"
    assert "env:" in raised.value.remedy


def test_a_locked_keyring_says_so(use_keyring: UseKeyring) -> None:
    use_keyring(RaisingKeyring(KeyringLocked("dismissed")))
    with pytest.raises(ConfigError, match="the keyring is locked") as raised:
        KeyringBackend().write("mkt/TOKEN", "s3cret")
    assert raised.value.code == "config.keyring_locked"


def test_another_fault_of_the_keyring_is_named_without_its_text(use_keyring: UseKeyring) -> None:
    use_keyring(RaisingKeyring(KeyringError("s3cret")))
    with pytest.raises(ConfigError, match="the keyring refused: KeyringError") as raised:
        KeyringBackend().read("mkt/TOKEN")
    assert "s3cret" not in raised.value.message


def test_the_library_is_not_imported_before_it_is_needed() -> None:
    code = (
        "import sys, mkt.secrets.keyring as k; k.KeyringBackend().check('a/b'); assert 'keyring' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
