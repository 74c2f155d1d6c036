"""Two tenants that have everything in common but their names, with rows in every table of mkt.

The tables are those of the catalog and each column's value goes by its name, so that a table that is new is filled,
or is told of, without being named here.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.supalocal.stack import LocalSupabase

from mkt.runtime.budgets import tenant_digest
from mkt.store.supabase.catalog import expected

STAMP = "2026-11-22T18:00:00+00:00"
NEXT_YEAR = "2099-01-01T00:00:00+00:00"
OF_NO_TENANT = frozenset(
    {
        "public.connectors",  # which there are
        "public.integration_alert_look",  # when causes were looked for last
        "mkt_private.copies",  # a copy that is under way keeps everybody out
        "mkt_private.feed",  # the last number that was given
        "mkt_private.migrations",  # what was applied
    }
)
_QUEUE = ("pgmq.q_mkt_sync", "pgmq.a_mkt_sync")
_KEPT = 10
"""Added to the number of a tenant's staging, it is that of its hold."""


@dataclass(frozen=True)
class Tenant:
    """One of the two; its number stands where a column takes no name."""

    name: str
    number: int

    def id(self, what: str) -> str:
        """Return an id of the tenant's; the other one's begins with it."""
        return f"{what}-of-{self.name}"

    @property
    def stagings(self) -> tuple[int, int]:
        """Return a run's, and a hold's."""
        return self.number, self.number + _KEPT


ACME = Tenant("acme", 1)
OTHER = Tenant("acme-co", 2)
"""Whoever looks for the first one by a part of its name finds this one too."""


def fill(stack: LocalSupabase, *tenants: Tenant) -> None:
    """Give each a row in every table, and a message in the queue that a worker has in hand."""
    for tenant in tenants:
        for table in sorted(set(expected()["tables"]) - OF_NO_TENANT):
            for row in _rows(table, tenant):
                stack.sql(
                    f"insert into {table} overriding system value"  # noqa: S608 - names from the catalog
                    f" select * from jsonb_populate_record(null::{table}, %s::jsonb) on conflict do nothing",
                    json.dumps(row),
                )
        message = json.dumps({"tenant": tenant.name, "integration": "roster", "due_at": STAMP})
        stack.sql("select pgmq.send('mkt_sync', %s::jsonb)", message)
        stack.sql("select pgmq.archive('mkt_sync', pgmq.send('mkt_sync', %s::jsonb))", message)
    stack.sql("update pgmq.q_mkt_sync set read_ct = 1, vt = now() + interval '1 hour'")
    stack.sql("update mkt_private.feed set last_seq = 1000")
    stack.sql(
        "select setval(s.oid, 1000) from pg_class s where s.relkind = 'S' and s.relnamespace = 'public'::regnamespace"
    )


def message_of(stack: LocalSupabase, tenant: Tenant) -> int:
    """Return the number of a tenant's message."""
    query = "select msg_id from pgmq.q_mkt_sync where message ->> 'tenant' = %s"
    ((number,),) = stack.sql(query, tenant.name)
    return int(number)


def dump(stack: LocalSupabase, tenant: Tenant) -> dict[str, list[str]]:
    """Return every row that is a tenant's or names it, by table."""
    return {table: sorted(rows) for table, rows in stack.sql(dump_query(tenant))}


def dump_query(tenant: Tenant) -> str:
    tables = [*expected()["tables"], *_QUEUE]
    each = " union all ".join(f"select '{table}', to_jsonb(t) from {table} t" for table in tables)  # noqa: S608
    # In what is nobody's own, such as an alert, the tenant is looked for: not `acme` in `acme-co`.
    return rf"""
        select a.of, array_agg(a.shown::text) from ({each}) a (of, shown)
        where a.shown ->> 'tenant_id' = '{tenant.name}'
           or a.shown ->> 'tenant_id' is null and a.shown::text ~ '(?<![\w-]){tenant.name}(?![\w-])'
           or a.shown ->> 'name' ~ '^{tenant_digest(tenant.name)}'
           or (a.shown ->> 'staging')::bigint in (
             select h.staging from public.integration_staging_runs h where h.tenant_id = '{tenant.name}')
        group by a.of"""  # noqa: S608 - names from the catalog


def _rows(table: str, tenant: Tenant) -> list[dict[str, Any]]:
    row = {**_columns(tenant), **_BY_TABLE.get(table, _as_it_is)(tenant)}
    if "staging" not in expected()["tables"][table]["columns"]:
        return [row]
    run, hold = tenant.stagings
    held = {"staging": hold, "position": hold, "run_id": tenant.id("held"), "hold_id": tenant.id("hold")}
    return [{**row, "staging": run, "position": run}, {**row, **held}]


def _as_it_is(_: Tenant) -> dict[str, Any]:
    return {}


