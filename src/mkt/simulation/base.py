"""A partner's server on loopback, which speaks the partner's documented HTTP, faults included.

A simulator subclasses `Simulator`, answers requests in `handle` and says in `settings` and `secrets` how an
integration reaches it. Faults are injected here, below the partner's own logic, so that each simulator has
the same ones: see `mkt.simulation.faults`.
"""

import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, Self

from mkt.contract import Stream
from mkt.simulation.exchange import Exchange, Fault, Reply, Request
from mkt.simulation.server import Server

__all__ = ["Reply", "Request", "Simulator"]


@dataclass(slots=True)
class _Injection:
    """A fault, and which of the matching requests meet it."""

    fault: Fault
    path: str
    passes: int
    meets: int | None

    def takes(self, request: Request) -> bool:
        """Tell whether this request meets the fault, and count it."""
        if not (self.path in request.target or re.search(self.path, request.target)):
            return False
        if self.passes:
            self.passes -= 1
            return False
        if self.meets is None:
            return True
        self.meets -= 1
        return self.meets >= 0


class Simulator(ABC):
    """The server: a context manager that serves on a free loopback port in daemon threads.

    `handle` is called by one thread at a time. A variant is one way to be set up for this partner (a mode, a
    kind of credentials): `settings`, `secrets` and `expected` take its name, "" is the first one.
    """

    connector: ClassVar[str]
    """The id of the connector it is for."""
    variants: ClassVar[tuple[str, ...]] = ("default",)

    def __init__(self, size: int = 25) -> None:
        self._server: Server | None = None
        self._lock = threading.Lock()
        self._handling = threading.Lock()
        self._requests: list[Request] = []
        self._injections: list[_Injection] = []
        self.seed(size)

    @abstractmethod
    def settings(self, variant: str = "") -> dict[str, Any]:
        """Return what stands under `settings:` of an integration with this partner."""

    @abstractmethod
    def secrets(self, variant: str = "") -> dict[str, str]:
        """Return the values of the secrets, as the partner knows them now."""

    @abstractmethod
    def handle(self, request: Request) -> Reply:
        """Answer as the partner does."""

    @abstractmethod
    def seed(self, size: int) -> None:
        """Make the partner's data anew: `size` of its main things, the same for the same size."""

    @abstractmethod
    def change(self) -> None:
        """Alter the data in the same way each time: a few updates, some additions, one leaver."""

    @abstractmethod
    def expected(self, variant: str = "") -> Mapping[Stream, Mapping[str, Mapping[str, Any]]]:
        """Return, per stream, external id -> data of the live records once a full sync has come to its end.

        Where the connector lists by offset, what has left is gone after the second full sync only.
        """

    @property
    def url(self) -> str:
        """The root, without a slash at its end."""
        return self._running.url

    @property
    def requests(self) -> list[Request]:
        """All requests so far, also those that met a fault."""
        with self._lock:
            return list(self._requests)

    def inject(self, fault: Fault, *, path: str = "", times: int | None = 1, after: int = 0) -> None:
        """Let requests meet a fault: those whose path and query contain or match `path`.

        The first `after` of them pass, the next `times` meet it; None is all.
        """
        with self._lock:
            self._injections.append(_Injection(fault, path, after, times))

    def heal(self) -> None:
        """Take all faults away."""
        with self._lock:
            self._injections.clear()

    def start(self) -> None:
        self._server = Server(self._serve)

    def close(self) -> None:
        """End all connections, waiting ones included."""
        self._running.close()
        self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _running(self) -> Server:
        if self._server is None:
            raise RuntimeError(f"{type(self).__name__} does not serve: use it in a `with` statement")
        return self._server

    def _serve(self, exchange: Exchange) -> None:
        fault = self._record(exchange.request)
        if fault is None:
            exchange.send(self._answer(exchange.request))
        else:
            fault(exchange, lambda: self._answer(exchange.request))

    def _record(self, request: Request) -> Fault | None:
        with self._lock:
            self._requests.append(request)
            return next((i.fault for i in self._injections if i.takes(request)), None)

    def _answer(self, request: Request) -> Reply:
        with self._handling:
            return self.handle(request)
