"""What a store knows of a tenant as a whole. A part of the store's contract."""

from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet
from typing import Protocol

from mkt.store.key import Key


def storable(names: Iterable[str]) -> list[str]:
    """Return, each once, the names that a store can be asked for: half a character and NUL are in no tenant's."""
    return sorted({name for name in names if not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in name)})


class TenantStore(Protocol):
    """The methods of the store that are about whole tenants."""

    def known_keys(self, tenants: Collection[str]) -> AbstractSet[Key]:
        """Return the integrations of these tenants that were synced, verified or called, configured or not.

        A verify or a sync counts that left a state, a sync that stored something, a delivery that was accepted.
        """
        ...

    def has_tenant(self, tenant: str) -> bool:
        """Tell whether anything is stored that `purge` would erase."""
        ...

    def purge(self, tenant: str) -> None:
        """Erase every trace of a tenant; raise `Refused` while one of its integrations runs."""
        ...
