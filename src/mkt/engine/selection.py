"""Which integrations a command is about."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from mkt.configs.base import BrokenTenant, Configs
from mkt.contract import ConnectorConfiguration
from mkt.errors import StartError
from mkt.registry import ConnectorRegistry
from mkt.store.base import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """What a selection found."""

    configurations: tuple[ConnectorConfiguration, ...]
    broken: tuple[BrokenTenant, ...]
    total: int
    """Integrations in the whole project."""

    @property
    def keys(self) -> list[Key] | None:
        """What the store is asked about: these integrations and no other tenant's, or None for all at once."""
        found = [Key(each.tenant, each.name) for each in self.configurations]
        return None if len(found) == self.total else found


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Targets and filters: equal filters add up, different ones narrow down; nothing means everything."""

    targets: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    connectors: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    cause: str = ""
    """A part of the fingerprint that the last failures share."""
    only: frozenset[str] | None = None
    """The targets that have this cause, once they are known."""

    @property
    def everything(self) -> bool:
        return not (self.targets or self.tenants or self.connectors or self.labels or self.cause)

    @property
    def named(self) -> frozenset[str]:
        """The tenants that are named: what is asked about is of no other. Empty where it may be of any."""
        return frozenset({*self.tenants, *(target.partition("/")[0] for target in self.targets)})

    def names(self, configuration: ConnectorConfiguration) -> bool:
        """Tell whether a target names this integration or its tenant."""
        return bool({configuration.tenant, configuration.target} & set(self.targets))

    def choose(self, configs: Configs) -> Selected:
        """Return what is selected; raise `StartError` for a name that does not exist or when nothing matches."""
        self._check_names(configs)
        chosen = tuple(c for c in configs.configurations if self._matches(c))
        broken = tuple(b for b in configs.broken if self._matches_tenant(b.tenant))
        if not (chosen or broken or self.everything or self._empty_tenants(configs)):
            raise StartError("no integration matches the filters", remedy="See `mkt tenants list`.")
        return Selected(configurations=chosen, broken=broken, total=len(configs.configurations))

    def _matches(self, configuration: ConnectorConfiguration) -> bool:
        return (
            (not self.targets or self.names(configuration))
            and (not self.tenants or configuration.tenant in self.tenants)
            and (not self.connectors or configuration.connector in self.connectors)
            and all(configuration.labels.get(name) == value for name, value in self.labels.items())
            and (self.only is None or configuration.target in self.only)
        )

    def _matches_tenant(self, tenant: str) -> bool:
        """Only its name can leave out a broken tenant: the file hides its integrations."""
        named = {target.partition("/")[0] for target in self.targets}
        chosen = (not named or tenant in named) and (not self.tenants or tenant in self.tenants)
        return chosen and (self.only is None or tenant in self.only)

    def _empty_tenants(self, configs: Configs) -> bool:
        narrowed = self.connectors or self.labels or self.cause
        return bool({*self.targets, *self.tenants} & set(configs.tenants)) and not narrowed

    def _check_names(self, configs: Configs) -> None:
        tenants = {*configs.tenants, *(b.tenant for b in configs.broken)}
        broken = {b.tenant for b in configs.broken}
        targets = {c.target for c in configs.configurations}
        for name in self.tenants:
            _require(name, tenants, "tenant")
        for name in self.targets:
            tenant, slash, _ = name.partition("/")
            _require(tenant, tenants, "tenant")
            if slash and tenant not in broken:
                _require(name, targets, "integration")


def require_streams(selected: Selected, registry: ConnectorRegistry, streams: Collection[str]) -> None:
    """Raise `StartError` for a stream that no selected connector has: it would be synced as if all were well."""
    ids = {configuration.connector for configuration in selected.configurations}
    manifests = [found.manifest for name in ids if (found := registry.get(name)) and found.manifest]
    known = sorted({stream for manifest in manifests for stream in manifest.streams})
    for stream in sorted(streams) if manifests else ():
        if stream not in known:
            near = get_close_matches(stream, known, n=1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise StartError(
                f"{', '.join(sorted(manifest.id for manifest in manifests))}: no stream {stream}",
                remedy=f"{hint}There is {', '.join(known) or 'none'}.",
            )


def _require(name: str, known: Iterable[str], kind: str) -> None:
    known = sorted(known)
    if name in known:
        return
    near = get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else "See `mkt tenants list`."
    raise StartError(f"there is no {kind} {name}", remedy=hint)
