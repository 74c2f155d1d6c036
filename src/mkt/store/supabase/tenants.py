"""What is known of a tenant as a whole."""

from collections.abc import Collection

from mkt.store.base import Key
from mkt.store.supabase.calls import Part
from mkt.store.tenants import storable


class Tenants(Part):
    """What is known of a tenant as a whole; how it is purged is with the housekeeping."""

    def known_keys(self, tenants: Collection[str]) -> set[Key]:
        return {Key(*key) for key in self._calls.call("mkt_known_keys", {"tenants": storable(tenants)})}

    def has_tenant(self, tenant: str) -> bool:
        return any(self._calls.call("mkt_has_tenant", {"tenant": name}) for name in storable([tenant]))
