"""Whose rows a request to Supabase is about: the secret key is bound by nothing but what the request says."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from tests.supalocal.recorder import Asked

FLEET = {
    "mkt_check": "the shape of the database, no row",
    "mkt_open": "which migrations there are, no row",
    "mkt_configs_version": "how often any integration has changed: a server looks whether to read them anew",
    "mkt_old": "what is too old is so for every tenant: numbers alone",
    "mkt_prune": "what is too old is so for every tenant",
    "mkt_failing_since": "a cause is one of many tenants",
    "mkt_open_alerts": "a cause is one of many tenants",
    "mkt_record_alerts": "a cause is one of many tenants",
    "mkt_claim_alerts": "what is to be sent to the operator",
    "mkt_settle_alert": "what is to be sent to the operator",
    "mkt_release_alert": "what is to be sent to the operator",
    "mkt_unsent_alerts": "what is to be sent to the operator",
    "mkt_claim_deliveries": "whoever asks works for all tenants",
    "mkt_release_deliveries": "what was claimed for all tenants is given back",
    "mkt_find_deliveries": "a person knows a part of an id, and not whose it is",
    "mkt_replay_deliveries": "a person has picked them by their ids",
    "mkt_held_budget": "a budget is of a host or an account, which tenants share, or named by a tenant's digest",
    "mkt_hold_budget": "the same",
    "mkt_reserve_budget": "the same",
    "mkt_purge_budgets": "its argument is the tenant's digest",
    "mkt_queue_read": "a worker works for all tenants",
    "mkt_queue_extend": "what was read for all tenants",
    "mkt_queue_plan": "when each integration is due",
    "mkt_queue_look": "how much waits: numbers alone",
    "mkt_copy_begin": "a whole store is copied",
    "mkt_copy_clear": "a whole store is copied",
    "mkt_copy_counts": "a whole store is copied",
    "mkt_copy_digests": "a whole store is copied",
    "mkt_copy_documents": "a whole store is copied",
    "mkt_copy_finish": "a whole store is copied",
    "mkt_copy_put": "a whole store is copied",
    "mkt_copy_rows": "a whole store is copied",
    "mkt_copy_source": "a whole store is copied",
}
"""Functions of the whole fleet by their nature, and why."""
UNNAMED = {
    "mkt_events": "of all where no target is named",
    "mkt_runs": "of all where no target is named, or of one whose id a person knows a part of",
    "mkt_states": "of all where no target is named, and where a cause is looked for: it is one of many tenants",
    "mkt_holds": "of all where no target is named, or of one whose id a person knows a part of",
    "mkt_records": "of all where no target is named",
    "mkt_deliveries": "of all where no target is named",
    "mkt_counts": "of all where no target is named",
    "mkt_dead_deliveries": "of all where no target is named",
    "mkt_delivery_history": "of all where no target is named",
    "mkt_memory_get": "what mkt itself remembers, under no tenant",
    "mkt_memory_put": "the same",
}
"""Functions that name a tenant unless they are asked for all, and why they are."""
TABLES = {
    "GET integrations": "which integrations there are, and whether two of them share a name",
    "GET integration_secrets": "which tenants have a value, one name a request",
}
"""Reads of a table that name no tenant, and why."""
NAMING = {"p_tenant", "p_tenants", "p_keys", "p_leases", "p_events", "p_deliveries"}
"""Arguments that say whose rows are meant."""


def named_in(asked: Asked) -> set[str] | None:
    """Return the tenants that a request names, or None where it is about all."""
    names = set(_named(asked))
    return None if not names or None in names else {str(name) for name in names}


def allowed(asked: Asked) -> bool:
    """Tell whether a request may name no tenant."""
    if asked.what == "integration_secrets":
        return asked.query.startswith("select=tenant_id&")
    return asked.what in FLEET or asked.what in UNNAMED or f"{asked.method} {asked.what}" in TABLES


def _named(asked: Asked) -> Iterator[str | None]:
    if not asked.what.startswith("mkt_"):
        yield from _in_table(asked)
        return
    given: dict[str, Any] = asked.given
    for argument in NAMING & given.keys():
        value = given[argument]
        if argument == "p_tenant":
            yield value or None
        elif value is None:
            yield None
        elif argument == "p_tenants":
            yield from value
        elif argument in ("p_keys", "p_leases"):
            yield from (key[0] for key in value)
        else:  # an event may be of none: of a whole run of mkt
            yield from (row.get("tenant", row.get("tenant_id")) or "" for row in value)


def _in_table(asked: Asked) -> Iterator[str | None]:
    conditions = [part.partition("=")[2] for part in asked.query.split("&") if part.startswith("tenant_id=eq.")]
    yield from (unquote(condition.removeprefix("eq.")) for condition in conditions)
    if asked.method == "POST":
        rows = json.loads(asked.body)
        yield from (row["tenant_id"] for row in (rows if isinstance(rows, list) else [rows]))
