"""One file after the other, judged by every family; what several files may have in common is only marked."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mkt.configs.base import Problem
from mkt.configs.fallback import Fallback
from mkt.configs.folder import content_of, tenant_file
from mkt.configs.structure import TenantFile, integrations_of
from mkt.contract import Json
from mkt.lint.base import WrittenIntegration, finished
from mkt.lint.crossfile import Fleet, marks
from mkt.lint.families import FILE_JUDGES, JUDGES, RULES
from mkt.lint.ignores import Ignore, ignores
from mkt.lint.marks import Marks
from mkt.registry import ConnectorRegistry
from mkt.secrets.base import SecretBackend


class File(NamedTuple):
    """A file to read; one that nobody asked about is only compared with the others."""

    path: str
    shown: str
    asked: bool


@dataclass(frozen=True, slots=True)
class Part:
    """What some of the files gave: no nodes, since it is kept, and sent from one process to another."""

    problems: list[Problem] = field(default_factory=list)
    ignores: list[Ignore] = field(default_factory=list)
    marks: Marks = field(default_factory=Marks)

    def extend(self, other: "Part") -> None:
        """Take in what other files gave."""
        self.problems.extend(other.problems)
        self.ignores.extend(other.ignores)
        self.marks.extend(other.marks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examiner:
    """Reads files, in a project with these answers."""

    registry: ConnectorRegistry
    backends: Mapping[str, SecretBackend]
    fallback: Callable[[str], Fallback]
    allowed_hosts: Sequence[str]
    given: Mapping[str, bytes]
    """Contents by their shown paths, in place of those on disk."""

    def examine(self, files: Iterable[tuple[int, File]]) -> Part:
        """Return what these files gave; they go by their numbers."""
        part = Part()
        for number, file in files:
            tenant, integrations = self._read(file)
            for mark in marks(tenant, integrations):
                part.marks.add(mark, number)
            if file.asked:
                part.problems.extend(_judged(tenant, integrations))
                part.ignores.extend(ignores(tenant))
        return part

    def compare(self, files: Iterable[File]) -> Iterator[Problem]:
        """Find what files that were marked have in common."""
        fleet = Fleet()
        for file in files:
            fleet.add(*self._read(file))
        yield from (finished(problem, RULES, "") for problem in fleet.judge())

    def _read(self, file: File) -> tuple[TenantFile, list[WrittenIntegration]]:
        given = self.given.get(file.shown)
        tenant = tenant_file(content_of(file.path, file.shown) if given is None else given, file.shown)
        return tenant, [self._written(tenant, index, entry) for index, entry in integrations_of(tenant.document.data)]

    def _written(self, file: TenantFile, index: int, entry: Mapping[str, Json]) -> WrittenIntegration:
        found = self.registry.get(str(entry.get("connector")))
        connector = found if found and found.manifest else None
        return WrittenIntegration(
            file, index, entry, connector, self.registry, self.backends, self.fallback, self.allowed_hosts
        )


def _judged(file: TenantFile, integrations: Iterable[WrittenIntegration]) -> Iterator[Problem]:
    """Return the file's problems; what the loader has refused at a place is not judged there again."""
    for problem in file.problems:
        yield finished(problem, RULES, file.tenant)
    for judge_file in FILE_JUDGES:
        for problem in judge_file(file):
            yield finished(problem, RULES, file.tenant)
    refused = {problem.position for problem in file.problems}
    for written in integrations:
        for judge in JUDGES:
            for problem in judge(written):
                if problem.position not in refused:
                    yield finished(problem, RULES, file.tenant)
