"""A registered connector's simulator."""

from mkt.registry import BrokenConnectorError, RegisteredConnector
from mkt.simulation.base import Simulator


def simulator_of(connector: RegisteredConnector) -> type[Simulator]:
    """Return the one `Simulator` that the connector's simulator.py defines."""
    module = connector.module("simulator")
    for found in vars(module).values():
        if isinstance(found, type) and issubclass(found, Simulator) and found.__module__ == module.__name__:
            return found
    raise BrokenConnectorError(connector.id, "simulator.py defines no Simulator")
