"""Secrets in Supabase, sealed here before they leave: `supabase:NAME`, each tenant's own."""

import re
from typing import Final

from mkt.errors import ConfigError
from mkt.secrets.sealed_rows import SealedRows
from mkt.secrets.sealing import Label, seal, unseal
from mkt.secrets.sealing_keys import SealingKeys

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,199}")


class SupabaseBackend:
    """The values of one tenant; of none until `of` says whose. No value goes over the wire or into the table bare."""

    scheme = "supabase"
    takes_rotated = True

    def __init__(self, rows: SealedRows, keys: SealingKeys, tenant: str = "") -> None:
        self._rows = rows
        self._keys = keys
        self._tenant = tenant

    def of(self, tenant: str) -> "SupabaseBackend":
        """Return the place of one tenant."""
        return SupabaseBackend(self._rows, self._keys, tenant)

    def check(self, locator: str) -> str:
        if _NAME.fullmatch(locator):
            return ""
        return "supabase: is followed by a name: letters, digits, _ . / and -, at most 200"

    def read(self, locator: str) -> str | None:
        """Raise `SealError` for a value that is not what was sealed for this tenant and name."""
        label = self._label(locator)
        row = self._rows.get(label)
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