def _columns(tenant: Tenant) -> dict[str, Any]:
    """Return a value for each column's name; what is a tenant's own is another for each."""
    own = ("attempt", "dedupe", "token", "holder", "run_id", "sink")
    same = {
        "category": "hris", "change": "created", "command": "sync", "connector": "workday-hris",
        "event": "sync.started",
        "external_id": "1", "fingerprint": "f", "integration": "roster", "key_id": "k", "last_outcome": "ok",
        "level": "info", "message": "m", "method": "POST", "outcome": "running", "path": "/x", "paused_with": "",
        "per": "tenant", "query": "", "reason": "", "schedule": "", "scope": "course", "state": "open",
        "stream": "people", "verdict": "failed", "error": None, "connection": "connected", "last_error": None,
    }  # fmt: skip
    numbers = dict.fromkeys(("attempts", "duration_ms", "failures", "invalid", "refusals", "reopened", "tries"), 1)
    numbers |= {"first_seq": 1, "longest_gap": 1, "number": 1, "revision": 1, "seconds": 60, "status": 200, "ends": 1}
    flags = dict.fromkeys(("deleted", "direct", "fresh", "removed", "resumable", "windowed", "trusted"), False)
    times = ("as_of", "changed_at", "created_at", "first_seen_at", "last_at", "last_finished_at", "last_ok_at")
    others = ("opened_at", "received_at", "set_at", "started_at", "timestamp", "touched_at", "updated_at")
    later = ("due_at", "expires_at", "next_due_at", "next_try_at", "until")
    objects = (
        "answer",
        "changes",
        "counts",
        "details",
        "labels",
        "looked",
        "opened",
        "request",
        "settings",
        "secrets",
    )
    return {
        **same, **numbers, **flags, **dict.fromkeys(times + others, STAMP), **dict.fromkeys(later, NEXT_YEAR),
        **{name: {"of": tenant.name} for name in objects}, **{name: tenant.id(name) for name in own},
        "before_hash": "\\x00", "change_set": "\\x00", "ciphertext": tenant.id("sealed"),
        "cursor": {"of": tenant.name},
        "data": {"email": f"ann@{tenant.name}.test"}, "day": STAMP[:10],
        "document": {"email": f"ann@{tenant.name}.test"},
        "enabled": True, "epoch": 100 + tenant.number, "hash": "\\x00", "hold_id": None, "id": tenant.id("id"),
        "last_run_id": tenant.id("run"), "name": "roster", "position": tenant.number, "reasons": [],
        "seen": ["1"], "unseen": [], "seq": tenant.number, "streams": ["people"], "tenant_id": tenant.name,
        "unscoped": True, "value": json.dumps(tenant.id("value")), "body": "\\x00", "slots": [1],
    }  # fmt: skip


def _integration(of: Tenant) -> dict[str, Any]:
    return {"id": f"00000000-0000-0000-0000-{of.number:012}", "schedule": "@daily"}


def _run(of: Tenant) -> dict[str, Any]:
    return {"id": of.id("run")}


def _event(of: Tenant) -> dict[str, Any]:
    return {"id": of.id("event"), "run_id": of.id("run")}


def _hold(of: Tenant) -> dict[str, Any]:
    counts = {"live": 1, "created": 1, "updated": 0, "unchanged": 0, "deleted": 0, "absent": 0, "invalid": 0}
    changes = {"people": {**counts, "seen": 1, "listed": True}}
    return {"id": of.id("hold"), "run_id": of.id("held"), "changes": changes}


def _delivery(of: Tenant) -> dict[str, Any]:
    return {"id": of.id("delivery"), "token": of.id("claim")}


def _message(of: Tenant) -> dict[str, Any]:
    return {"state": "waiting", "error": "", "body": {"data": {"tenants": [of.name]}}, "fingerprint": of.id("cause")}


def _budget(of: Tenant) -> dict[str, Any]:
    return {"name": f"{tenant_digest(of.name)}workday-hris", "counts": [1]}


def _run_header(of: Tenant) -> dict[str, Any]:
    counts = dict.fromkeys(("live", "created", "updated", "unchanged", "deleted", "absent", "invalid", "seen"), 0)
    return {"counts": {"people": {**counts, "listed": False, "of": of.name}}, "number": 0, "looked": None}


_BY_TABLE: dict[str, Callable[[Tenant], dict[str, Any]]] = {
    "public.integrations": _integration,
    "public.integration_runs": _run,
    "public.integration_events": _event,
    "public.integration_holds": _hold,
    "public.integration_deliveries": _delivery,
    "public.integration_alerts": _message,
    "public.integration_alert_messages": _message,
    "public.integration_budgets": _budget,
    "public.integration_budget_holds": _budget,
    "public.integration_staging_runs": _run_header,
    "public.integration_promotions": lambda of: {"run_id": of.id("promoted")},
    "public.integration_memory": lambda of: {"name": "nonce", "taken_by": of.id("taker")},
    "public.integration_staging": lambda _: {"before_hash": None, "hash": "\\x01", "external_id": "2"},
}
