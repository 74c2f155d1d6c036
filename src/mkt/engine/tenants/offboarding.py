"""A tenant that leaves: its file and, if so wished, everything that the store knows of it."""

from collections.abc import Callable
from dataclasses import dataclass

from mkt.configs.tenants import TenantFolder, WrittenTenant
from mkt.engine.operator import Action
from mkt.errors import Refused
from mkt.store.base import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """What will go; `written` is None where there is no file any more."""

    tenant: str
    written: WrittenTenant | None
    purge: bool

    @property
    def path(self) -> str | None:
        return self.written.path if self.written else None

    @property
    def sealed(self) -> bool:
        """Whether its file names values that are sealed in Supabase, which has them whatever the store is."""
        part = self.written.file.part if self.written else None
        named = [each.secrets or {} for each in part.integrations or ()] if part else []
        return any(text.startswith("supabase:") for secrets in named for text in secrets.values())


def departure(folder: TenantFolder, store: Store, tenant: str, *, purge: bool) -> Departure:
    """Look at what would go; raise `Refused` for an unknown tenant or a file that holds something else."""
    written = folder.removable(tenant)
    if written is None and not store.has_tenant(tenant):
        raise Refused(f"there is no tenant {tenant}", remedy="See `mkt tenants list`.")
    if written is None and not purge:
        raise Refused(
            f"tenant {tenant} has no file, only data in the store",
            remedy=f"Erase it with `mkt tenants remove {tenant} --purge`.",
        )
    return Departure(tenant=tenant, written=written, purge=purge)


def depart(going: Departure, folder: TenantFolder, store: Store, done: Callable[[Action], None]) -> None:
    """Remove the file, then the data: in this order no run can start in between and bring the data back.

    `done` is told of each part when it is done.
    """
    if going.written:
        folder.remove(going.written)
        done("remove")
    if going.purge:
        _purge(going, store)
        done("purge")


def _purge(going: Departure, store: Store) -> None:
    try:
        store.purge(going.tenant)
    except Refused as refusal:
        gone = f"{going.path} is removed, but its data is not: " if going.path else ""
        again = f"`mkt tenants remove {going.tenant} --purge`"
        raise Refused(f"{gone}{refusal.message}", remedy=f"{refusal.remedy} Then again: {again}.".lstrip()) from None
