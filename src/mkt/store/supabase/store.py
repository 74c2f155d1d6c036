"""The store as the engine sees it: each subject's methods stand in the file of that subject."""

from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import Self

from mkt.errors import StoreError
from mkt.runtime.supabase import SupabaseClient
from mkt.store.base import IntegrationState, Lease, Run
from mkt.store.supabase.alerts import Alerts
from mkt.store.supabase.calls import Calls
from mkt.store.supabase.deliveries import Deliveries
from mkt.store.supabase.history import History
from mkt.store.supabase.holds import Holds
from mkt.store.supabase.housekeeping import Housekeeping
from mkt.store.supabase.leases import Leases
from mkt.store.supabase.memory import Memory
from mkt.store.supabase.opening import prepare
from mkt.store.supabase.pace import Pace
from mkt.store.supabase.queue import SupabaseQueue
from mkt.store.supabase.records import Records
from mkt.store.supabase.states import States
from mkt.store.supabase.syncing import Syncing
from mkt.store.supabase.tenants import Tenants


class SupabaseStore(
    History, States, Leases, Memory, Syncing, Holds, Records, Tenants, Housekeeping, Deliveries, Alerts, Pace
):
    """What mkt remembers, in Supabase, for any number of hosts."""

    def __init__(self, client: SupabaseClient, folder: Path) -> None:
        super().__init__(Calls(client), folder)
        self.queue = SupabaseQueue(self._calls)
        self._closing = ExitStack()

    @classmethod
    def open(cls, opening: AbstractContextManager[SupabaseClient], folder: Path) -> Self:
        """Open the store, whose client is closed with it. Raise `StartError` when it cannot be used."""
        with ExitStack() as stack:
            store = cls(stack.enter_context(opening), folder)
            prepare(store._calls)
            with suppress(StoreError):  # it was there a moment ago: what waits on this host goes on waiting
                store.send_spooled()
            store._closing = stack.pop_all()
            return store

    def finish_run(self, run: Run, state: IntegrationState | None = None, lease: Lease | None = None) -> None:
        super().finish_run(run, state, lease)
        if lease is not None:
            self.ended(lease)

    def close(self) -> None:
        super().close()
        self._closing.close()

    def purge(self, tenant: str) -> None:
        self.send_spooled()  # what came in later would be a trace of it
        super().purge(tenant)
