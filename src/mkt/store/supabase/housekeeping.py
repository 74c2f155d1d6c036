"""Forgetting what is old, and a tenant as a whole: a little in each call, so that nobody waits long for it."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from mkt.contract import uuid7
from mkt.errors import Refused
from mkt.runtime.budgets import tenant_digest
from mkt.store.base import STAGING_KEPT, Pruned, Retention
from mkt.store.supabase.calls import Part, RefusalError
from mkt.store.supabase.pace import SupabaseBudgets

_CHUNK: Final = 10_000
"""Rows that one call deletes at most."""
_DAYS_KEPT: Final = timedelta(days=60)


class Housekeeping(Part):
    """Forgetting what is old, and a tenant as a whole."""

    def prune(self, kept: Retention, now: datetime, *, dry_run: bool = False) -> Pruned:
        before = {
            "events": now - kept.events,
            "runs": now - kept.runs,
            "tombstones": now - kept.tombstones,
            "stagings": now - STAGING_KEPT,
            "holds": now - kept.holds,
            "deliveries": now - kept.deliveries,
        }
        if dry_run:
            return Pruned(**self._calls.call("mkt_old", {"before": {kind: f"{at}" for kind, at in before.items()}}))
        uncounted = {"memory": now, "delivery_days": now - _DAYS_KEPT, "alert_messages": now - kept.events}
        for kind, at in uncounted.items():
            self._forget(kind, at)
        return Pruned(**{kind: self._forget(kind, at) for kind, at in before.items()})

    def purge(self, tenant: str) -> None:
        given = {"tenant": tenant, "holder": f"{uuid7()} - the purge of {tenant}", "chunk": _CHUNK}
        try:
            while not self._calls.call("mkt_purge", given):
                """Each call erases some of it."""
        except RefusalError as refusal:
            raise _not_purged(refusal, tenant) from None
        SupabaseBudgets(self._calls).purge(tenant)
        self._calls.call("mkt_purge_budgets", {"digest": tenant_digest(tenant)})

    def backup(self, path: Path) -> None:
        raise Refused(
            f"the store is in Supabase: mkt makes no {path.name} of it",
            remedy="Supabase makes backups itself (Dashboard, Database, Backups). For a file that mkt can work with:"
            f" `mkt db copy --from supabase --to sqlite:{path}`.",
        )

    def _forget(self, kind: str, before: datetime) -> int:
        """Forget one kind and return how much it was; what an answer told that was lost is not counted."""
        count, more = 0, True
        while more:
            answer = self._calls.call("mkt_prune", {"kind": kind, "before": before.isoformat(), "chunk": _CHUNK})
            count, more = count + answer["count"], answer["more"]
        return count


def _not_purged(refusal: RefusalError, tenant: str) -> Refused:
    if refusal.word == "configured":
        return Refused(
            f"{tenant} still has integrations in Supabase, whose syncs would bring the data back",
            remedy=f"Remove them: `mkt config push {tenant} --delete`; what never stood in a file, in the"
            " dashboard's table editor.",
        )
    return Refused(
        f"{refusal.about} is running, so nothing of {tenant} was purged",
        remedy="Wait until the run has ended (`mkt runs list`), then purge again.",
    )
