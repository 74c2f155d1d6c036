"""The real engine around one connector and its simulator: the real runtime, secrets chain and SQLite store.

Only the waiting is left out: a retry comes at once, and a deadline is short.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from mkt.configs.base import Configs
from mkt.contract import (
    Change,
    ConnectorConfiguration,
    ConnectorEvent,
    Json,
    JsonObject,
    Record,
    Stream,
    WebhookRequest,
    WebhookResponse,
    uuid7,
)
from mkt.engine.base import Engine, Stop
from mkt.engine.call import Call, StoredProgress, StoredState, chosen_streams
from mkt.engine.report import Report, Result
from mkt.engine.selection import Selection
from mkt.engine.sync.records import Encoder
from mkt.engine.sync.run import SyncOptions
from mkt.engine.sync.sync import sync
from mkt.engine.tenants.links import make_link, registered
from mkt.engine.verify.ladder import RecordingLadder
from mkt.engine.verify.verify import verify
from mkt.registry import ConnectorRegistry
from mkt.runtime.factory import Runtimes
from mkt.secrets.chain import SecretChain
from mkt.secrets.env import EnvBackend
from mkt.settings import ProjectSettings
from mkt.simulation.base import Simulator
from mkt.store.base import Batch, Key, Store
from mkt.store.sqlite import SqliteStore
from mkt.telemetry.base import Telemetry

TENANT, INTEGRATION = "northwind", "roster"
PUBLIC_URL = "https://mkt.example.com"
ROOT = f"{PUBLIC_URL}/hooks/{TENANT}/{INTEGRATION}"
"""Where partners reach the integration."""


@dataclass
class FixedSource:
    """A config source that has what it was given."""

    configurations: Sequence[ConnectorConfiguration]

    def load(self) -> Configs:
        tenants = tuple(dict.fromkeys(c.tenant for c in self.configurations))
        return Configs(configurations=tuple(self.configurations), tenants=tenants)

    def version(self) -> str:
        return ""


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
        self.ahead = timedelta()
        """By so much the bench's clock is ahead of the machine's."""
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
            runtimes=Runtimes(folder, now=self.now, wait=lambda _seconds: None),
            settings=ProjectSettings.model_construct(public_url=PUBLIC_URL),
            stop=Stop(),
            now=self.now,
        )

    def now(self) -> datetime:
        """Return the bench's time."""
        return datetime.now(UTC) + self.ahead

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
        return self._only(verify(self.engine, Selection(), concurrency=1, timeout=timedelta(seconds=self.seconds)))

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

    def deliver(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> WebhookResponse:
        """Hand a request to the connector alone, as one that is verified, and return its answer."""
        call = Call.prepare(self.engine, self.configuration, uuid7())
        registered = call.registered()
        assert registered.handles_webhooks is not None
        request = WebhookRequest(
            id=uuid7(),
            method=method,
            path=path,
            query={name: [value] for name, value in (query or {}).items()},
            headers=headers or {},
            body=body,
            received_at=self.engine.now(),
        )
        with call.context(
            RecordingLadder((), call.masker.mask, lambda _: None),
            progress=StoredProgress(self.engine.store, call.key),
            state=StoredState(self.engine, call.key),
            streams=frozenset(),
            deadline=time.monotonic() + self.seconds,
        ) as context:
            return registered.handles_webhooks.handle_webhook(request, context)

    def register_link(self, valid: timedelta = timedelta(hours=1)) -> str:
        """Make a one-time registration link and return its path below the integration's root."""
        manifest = self.engine.registry[self.configuration.connector].require_manifest()
        link = make_link(
            self.engine.store,
            self.configuration,
            manifest,
            public_url=PUBLIC_URL,
            now=self.now(),
            valid=valid,
        )
        return link.url.removeprefix(f"{ROOT}/")

    def registered(self) -> JsonObject:
        """Return the settings that the last registration gave; raise `Refused` where there was none."""
        return registered(self.engine.store, self.configuration, self.now()).settings

    def keep(self, records: Sequence[Record], *, tenant: str = TENANT, integration: str = "packs") -> None:
        """Store records of another integration, all of one stream."""
        lease, encoder = self.engine.store.acquire(Key(tenant, integration)), Encoder()
        assert lease is not None
        stream = records[0].stream
        writer = self.engine.store.open_sync(lease, run_id=uuid7(), streams=[stream], fingerprint="")
        writer.write(Batch(rows=[row for record in records if (row := encoder.row(record))]))
        writer.end({stream: None})
        writer.promote(self.now())
        self.engine.store.release(lease)

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
