"""Enabling and disabling integrations: which ones change, whether they may, and the change of their files."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby

from mkt.configs.base import ConfigSource
from mkt.configs.connector_settings import build_settings
from mkt.configs.edit import switched
from mkt.configs.tenants import TenantFolder, WrittenTenant
from mkt.contract import ConnectorConfiguration, Disabled
from mkt.engine.selection import Selection
from mkt.errors import ConfigError, Refused
from mkt.registry import ConnectorRegistry


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """One integration as it is after the command; `changed` is False where its file said so already."""

    configuration: ConnectorConfiguration
    enabled: bool
    disabled: Disabled | None
    changed: bool
    resumed: bool = False
    """Whether this has ended a pause."""


def disable(source: ConfigSource, folder: TenantFolder, targets: Sequence[str], disabled: Disabled) -> list[Switched]:
    """Disable integrations; one that only its tenant's name reaches, and that rests longer already, stays so."""
    chosen = _chosen(source, folder, targets)
    changing = [
        c
        for c in chosen
        if (not c.enabled or c.disabled != disabled) and (c.target in targets or not _rests_longer(c, disabled))
    ]
    return _switch(folder, chosen, changing, disabled)


def enable(
    source: ConfigSource, folder: TenantFolder, targets: Sequence[str], registry: ConnectorRegistry
) -> list[Switched]:
    """Enable integrations; raise `Refused`, with no file touched, where the settings of one are not right."""
    chosen = _chosen(source, folder, targets)
    changing = [c for c in chosen if not c.enabled or c.disabled is not None]
    for configuration in changing:
        _require_settings(configuration, registry)
    return _switch(folder, chosen, changing, None)


def _chosen(source: ConfigSource, folder: TenantFolder, targets: Sequence[str]) -> list[ConnectorConfiguration]:
    selected = Selection(targets=tuple(targets)).choose(source.load())
    for broken in selected.broken:
        folder.healthy(broken.tenant)
    if not selected.configurations:
        raise Refused(f"{', '.join(targets)}: there is no integration", remedy="See `mkt tenants list`.")
    return sorted(selected.configurations, key=lambda configuration: configuration.tenant)


def _rests_longer(configuration: ConnectorConfiguration, wanted: Disabled) -> bool:
    """Tell whether an integration is disabled without an end, or at least until the day that is asked for."""
    rest = configuration.disabled
    if rest is None:
        return not configuration.enabled
    return (
        not configuration.enabled or rest.until is None or (wanted.until is not None and rest.until >= wanted.until)
    )


def _require_settings(configuration: ConnectorConfiguration, registry: ConnectorRegistry) -> None:
    connector = registry.get(configuration.connector)
    if connector is None:
        message = f"{configuration.target} cannot be enabled: there is no connector {configuration.connector}"
        raise Refused(message, remedy="See `mkt connectors list`.")
    try:
        build_settings(configuration, connector)
    except ConfigError as error:
        raise Refused(f"{configuration.target} is not ready: {error.message}", remedy=error.remedy) from None


def _switch(
    folder: TenantFolder,
    chosen: Sequence[ConnectorConfiguration],
    changing: Collection[ConnectorConfiguration],
    disabled: Disabled | None,
) -> list[Switched]:
    """Make all changes in memory first: what is refused is refused before any file is written."""
    names = {configuration.target for configuration in changing}
    edits = []
    for tenant, group in groupby(changing, key=lambda configuration: configuration.tenant):
        written = folder.healthy(tenant)
        indexes = _indexes(written, [configuration.name for configuration in group])
        edits.append((written, switched(written.raw, written.path, indexes, disabled)))
    for written, content in edits:
        folder.replace(written, content)
    return [_result(c, disabled) if c.target in names else _unchanged(c) for c in chosen]


def _indexes(written: WrittenTenant, names: Sequence[str]) -> list[int]:
    """Return where the integrations stand in the file as it is now."""
    integrations = (written.file.part.integrations if written.file.part else None) or ()
    places = {part.name or part.connector: index for index, part in enumerate(integrations)}
    if not places.keys() >= set(names):
        raise Refused(f"{written.path} was changed meanwhile; nothing was written", remedy="Ask again.")
    return [places[name] for name in names]


def _result(configuration: ConnectorConfiguration, disabled: Disabled | None) -> Switched:
    return Switched(configuration=configuration, enabled=True, disabled=disabled, changed=True)


def _unchanged(configuration: ConnectorConfiguration) -> Switched:
    enabled, disabled = configuration.enabled, configuration.disabled
    return Switched(configuration=configuration, enabled=enabled, disabled=disabled, changed=False)
