"""The integrations of one target, each with its connector, for commands that look at one of them."""

from mkt.configs.base import ConfigSource
from mkt.contract import ConnectorConfiguration
from mkt.engine.selection import Selection
from mkt.errors import Refused
from mkt.registry import ConnectorRegistry, RegisteredConnector


def integrations_of(
    target: str, source: ConfigSource, registry: ConnectorRegistry
) -> list[tuple[ConnectorConfiguration, RegisteredConnector]]:
    """Return the integrations that a target names.

    Raise `StartError` for a name that does not exist, `Refused` for a broken file or an unknown connector.
    """
    selected = Selection(targets=(target,)).choose(source.load())
    for broken in selected.broken:
        first = broken.problems[0]
        raise Refused(f"{first.position}: {first.message}", remedy=broken.remedy)
    if not selected.configurations:
        raise Refused(f"tenant {target} has no integration", remedy="Add one to its file.")
    return [(configuration, _connector(configuration, registry)) for configuration in selected.configurations]


def one_integration_of(
    target: str, source: ConfigSource, registry: ConnectorRegistry
) -> tuple[ConnectorConfiguration, RegisteredConnector]:
    """Return the integration that is meant; raise `Refused` where the target has several, and as above."""
    found = integrations_of(target, source, registry)
    if len(found) > 1:
        targets = ", ".join(configuration.target for configuration, _ in found)
        raise Refused(f"{target} has {len(found)} integrations", remedy=f"Name one of them: {targets}.")
    return found[0]


def _connector(configuration: ConnectorConfiguration, registry: ConnectorRegistry) -> RegisteredConnector:
    connector = registry.get(configuration.connector)
    if connector is None:
        raise Refused(
            f"{configuration.place('connector')}: there is no connector {configuration.connector}",
            remedy="See `mkt connectors list`.",
        )
    return connector
