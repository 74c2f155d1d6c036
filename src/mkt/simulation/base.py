"""A partner's server on loopback, which speaks the partner's documented HTTP, faults included.

A simulator subclasses `Simulator`, answers requests in `handle` and says in `settings` and `secrets` how an
integration reaches it. Faults are injected here, below the partner's own logic, so that each simulator has
the same ones: see `Fault`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from mkt.contract import Stream


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in. Header names are lower case; `query` and `form` keep the last of equal names."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> Mapping[str, str]:
        """The body as application/x-www-form-urlencoded."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; `Reply.json` makes one of a value."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Self:
        raise NotImplementedError


class Simulator(ABC):
    """The server: a context manager that serves on a free loopback port in daemon threads."""

    connector: ClassVar[str]
    """The id of the connector it is for."""

    @abstractmethod
    def settings(self) -> dict[str, Any]: ...
    @abstractmethod
    def secrets(self) -> dict[str, str]: ...
    @abstractmethod
    def handle(self, request: Request) -> Reply: ...
    @abstractmethod
    def seed(self, size: int) -> None: ...
    @abstractmethod
    def expected(self) -> Mapping[Stream, Mapping[str, Mapping[str, Any]]]: ...
