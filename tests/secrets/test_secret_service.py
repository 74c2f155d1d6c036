"""The keyring for real: a Secret Service on Linux."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mkt.errors import ConfigError
from mkt.secrets.keyring import KeyringBackend

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the Secret Service is Linux's")
PLACE = "mkt/northwind/roster/TOKEN"


@pytest.fixture
def in_session(session: dict[str, str], use_keyring: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch) -> None:
    from keyring.backends.SecretService import Keyring  # noqa: PLC0415 - Linux alone

    for name, value in session.items():
        monkeypatch.setenv(name, value)
    use_keyring(Keyring())  # type: ignore[no-untyped-call]


@pytest.fixture
def backend(in_session: None) -> KeyringBackend:  # noqa: ARG001 - the session has to be there
    made = KeyringBackend()
    made.delete(PLACE)
    return made


def test_what_is_written_is_read_and_replaced(backend: KeyringBackend) -> None:
    assert backend.read(PLACE) is None
    backend.write(PLACE, "one")
    backend.write(PLACE, "two")
    assert backend.read(PLACE) == "two"
    assert backend.read("mkt/northwind/roster/OTHER") is None


def test_a_deleted_value_is_not_there_and_cannot_be_deleted_again(backend: KeyringBackend) -> None:
    backend.write(PLACE, "one")
    assert backend.delete(PLACE) is True
    assert backend.read(PLACE) is None
    assert backend.delete(PLACE) is False


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_text_comes_back_as_it_was(backend: KeyringBackend, value: str) -> None:
    backend.write(PLACE, value)
    assert backend.read(PLACE) == value


@pytest.mark.usefixtures("in_session")
def test_a_session_that_has_ended_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/bus")
    with pytest.raises(ConfigError, match="the keyring does not answer") as raised:
        KeyringBackend().read(PLACE)
    assert raised.value.code == "config.no_keyring"
    assert "env:" in raised.value.remedy
