"""What is known of a tenant as a whole."""

from collections.abc import Collection
from typing import Final

from mkt.store.base import Key
from mkt.store.sqlite.columns import id_list
from mkt.store.sqlite.connection import Database
from mkt.store.tenants import storable

_KNOWN: Final = " union ".join(
    f"select tenant_id, integration from {table} where tenant_id in (select value from json_each(:tenants))"  # noqa: S608 - names of this file
    for table in ("integration_state", "integration_sources", "integration_delivery_days")
)
# Whatever has no index comes last: where a tenant is known, it is not looked at.
_TABLES: Final = (
    "integration_leases",
    "integration_sources",
    "integration_state",
    "integration_delivery_days",
    "integration_deliveries",
    "integration_memory",
    "integration_staging_runs",
    "integration_holds",
    "integration_runs",
    "integration_events",
)
_ANY_OF: Final = "exists (select 1 from {} where tenant_id = :tenant)"
_IS_ANY: Final = f"select {' or '.join(map(_ANY_OF.format, _TABLES))}"


def known_keys(database: Database, tenants: Collection[str]) -> set[Key]:
    """Return the integrations of these tenants that left a state, records, or deliveries."""
    with database.read() as connection:
        return {Key(*row) for row in connection.execute(_KNOWN, {"tenants": id_list(storable(tenants))})}


def has_tenant(database: Database, tenant: str) -> bool:
    """Tell whether any row is the tenant's."""
    with database.read() as connection:
        found = (connection.execute(_IS_ANY, {"tenant": name}).fetchone()[0] for name in storable([tenant]))
        return any(found)
