"""What a rule is, and what the families judge: one integration as it is written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mkt.configs.base import Fix, Position, Problem, Severity
from mkt.configs.fallback import Fallback
from mkt.configs.structure import TenantFile
from mkt.contract import Json
from mkt.registry import ConnectorRegistry, RegisteredConnector
from mkt.secrets.base import Reference, SecretBackend

NOTHING: Final = "no problems found"
"""What is said where no rule finds anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that lint finds. `code` and `name` are stable; `bad` and `good` are pieces of a tenant's file."""

    code: str
    name: str
    summary: str
    bad: str
    good: str
    severity: Severity = "error"
    why: str = ""
    """What goes wrong where nobody mends it."""
    lint_only: bool = False
    """Of an error: an integration runs in spite of it, so that `# mkt: ignore[CODE]` may silence it."""

    @property
    def suppressible(self) -> bool:
        """Tell whether a comment may silence it: nothing that would not run is ever shown as healthy."""
        return self.severity == "warning" or self.lint_only


@dataclass(frozen=True, slots=True)
class WrittenIntegration:
    """An entry of `integrations`, also one of a file that is otherwise broken."""

    file: TenantFile
    index: int
    data: Mapping[str, Json]
    connector: RegisteredConnector | None
    """The connector, where it is known and its manifest can be read."""
    registry: ConnectorRegistry
    backends: Mapping[str, SecretBackend]
    fallback: Callable[[str], Fallback]
    allowed_hosts: Sequence[str] = ()
    """The operator's, beyond the connector's own."""

    def mapping(self, key: str) -> Mapping[str, Json]:
        """Return the keys and values under `settings`, `secrets` or `guard`; none where something else stands."""
        value = self.data.get(key)
        return value if isinstance(value, dict) else {}

    def position(self, path: Sequence[str | int], *, key: bool = False) -> Position:
        """Return the place of something below the integration."""
        return self.file.document.position(("integrations", self.index, *path), key=key)

    def plain(self, path: Sequence[str | int]) -> bool:
        """Tell whether a scalar without quotes stands at a path below the integration."""
        return self.file.document.plain(("integrations", self.index, *path))

    def problem(
        self,
        code: str,
        message: str,
        path: Sequence[str | int],
        *,
        remedy: str,
        key: bool = False,
        fix: Fix | None = None,
    ) -> Problem:
        """Return a problem at a path below the integration, at its key if so wished."""
        return Problem(code, message, self.position(path, key=key), remedy, fix=fix)


def is_reference(text: str) -> bool:
    """Tell whether a text has the form of a reference, of whatever scheme."""
    try:
        Reference.parse(text)
    except ValueError:
        return False
    return True


def finished(problem: Problem, rules: Mapping[str, Rule], tenant: str) -> Problem:
    """Give a problem its rule's severity and the file's tenant."""
    return replace(problem, severity=rules[problem.code].severity, tenant=problem.tenant or tenant)
