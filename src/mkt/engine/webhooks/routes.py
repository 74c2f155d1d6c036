"""Which integration a path belongs to. What is written down is looked at again once a second."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from mkt.configs.base import Configs
from mkt.contract import ConnectorConfiguration, HandlesWebhooks, WebhookVerification
from mkt.engine.base import Engine
from mkt.engine.broken import failure_of_broken
from mkt.errors import ConfigError, ConnectorError, StartError
from mkt.registry import BrokenConnectorError
from mkt.runtime.masking import Masker
from mkt.secrets.integration import IntegrationSecrets
from mkt.store.base import Key

_LOOK_SECONDS: Final = 1.0
_KEYRING_AWAY: Final = frozenset({"config.no_keyring", "config.keyring_locked", "config.keyring"})
_SECRET_SECONDS: Final = 10.0
"""So long a secret that was changed counts as it was: a keyring is too slow to be asked for each delivery."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """An integration that takes webhooks."""

    configuration: ConnectorConfiguration
    declared: WebhookVerification
    connector: HandlesWebhooks[Any]
    secret: Callable[[], str] = field(repr=False)
    """Look the secret of the signatures up; raise a `ConnectorError` where there is none, or nobody answers."""

    @property
    def key(self) -> Key:
        return Key(self.configuration.tenant, self.configuration.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRoute:
    """Why a path leads nowhere. `ours`: somebody here has to mend something, and the partner may try again."""

    reason: str
    key: Key = Key("", "")  # noqa: RUF009 - a tuple
    connector: str = ""
    ours: bool = False


class Routes:
    """The routes of what is written down now. Safe to use from several threads."""

    def __init__(self, engine: Engine, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._monotonic = monotonic
        self._looking = threading.Lock()
        self._version = engine.source.version()
        self._table = _Table(engine, engine.source.load(), monotonic)
        self._looked_at = monotonic()
        declared = [each.manifest.webhook for each in engine.registry.values() if each.manifest]
        self._secret_after = frozenset(part for webhook in declared for part in webhook.secret_after)
        self.problem = ""
        """Why nothing can be read now; what was read last goes on being used."""

    def find(self, tenant: str, integration: str) -> Route | NoRoute:
        self.look()
        return self._table.find(tenant, integration)

    def secret_after(self, found: Route | NoRoute) -> Iterable[str]:
        """Return the parts of the path that a secret follows; of one that leads nowhere, those of all connectors."""
        return found.declared.secret_after if isinstance(found, Route) else self._secret_after

    def any(self) -> bool:
        """Tell whether there is a route, by what the manifests say."""
        return self._table.any()

    def look(self) -> None:
        """Read the configurations again where they have changed; the others do not wait for the one that reads."""
        if self._monotonic() - self._looked_at < _LOOK_SECONDS or not self._looking.acquire(blocking=False):
            return
        try:
            self._look()
        finally:
            self._looked_at = self._monotonic()
            self._looking.release()

    def _look(self) -> None:
        try:
            version = self._engine.source.version()
            if version != self._version:
                # The version is of before the load: what changes in between is found at the next look.
                self._table, self._version = (
                    _Table(self._engine, self._engine.source.load(), self._monotonic),
                    version,
                )
            self.problem = ""
        except StartError as error:
            self.problem = error.message


class _Table:
    """The routes of one load; each is worked out when it is first asked for."""

    def __init__(self, engine: Engine, configs: Configs, monotonic: Callable[[], float]) -> None:
        self._engine = engine
        self._monotonic = monotonic
        self._known = {(c.tenant, c.name): c for c in configs.configurations}
        self._broken = {each.tenant: failure_of_broken(each).message for each in configs.broken}
        self._tenants = frozenset(configs.tenants)
        self._routes: dict[tuple[str, str], Route | NoRoute] = {}

    def find(self, tenant: str, integration: str) -> Route | NoRoute:
        if not integration:
            return NoRoute(reason="the path is not /hooks/TENANT/INTEGRATION")
        if tenant in self._broken:
            return NoRoute(reason=self._broken[tenant], key=Key(tenant, ""), ours=True)
        configuration = self._known.get((tenant, integration))
        if configuration is None:
            known = tenant in self._tenants
            return NoRoute(reason="the tenant has no such integration" if known else "there is no such tenant")
        if not configuration.active(self._engine.now().date()):
            return _no(configuration, "it is disabled")
        name = (tenant, integration)
        if name not in self._routes:
            self._routes[name] = self._route(configuration)
        return self._routes[name]

    def any(self) -> bool:
        today, registry = self._engine.now().date(), self._engine.registry
        used = {each.connector for each in self._known.values() if each.active(today)}
        manifests = [registry[name].manifest for name in used if name in registry]
        return any(manifest is not None and manifest.webhook.scheme != "none" for manifest in manifests)

    def _route(self, configuration: ConnectorConfiguration) -> Route | NoRoute:
        registered = self._engine.registry.get(configuration.connector)
        if registered is None:
            return _no(configuration, f"there is no connector {configuration.connector}", ours=True)
        try:
            declared = registered.require_manifest().webhook
            if declared.scheme == "none":
                return _no(configuration, f"{configuration.connector} takes no webhooks")
            connector = registered.handles_webhooks
        except BrokenConnectorError as error:
            return _no(configuration, error.message, ours=True)
        if connector is None:
            return _no(configuration, f"{configuration.connector} has no handle_webhook", ours=True)
        secret = _Secret(self._engine, configuration, declared.secret, self._monotonic)
        return Route(configuration=configuration, declared=declared, connector=connector, secret=secret)


def _no(configuration: ConnectorConfiguration, reason: str, *, ours: bool = False) -> NoRoute:
    key = Key(configuration.tenant, configuration.name)
    return NoRoute(reason=reason, key=key, connector=configuration.connector, ours=ours)


def _is_away(found: str | ConnectorError) -> bool:
    """Tell whether a secret's place cannot be asked now, which says nothing about the secret."""
    if isinstance(found, ConfigError):
        return found.code in _KEYRING_AWAY
    return isinstance(found, ConnectorError)


class _Secret:
    """The value of one secret, looked up anew now and then."""

    def __init__(
        self, engine: Engine, configuration: ConnectorConfiguration, name: str, monotonic: Callable[[], float]
    ) -> None:
        self._engine = engine
        self._configuration = configuration
        self._name = name
        self._monotonic = monotonic
        self._known: tuple[float, str | ConnectorError] | None = None

    def __call__(self) -> str:
        now = self._monotonic()
        if self._known is None or now - self._known[0] > _SECRET_SECONDS:
            self._known = now, self._renewed(now)
        found = self._known[1]
        if isinstance(found, ConnectorError):
            raise found
        return found

    def _renewed(self, now: float) -> str | ConnectorError:
        """Look it up; where its place cannot be asked, what was known last goes on being used."""
        before = self._known[1] if self._known else None
        if not isinstance(before, str):
            return self._look_up()
        self._known = now, before  # the others need not wait for the one that asks
        found = self._look_up()
        return before if _is_away(found) else found

    def _look_up(self) -> str | ConnectorError:
        masker = Masker()
        try:
            value = self._secrets(masker).get(self._name)
        except ConnectorError as error:
            return error
        for line in value.splitlines():
            masker.add(line.strip())
        return value

    def _secrets(self, masker: Masker) -> IntegrationSecrets:
        manifest = self._engine.registry[self._configuration.connector].require_manifest()
        return IntegrationSecrets(self._engine.secrets, self._configuration, manifest, masker)
