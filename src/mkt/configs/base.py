"""What a source of configurations gives: tenants, and what is wrong with the rest."""

from dataclasses import dataclass
from typing import Literal, Protocol

from mkt.contract import ConnectorConfiguration

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A span in a file, counted from 1; the end is exclusive. `path` is as the person gave it."""

    path: str
    line: int = 1
    column: int = 1
    end_line: int = 1
    end_column: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a configuration that a person has to mend. `tenant` is known even of a broken file."""

    code: str
    message: str
    position: Position
    remedy: str = ""
    severity: Severity = "error"
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class BrokenTenant:
    """A tenant whose configuration cannot be read; `digest` changes with its content."""

    tenant: str
    problems: tuple[Problem, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Configs:
    """All that one load gave, both lists in order of tenant."""

    configurations: tuple[ConnectorConfiguration, ...]
    broken: tuple[BrokenTenant, ...] = ()
    tenants: tuple[str, ...] = ()
    """Every readable tenant, also one without integrations."""


class ConfigSource(Protocol):
    """A place that configurations come from."""

    def load(self) -> Configs:
        """Return every tenant; raise `StartError` when there is nothing to read at all."""
        ...
