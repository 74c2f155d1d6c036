"""Opening a run's writer, and what it starts from."""

from collections.abc import Collection
from collections.abc import Set as AbstractSet

from mkt.contract import JsonObject, Stream
from mkt.store.base import Key, Lease, Run, SyncWriter
from mkt.store.supabase.calls import Part
from mkt.store.supabase.cursors import cursor_of
from mkt.store.supabase.direct import DirectWriter
from mkt.store.supabase.history import run_row
from mkt.store.supabase.json_values import as_json
from mkt.store.supabase.staged import StagedWriter
from mkt.store.supabase.writer import LONGEST, Opened


class Syncing(Part):
    """A run's way into the store."""

    def open_sync(
        self,
        lease: Lease,
        *,
        run_id: str,
        streams: Collection[Stream],
        fingerprint: str,
        fresh: bool = False,
        dry_run: bool = False,
        windowed: bool = False,
        begins: Run | None = None,
        killed: JsonObject | None = None,
    ) -> SyncWriter:
        given = {
            "tenant": lease.key.tenant,
            "integration": lease.key.integration,
            "epoch": lease.epoch,
            "run_id": run_id,
            "streams": sorted(streams),
            "fingerprint": fingerprint,
            "fresh": fresh,
            "dry_run": dry_run,
            "windowed": windowed,
            "run": None if begins is None else run_row(begins),
            "killed": as_json(killed),
        }
        found = self._calls.call("mkt_sync_open", given, longest=LONGEST)
        opened = Opened(
            lease=lease,
            staging=found["staging"],
            run_id=run_id,
            fingerprint=fingerprint,
            streams=sorted(streams),
            resumed=found["resumed"],
            windowed=windowed,
            dry_run=dry_run,
            cursors={stream: cursor_of(cursor) for stream, cursor in found["cursors"].items()},
        )
        if found["direct"]:
            return DirectWriter(self._calls, opened, found["counts"])
        return StagedWriter(self._calls, opened)

    def scopes(self, key: Key, stream: Stream) -> AbstractSet[str]:
        given = {"tenant": key.tenant, "integration": key.integration, "stream": stream}
        return frozenset(self._calls.call("mkt_scopes", given))
