"""The real engine around one connector and its simulator: the real runtime, secrets chain and SQLite store.

Only the waiting is left out: a retry comes at once, and a deadline is short.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from mkt.configs.base import Configs
from mkt.contract import Change, ConnectorConfiguration, ConnectorEvent, Json, Stream, uuid7
from mkt.engine.base import Engine, Stop
from mkt.engine.call import Call, StoredProgress, StoredState, chosen_streams
from mkt.engine.ladder import RecordingLadder
from mkt.engine.report import Report, Result
from mkt.engine.run import SyncOptions
from mkt.engine.selection import Selection
from mkt.engine.sync import sync
from mkt.engine.verify import verify
from mkt.registry import ConnectorRegistry
from mkt.runtime.factory import Runtimes
from mkt.secrets.chain import SecretChain
from mkt.secrets.env import EnvBackend
from mkt.settings import ProjectSettings
from mkt.simulation.base import Simulator
from mkt.store.base import Key, Store
from mkt.store.sqlite import SqliteStore
from mkt.telemetry.base import Telemetry

TENANT, INTEGRATION = "northwind", "roster"


@dataclass
class FixedSource:
    """A config source that has what it was given."""

    configurations: Sequence[ConnectorConfiguration]

    def load(self) -> Configs:
        tenants = tuple(dict.fromkeys(c.tenant for c in self.configurations))
        return Configs(configurations=tuple(self.configurations), tenants=tenants)


@dataclass
class Recorder:
    """A sink that keeps all events."""

    events: list[ConnectorEvent] = field(default_factory=list)

    def __call__(self, event: ConnectorEvent) -> None:
        self.events.append(event)

    def close(self) -> None:
        """Nothing is buffered."""


class Workbench(AbstractContextManager["Workbench"]):
    """One integration on the bench: verify it, sync it, look at what is stored."""

    def __init__(self, folder: Path, partner: Simulator, variant: str = "", *, seconds: float = 20) -> None:
        self.partner = partner
        self.variant = variant
        self.recorder = Recorder()
        self.seconds = seconds
        self.database = folder / "mkt.db"
        self.environ: dict[str, str] = dict(partner.secrets(variant))
        self.source = FixedSource([])
        self.configure(partner.settings(variant))
        self.engine = Engine(
            registry=ConnectorRegistry.discover(),
            source=self.source,
            secrets=SecretChain([EnvBackend(self.environ)]),
            store=SqliteStore.open(self.database),
            telemetry=Telemetry([self.recorder]),
            runtimes=Runtimes(folder, wait=lambda _seconds: None),
            settings=ProjectSettings.model_construct(),
            stop=Stop(),
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.engine.store.close()

    def configure(self, settings: Mapping[str, Json]) -> None:
        """Give the integration these settings."""
        self.configuration = ConnectorConfiguration(
            tenant=TENANT,
            name=INTEGRATION,
            connector=self.partner.connector,
            settings=settings,
            secrets={name: f"env:{name}" for name in self.environ},
        )
        self.source.configurations = [self.configuration]

    def verify(self) -> Result:
        return self._only(verify(self.engine, Selection(), concurrency=1, seconds=self.seconds))

    def sync(self, **options: Any) -> Result:
        """Sync now, `options` as in `SyncOptions`."""
        chosen = SyncOptions(all=True, timeout=timedelta(seconds=self.seconds))
        return self._only(sync(self.engine, Selection(), replace(chosen, **options), concurrency=1))

    def records(self) -> dict[Stream, dict[str, Mapping[str, Any]]]:
        """Return the live records, per stream that has some, by external id."""
        found: dict[Stream, dict[str, Mapping[str, Any]]] = {}
        for record in self.engine.store.records(deleted=False):
            found.setdefault(record.stream, {})[record.external_id] = record.data
        return found

    def changes(self, cursors: Mapping[Stream, Json] | None = None) -> Iterator[Change]:
        """Run the connector's `sync` alone, from these cursors, and yield what it yields."""
        call = Call.prepare(self.engine, self.configuration, uuid7())
        registered = call.registered()
        manifest = registered.require_manifest()
        assert registered.syncs is not None
        with call.context(
            RecordingLadder(manifest.verify, call.masker.mask, lambda _: None),
            progress=_From(self.engine.store, call.key, cursors or {}),
            state=StoredState(self.engine, call.key),
            streams=chosen_streams(manifest, frozenset()),
            deadline=time.monotonic() + self.seconds,
        ) as context:
            yield from registered.syncs.sync(context)

    @staticmethod
    def _only(report: Report) -> Result:
        (result,) = report.results
        return result


class _From(StoredProgress):
    """Progress that starts where a test says."""

    def __init__(self, store: Store, key: Key, cursors: Mapping[Stream, Json]) -> None:
        super().__init__(store, key)
        self._cursors = cursors

    def cursor(self, stream: Stream) -> Json:
        return self._cursors.get(stream)
