"""What the engine works with, built in `cli/wiring.py`."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from mkt.configs.base import ConfigSource
from mkt.registry import ConnectorRegistry
from mkt.runtime.factory import Runtimes
from mkt.secrets.chain import SecretChain
from mkt.settings import ProjectSettings
from mkt.store.base import Store
from mkt.telemetry.base import Telemetry

StopReason = Literal["interrupted", "terminated"]


class Stop:
    """A person's or the system's wish that the work ends at the next clean point."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.reason: StopReason | None = None

    def request(self, reason: StopReason) -> None:
        """Ask for the stop; safe in a signal handler. The first reason stays."""
        self.reason = self.reason or reason
        self.event.set()


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One installation at work: the answers to every choice."""

    registry: ConnectorRegistry
    source: ConfigSource
    secrets: SecretChain
    store: Store
    telemetry: Telemetry
    runtimes: Runtimes
    settings: ProjectSettings
    stop: Stop = field(default_factory=Stop)
    now: Callable[[], datetime] = _utc_now
