"""What a secret backend is, and the grammar of references."""

from collections.abc import Collection
from typing import NamedTuple, Protocol, runtime_checkable


class Reference(NamedTuple):
    """Where a value stands: `env:NAME`, `keyring:SERVICE/USERNAME`, `file:PATH`, `supabase:NAME`."""

    scheme: str
    locator: str
    tenant: str = ""
    """Whose place it is, where each tenant has its own under one name; no part of the text."""

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Raise ValueError, without repeating the text: what stands here by mistake may be a secret."""
        scheme, colon, locator = text.partition(":")
        if not colon or not locator or not scheme.isalpha() or not scheme.islower():
            raise ValueError("not a reference such as env:NAME or keyring:SERVICE/USERNAME")
        return cls(scheme, locator)

    def __str__(self) -> str:
        return f"{self.scheme}:{self.locator}"


class SecretBackend(Protocol):
    """One place that values stand in."""

    @property
    def scheme(self) -> str: ...

    def check(self, locator: str) -> str:
        """Return what is wrong with a locator, in words; empty when it is well formed. Reads nothing."""
        ...

    def read(self, locator: str) -> str | None:
        """Return the value, None where there is none.

        Raise `ConfigError` when the place cannot be read, another `ConnectorError` when it cannot be asked now.
        """
        ...


@runtime_checkable
class WritableBackend(SecretBackend, Protocol):
    """A backend that values can be stored in."""

    @property
    def takes_rotated(self) -> bool:
        """Whether a rotated refresh token is written back here without anybody asking."""
        ...

    def identity(self, locator: str) -> str:
        """Return what two locators of one place have in common."""
        ...

    def holds(self, locator: str) -> bool:
        """Tell whether there is a value, also one that cannot be read. Raise as `read`."""
        ...

    def write(self, locator: str, value: str) -> None:
        """Store a value, over the one that stood there. Raise `ConfigError` when the place refuses."""
        ...

    def delete(self, locator: str) -> bool:
        """Take the value away; False where there is none. Raise `ConfigError` when the place refuses."""
        ...


@runtime_checkable
class TenantsBackend(SecretBackend, Protocol):
    """A backend in which each tenant has a place of its own: one name is another value in each of them."""

    def of(self, tenant: str) -> WritableBackend:
        """Return the place of one tenant."""
        ...

    def together(self, tenant: str, locators: Collection[str]) -> SecretBackend:
        """Return the same backend, which asks for these values of a tenant at once."""
        ...
