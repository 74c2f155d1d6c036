"""Secrets in Supabase, sealed here before they leave: `supabase:NAME`, each tenant's own."""

import re
import threading
import time
from collections.abc import Collection
from typing import Final

from mkt.errors import ConfigError
from mkt.secrets.sealed_rows import SealedRow, SealedRows
from mkt.secrets.sealing import Label, seal, unseal
from mkt.secrets.sealing_keys import SealingKeys

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,199}")
_FRESH: Final = 5.0
"""Seconds in which a value that came with another one is not asked for again: it may be renewed elsewhere."""


class Together:
    """Rows of one tenant that are read at once, when the first of them is asked for."""

    def __init__(self, rows: SealedRows, tenant: str, names: Collection[str]) -> None:
        self.tenant = tenant
        self._rows = rows
        self._waiting = set(names)
        self._found: dict[str, SealedRow] = {}
        self._read_at = 0.0
        self._lock = threading.Lock()

    def get(self, label: Label) -> SealedRow | None:
        """Return a row: one that has come along, once, else the one that is there now."""
        with self._lock:
            if label.name in self._waiting and not self._read_at:
                self._found = self._rows.some(self.tenant, self._waiting)
                self._read_at = time.monotonic()
            came = label.name in self._waiting and time.monotonic() - self._read_at < _FRESH
            self._waiting.discard(label.name)
            return self._found.get(label.name) if came else self._rows.get(label)


class SupabaseBackend:
    """The values of one tenant; of none until `of` says whose. No value goes over the wire or into the table bare."""

    scheme = "supabase"
    takes_rotated = True

    def __init__(
        self, rows: SealedRows, keys: SealingKeys, tenant: str = "", together: Together | None = None
    ) -> None:
        self._rows = rows
        self._keys = keys
        self._tenant = tenant
        self._together = together

    def of(self, tenant: str) -> "SupabaseBackend":
        """Return the place of one tenant."""
        together = self._together if self._together and self._together.tenant == tenant else None
        return SupabaseBackend(self._rows, self._keys, tenant, together)

    def together(self, tenant: str, locators: Collection[str]) -> "SupabaseBackend":
        """Return the same, which asks for these values of a tenant at once. For one call of an integration."""
        named = [locator for locator in locators if not self.check(locator)]
        return SupabaseBackend(self._rows, self._keys, self._tenant, Together(self._rows, tenant, named))

    def check(self, locator: str) -> str:
        if _NAME.fullmatch(locator):
            return ""
        return "supabase: is followed by a name: letters, digits, _ . / and -, at most 200"

    def read(self, locator: str) -> str | None:
        """Raise `SealError` for a value that is not what was sealed for this tenant and name."""
        label = self._label(locator)
        row = (self._together or self._rows).get(label)
        if row is None:
            return None
        return unseal(row.sealed, label, self._keys.opening(row.sealed, label))

    def holds(self, locator: str) -> bool:
        return self._rows.get(self._label(locator)) is not None

    def identity(self, locator: str) -> str:
        return locator

    def write(self, locator: str, value: str) -> None:
        label, key = self._label(locator), self._keys.current
        self._rows.put(label, seal(value, label, key), key.id)

    def delete(self, locator: str) -> bool:
        return self._rows.delete(self._label(locator))

    def _label(self, locator: str) -> Label:
        if not self._tenant:
            raise ConfigError(
                "supabase: holds the secrets of tenants, and this setting is no tenant's",
                remedy="Name an env:, file: or keyring: place here.",
                code="config.secret_reference",
            )
        return Label(self._tenant, locator)
