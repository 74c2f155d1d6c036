"""Configurations and declarations for the secrets' tests."""

from collections.abc import Callable, Iterator

import keyring
import keyring.core
import pytest
from keyring.backend import KeyringBackend

from mkt.contract import ConnectorConfiguration, Manifest, Origin


class MemoryKeyring(KeyringBackend):
    """A keyring by the library's own extension point, without a file."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


@pytest.fixture
def use_keyring() -> Iterator[Callable[[KeyringBackend], None]]:
    before = keyring.core._keyring_backend
    yield keyring.set_keyring
    keyring.core._keyring_backend = before


@pytest.fixture
def memory_keyring(use_keyring: Callable[[KeyringBackend], None]) -> MemoryKeyring:
    made = MemoryKeyring()
    use_keyring(made)
    return made


@pytest.fixture
def configured() -> Callable[..., ConnectorConfiguration]:
    def configure(**fields: object) -> ConnectorConfiguration:
        given = {
            "tenant": "north-wind",
            "name": "roster",
            "connector": "acme-hris",
            "origin": Origin(place="configs/north-wind.yaml:4", lines={"secrets": "configs/north-wind.yaml:9"}),
        }
        return ConnectorConfiguration(**(given | fields))  # type: ignore[arg-type]

    return configure


@pytest.fixture
def manifest() -> Manifest:
    return Manifest.model_validate(
        {
            "id": "acme-hris",
            "name": "Acme",
            "category": "hris",
            "description": "Acme HR",
            "docs": "https://acme.example/docs",
            "hosts": ["*.acme.example"],
            "verify": [{"id": "token", "title": "Token"}],
            "secrets": [
                {"name": "ACME_URL", "sensitive": False, "required": False, "how": "Their address."},
                {"name": "ACME_TOKEN", "set": "token", "how": "Admin > Tokens."},
                {"name": "ACME_CLIENT_ID", "sensitive": False, "set": "client", "how": "Admin > Clients."},
                {"name": "ACME_CLIENT_SECRET", "set": "client", "how": "Admin > Clients."},
            ],
        }
    )
