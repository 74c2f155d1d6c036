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
        raise Refused(f"{first.position}: {first.message}", remedy="Mend the file: `mkt lint`.")
    if not selected.configurations:
        raise Refused(f"tenant {target} has no integration", remedy="Add one to its file.")
    return [(configuration, _connector(configuration, registry)) for configuration in selected.configurations]


def _connector(configuration: ConnectorConfiguration, registry: ConnectorRegistry) -> RegisteredConnector:
    connector = registry.get(configuration.connector)
    if connector is None:
        raise Refused(
            f"{configuration.place('connector')}: there is no connector {configuration.connector}",
            remedy="See `mkt connectors list`.",
        )
    return connector
