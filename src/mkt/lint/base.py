"""What a rule is, and what the families judge: one integration as it is written."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mkt.configs.base import Position, Problem, Severity
from mkt.configs.fallback import Fallback
from mkt.configs.structure import TenantFile
from mkt.contract import Json
from mkt.registry import ConnectorRegistry, RegisteredConnector
from mkt.secrets.base import SecretBackend


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that lint finds. `code` and `name` are stable; `bad` and `good` are pieces of a tenant's file."""

    code: str
    name: str
    summary: str
    bad: str
    good: str
    severity: Severity = "error"


@dataclass(frozen=True, slots=True)
class WrittenIntegration:
    """An entry of `integrations`, also one of a file that is otherwise broken."""

    file: TenantFile
    index: int
    data: Mapping[str, Json]
    registry: ConnectorRegistry
    backends: Mapping[str, SecretBackend]
    fallback: Callable[[str], Fallback]
    allowed_hosts: Sequence[str] = ()
    """The operator's, beyond the connector's own."""

    @property
    def connector(self) -> RegisteredConnector | None:
        """The connector, where it is known and its manifest can be read."""
        found = self.registry.get(str(self.data.get("connector")))
        return found if found and found.manifest else None

    def mapping(self, key: str) -> Mapping[str, Json]:
        """Return the keys and values under `settings`, `secrets` or `guard`; none where something else stands."""
        value = self.data.get(key)
        return value if isinstance(value, Mapping) else {}

    def position(self, path: Sequence[str | int], *, key: bool = False) -> Position:
        """Return the place of something below the integration."""
        return self.file.document.position(("integrations", self.index, *path), key=key)

    def problem(
        self, code: str, message: str, path: Sequence[str | int], *, remedy: str, key: bool = False
    ) -> Problem:
        """Return a problem at a path below the integration, at its key if so wished."""
        return Problem(code, message, self.position(path, key=key), remedy)


def finished(problems: Iterable[Problem], rules: Mapping[str, Rule], tenant: str) -> Iterator[Problem]:
    """Give each problem its rule's severity and the file's tenant."""
    for problem in problems:
        yield replace(problem, severity=rules[problem.code].severity, tenant=problem.tenant or tenant)
