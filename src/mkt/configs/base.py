"""What a source of configurations gives: tenants, and what is wrong with the rest."""

from dataclasses import dataclass
from typing import Literal, Protocol

from mkt.contract import ConnectorConfiguration

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A span in a file, counted from 1; the end is exclusive. `path` is as the person gave it.

    What has no lines, a row of a table, has line 0.
    """

    path: str
    line: int = 1
    column: int = 1
    end_line: int = 1
    end_column: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """What stands at a span becomes `text`; an empty span is an insertion. A byte order mark is not counted."""

    position: Position
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A change of the file that mends a problem and nothing else; its edits do not overlap."""

    edits: tuple[Edit, ...]
    what: str
    """Such as "put it in quotes"."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a configuration that a person has to mend. `tenant` is known even of a broken file."""

    code: str
    message: str
    position: Position
    remedy: str = ""
    severity: Severity = "error"
    tenant: str = ""
    fix: Fix | None = None
    """Where there is a change that is safe to make."""
    silenced: bool = False
    """Whether a comment in the file says that it is meant to be."""


@dataclass(frozen=True, slots=True)
class BrokenTenant:
    """A tenant whose configuration cannot be read; `digest` changes with its content."""

    tenant: str
    problems: tuple[Problem, ...]
    digest: str

    @property
    def remedy(self) -> str:
        """What to do about it where the problem itself does not say."""
        if self.problems[0].position.line:
            return "Mend the file: `mkt lint`."
        return "Correct that row in Supabase; `mkt tenants list --source supabase` shows whether it is right."


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

    def version(self) -> str:
        """Return what is another text after every change, without reading it all; raise as `load`."""
        ...
