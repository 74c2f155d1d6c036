"""The base that the partners' simulators build on."""

from mkt.simulation import faults
from mkt.simulation.base import Simulator
from mkt.simulation.exchange import Exchange, Fault, Reply, Request
from mkt.simulation.tokens import Tokens

__all__ = ["Exchange", "Fault", "Reply", "Request", "Simulator", "Tokens", "faults"]
