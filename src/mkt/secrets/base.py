"""What a secret backend is, and the grammar of references."""

from typing import NamedTuple, Protocol, runtime_checkable


class Reference(NamedTuple):
    """Where a value stands: `env:NAME`, `keyring:SERVICE/USERNAME`, `file:PATH`, `supabase:NAME`."""

    scheme: str
    locator: str

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
        """Return the value, None where there is none. Raise `ConfigError` when the place cannot be read."""
        ...


@runtime_checkable
class WritableBackend(SecretBackend, Protocol):
    """A backend that values can be stored in."""

    @property
    def takes_rotated(self) -> bool:
        """Whether a rotated refresh token is written back here without anybody asking."""
        ...

    def write(self, locator: str, value: str) -> None:
        """Store a value, over the one that stood there. Raise `ConfigError` when the place refuses."""
        ...

    def delete(self, locator: str) -> bool:
        """Take the value away; False where there is none. Raise `ConfigError` when the place refuses."""
        ...
