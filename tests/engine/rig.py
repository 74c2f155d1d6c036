"""A connector that does what a test says, in the real engine with the real store."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict

from mkt.configs.base import BrokenTenant, Configs
from mkt.contract import (
    Change,
    Checkpoint,
    Complete,
    Connector,
    ConnectorConfiguration,
    ConnectorContext,
    Listing,
    Manifest,
    Record,
    Stream,
    Syncs,
)
from mkt.engine.base import Engine, Stop
from mkt.engine.report import Report, Result
from mkt.engine.selection import Selection
from mkt.engine.sync.run import SyncOptions
from mkt.engine.sync.sync import sync
from mkt.engine.verify.verify import verify
from mkt.registry import ConnectorRegistry, RegisteredConnector
from mkt.runtime.factory import Runtimes
from mkt.secrets.chain import SecretChain
from mkt.secrets.env import EnvBackend
from mkt.settings import ProjectSettings
from mkt.store.base import Store
from mkt.store.sqlite import SqliteStore
from mkt.telemetry.base import Telemetry
from mkt.testing.workbench import Recorder

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MANIFEST = {
    "id": "scripted",
    "name": "Scripted",
    "category": "hris",
    "description": "Does what a test says.",
    "docs": "https://example.com",
    "hosts": ["any"],
    "streams": ["people", "org_units"],
    "secrets": [{"name": "TOKEN", "how": "made up", "required": False}],
    "verify": [{"id": "first", "title": "first step"}, {"id": "second", "title": "second step"}],
}


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    mode: str = "a"


Context = ConnectorContext[Settings]


def people(*names: str, listing: Listing = "snapshot", cursor: str | None = None) -> list[Change]:
    """One whole listing of people."""
    records = [Record("people", name, {"given_name": name}) for name in names]
    return [*records, Complete("people", listing=listing), Checkpoint("people", cursor)]


class Scripted(Connector[Settings], Syncs[Settings]):
    def __init__(self) -> None:
        self.changes: Callable[[Context], Iterable[Change]] = lambda _: people("anna", "ben")
        self.climb: Callable[[Context], None] = lambda _: None

    def verify(self, context: Context) -> None:
        self.climb(context)

    def sync(self, context: Context) -> Iterator[Change]:
        yield from self.changes(context)


@dataclass(frozen=True)
class ScriptedConnector(RegisteredConnector):
    scripted: Scripted = field(default_factory=Scripted)

    @property
    def settings_model(self) -> type[BaseModel]:  # type: ignore[override]
        return Settings

    @property
    def connector(self) -> Connector[Any]:  # type: ignore[override]
        return self.scripted


@dataclass
class Source:
    configurations: list[ConnectorConfiguration]
    broken: list[BrokenTenant] = field(default_factory=list)

    def load(self) -> Configs:
        tenants = tuple(dict.fromkeys(c.tenant for c in self.configurations))
        return Configs(tuple(self.configurations), tuple(self.broken), tenants)

    def version(self) -> str:
        return repr((self.configurations, self.broken))


class Rig:
    """Everything a test of the engine turns: the script, the configurations, the clock."""

    def __init__(self, folder: Path) -> None:
        self.clock = NOW
        self.recorder = Recorder()
        self.script = Scripted()
        self.source = Source([configuration()])
        registered = ScriptedConnector("scripted", "tests", Manifest.model_validate(MANIFEST), scripted=self.script)
        self.engine = Engine(
            registry=ConnectorRegistry({"scripted": registered}),
            source=self.source,
            secrets=SecretChain([EnvBackend({"TOKEN": "s3cret-t0ken"})]),
            store=SqliteStore.open(folder / "mkt.db", now=lambda: self.clock),
            telemetry=Telemetry([self.recorder]),
            runtimes=Runtimes(folder, now=lambda: self.clock),
            settings=ProjectSettings.model_construct(),
            stop=Stop(),
            now=lambda: self.clock,
        )

    @property
    def store(self) -> Store:
        return self.engine.store

    def yields(self, *changes: Change) -> None:
        self.script.changes = lambda _: changes

    def pass_time(self, **units: float) -> None:
        self.clock += timedelta(**units)

    def sync(self, *targets: str, **options: Any) -> Report:
        chosen = replace(SyncOptions(timeout=timedelta(seconds=20)), **options)
        return sync(self.engine, Selection(targets=targets), chosen, concurrency=4)

    def sync_one(self, **options: Any) -> Result:
        (result,) = self.sync(**{"all": True, **options}).results
        return result

    def verify(self, *targets: str) -> Report:
        return verify(self.engine, Selection(targets=targets), concurrency=4, timeout=timedelta(seconds=20))

    def names(self, stream: Stream = "people") -> list[str]:
        found = self.store.records(stream=stream, deleted=False)
        return sorted(record.external_id for record in found)

    def events(self) -> list[str]:
        return [event.event for event in self.recorder.events]


def configuration(tenant: str = "acme", **fields: Any) -> ConnectorConfiguration:
    given = {"secrets": {"TOKEN": "env:TOKEN"}, "jitter": timedelta(), **fields}
    return ConnectorConfiguration(tenant=tenant, name="roster", connector="scripted", **cast("Any", given))
