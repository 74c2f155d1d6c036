"""Everything one integration's connector is called with."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from mkt.configs.connector_settings import build_settings
from mkt.contract import (
    Category,
    ConfigError,
    ConnectorConfiguration,
    ConnectorContext,
    ConnectorError,
    Json,
    Ladder,
    Manifest,
    Progress,
    Record,
    State,
    Stream,
    Window,
)
from mkt.engine.address import put_address_first
from mkt.engine.base import Engine
from mkt.engine.failure import failure_of
from mkt.engine.pace import rate_limit_of
from mkt.engine.report import Command, Failure, Result
from mkt.engine.reporter import Reporter
from mkt.engine.tenants.links import integration_url
from mkt.registry import RegisteredConnector
from mkt.runtime.masking import Masker
from mkt.runtime.retry import limit_deferral
from mkt.secrets.integration import IntegrationSecrets
from mkt.store.base import Key, Run, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One run of one integration, before anything of the connector has been touched."""

    engine: Engine
    configuration: ConnectorConfiguration
    run_id: str
    masker: Masker
    reporter: Reporter
    warnings: list[str] = field(default_factory=list)
    """What a person should know although the run can go on."""

    @property
    def key(self) -> Key:
        return Key(self.configuration.tenant, self.configuration.name)

    @classmethod
    def prepare(cls, engine: Engine, configuration: ConnectorConfiguration, run_id: str) -> "Call":
        masker = Masker()
        reporter = Reporter(
            telemetry=engine.telemetry,
            now=engine.now,
            configuration=configuration,
            category=category_of(engine, configuration),
            run_id=run_id,
            masker=masker,
        )
        return cls(
            engine=engine,
            configuration=configuration,
            run_id=run_id,
            masker=masker,
            reporter=reporter,
        )

    def registered(self) -> RegisteredConnector:
        """Return the connector; raise `ConfigError` for one that is unknown or broken."""
        found = self.engine.registry.get(self.configuration.connector)
        if found is None:
            raise ConfigError(
                f"{self.configuration.place('connector')}: there is no connector {self.configuration.connector}",
                remedy="Choose one of `mkt connectors list`.",
                code="config.unknown_connector",
            )
        found.require_manifest()
        return found

    def failure(self, error: Exception) -> Failure:
        """Return what went wrong, masked; whoever is to wait for longer than a day is asked again after one."""
        if isinstance(error, ConnectorError):
            limit_deferral(error, self.engine.now())
            self.judge(error)
        return failure_of(error, self.configuration.connector, self.configuration.tenant, self.masker.mask)

    def judge(self, error: ConnectorError) -> None:
        """Correct who has to act, where the connector cannot know it."""
        put_address_first(self.engine.store, self.configuration, error)

    def new_run(self, command: Command) -> Run:
        return Run(
            id=self.run_id,
            command=command,
            key=self.key,
            connector=self.configuration.connector,
            started_at=self.engine.now(),
        )

    def ended(self, run: Run, result: Result, details: Mapping[str, Any]) -> Run:
        """Return the run as it is kept."""
        error = result.failure.as_dict() if result.failure else None
        finished_at = self.engine.now()
        return replace(run, finished_at=finished_at, outcome=result.outcome, error=error, details=details)

    def _rotate(self, secrets: IntegrationSecrets, name: str, value: str) -> None:
        """Write a rotated secret back; where that cannot be done, the run goes on and says so."""
        if not secrets.write_back(name, value):
            warning = f"the partner rotated {name}, but its reference cannot be written; the old value may end"
            self.warnings.append(warning)
            self.reporter.emit("connector.message", warning, "warning")

    @contextmanager
    def context(
        self,
        ladder: Ladder,
        *,
        progress: Progress,
        state: State,
        streams: frozenset[Stream],
        deadline: float,
        window: Window | None = None,
    ) -> Iterator[ConnectorContext[Any]]:
        """Open what the connector works with; raise `ConfigError` for settings that are wrong.

        `deadline` is a reading of `time.monotonic`.
        """
        registered = self.registered()
        manifest = registered.require_manifest()
        settings = build_settings(self.configuration, registered)
        secrets = IntegrationSecrets(self.engine.secrets, self.configuration, manifest, self.masker)
        with self.engine.runtimes.open(
            self.configuration,
            manifest,
            masker=self.masker,
            emit=self.reporter.message,
            rotate=lambda name, value: self._rotate(secrets, name, value),
            deadline=deadline,
            identifiers=secrets.identifiers,
            rate_limit=rate_limit_of(manifest, self.engine.settings),
            account=secrets.account,
        ) as runtime:
            yield ConnectorContext(
                configuration=self.configuration,
                settings=settings,
                runtime=runtime,
                state=state,
                streams=streams,
                window=window,
                secrets=secrets,
                progress=progress,
                ladder=ladder,
                root=integration_url(self.engine.settings.public_url, self.configuration.target),
                content_items=self._content_items,
            )

    def _content_items(self) -> Iterator[Record]:
        """Yield what all of the tenant's integrations offer; no other tenant's."""
        keys = self.engine.store.known_keys([self.key.tenant])
        found = self.engine.store.records(keys=keys, stream="content_items", deleted=False)
        return (Record(each.stream, each.external_id, each.data) for each in found)


def category_of(engine: Engine, configuration: ConnectorConfiguration) -> Category | None:
    """Return the connector's category where the connector is known."""
    found = engine.registry.get(configuration.connector)
    return found.manifest.category if found and found.manifest else None


def chosen_streams(manifest: Manifest, wanted: AbstractSet[str]) -> frozenset[Stream]:
    """Return the manifest's streams that are wanted; all where nothing is said."""
    return frozenset(stream for stream in manifest.streams if not wanted or stream in wanted)


class StoredProgress:
    """What the store knows of an integration, for a call that does not sync."""

    def __init__(self, store: Store, key: Key) -> None:
        self._store = store
        self._key = key

    def cursor(self, stream: Stream) -> Json:
        state = self._store.states([self._key]).get(self._key)
        return state.streams[stream].cursor if state and stream in state.streams else None

    def scopes(self, stream: Stream) -> AbstractSet[str]:
        return self._store.scopes(self._key, stream)

    def records(self, stream: Stream) -> Iterator[Record]:
        found = self._store.records(keys=[self._key], stream=stream, deleted=False)
        return (Record(stream, record.external_id, record.data) for record in found)


@dataclass(frozen=True, slots=True)
class StoredState:
    """`context.state`, written at once: for a call that has no checkpoint."""

    engine: Engine
    key: Key

    def get(self, key: str) -> Json:
        return self.engine.store.memory_get(self.key, key, self.engine.now())

    def put(self, key: str, value: Json, *, ttl: timedelta | None = None) -> None:
        self.engine.store.memory_put(self.key, key, value, _expiry(self.engine, ttl))

    def take(self, key: str) -> Json:
        return self.engine.store.memory_take(self.key, key, self.engine.now())


def _expiry(engine: Engine, ttl: timedelta | None) -> datetime | None:
    return None if ttl is None else engine.now() + ttl
