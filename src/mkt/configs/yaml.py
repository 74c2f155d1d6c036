"""Configurations from a folder of YAML files, one tenant a file."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import groupby
from pathlib import Path

from mkt.configs.assembly import configuration_of
from mkt.configs.base import BrokenTenant, Configs, Position, Problem
from mkt.configs.fallback import fallback
from mkt.configs.folder import (
    claims,
    collector_paused,
    config_files,
    content_of,
    duplicates,
    shown_path,
    state_of,
    tenant_file,
)
from mkt.configs.origin import LazyLines
from mkt.configs.structure import TenantFile
from mkt.contract import ConnectorConfiguration, Origin
from mkt.settings import AllDefaults


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    """What is kept of a file: no nodes."""

    tenant: str
    claim: Position | None
    digest: str
    problems: tuple[Problem, ...]
    configurations: tuple[ConnectorConfiguration, ...]


class YamlSource:
    """The config folder, relative to `root`, the project's; so are all places."""

    def __init__(self, folder: Path, root: Path, defaults: AllDefaults) -> None:
        self._folder = root / folder
        self._root = root
        self._fallback = cache(partial(fallback, defaults))

    def load(self) -> Configs:
        """Read every file; raise `StartError` when there is no folder or no file in it."""
        with collector_paused():
            files = [self._load(path) for path in config_files(self._folder)]
        doubled = _doubled(files)
        broken = [file for file in files if file.problems or file.tenant in doubled]
        healthy = [file for file in files if not file.problems and file.tenant not in doubled]
        healthy.sort(key=lambda file: file.tenant)
        return Configs(
            configurations=tuple(configuration for file in healthy for configuration in file.configurations),
            broken=tuple(_broken(broken, doubled)),
            tenants=tuple(file.tenant for file in healthy),
        )

    def version(self) -> str:
        """Judge by names, times and sizes; raise `StartError` when there is no folder or no file in it."""
        seen = hashlib.blake2b(digest_size=16)
        for path in config_files(self._folder):
            seen.update(f"{path}\0{state_of(path)}\0".encode(errors="surrogateescape"))
        return seen.hexdigest()

    def _load(self, path: str) -> _Loaded:
        shown = shown_path(path, self._root)
        content = content_of(path, shown)
        file = tenant_file(content, shown)
        return _Loaded(
            tenant=file.tenant,
            claim=file.claim,
            digest=hashlib.sha256(content if isinstance(content, bytes) else content.message.encode()).hexdigest(),
            problems=tuple(replace(problem, tenant=file.tenant) for problem in file.problems),
            configurations=tuple(self._configurations(file, content)) if isinstance(content, bytes) else (),
        )

    def _configurations(self, file: TenantFile, content: bytes) -> Iterator[ConnectorConfiguration]:
        if file.part is None:
            return
        labels = file.part.labels or {}
        path, lines = file.document.path, file.document.lines("integrations")
        for index, (part, line) in enumerate(zip(file.part.integrations or (), lines, strict=True)):
            origin = Origin(place=f"{path}:{line}", lines=LazyLines(content, path, index))
            yield configuration_of(file.tenant, labels, part, self._fallback(part.connector), origin)


def _doubled(files: Sequence[_Loaded]) -> dict[str, tuple[Problem, ...]]:
    """Return the problems of every tenant that several files claim."""
    claimed = claims((file.tenant, file.claim) for file in files)
    return {tenant: tuple(duplicates(tenant, places)) for tenant, places in claimed.items() if len(places) > 1}


def _broken(files: Sequence[_Loaded], doubled: Mapping[str, tuple[Problem, ...]]) -> Iterator[BrokenTenant]:
    """Return one entry a tenant: a tenant with two wrong files is one failed result."""
    ordered = sorted(files, key=lambda file: file.tenant)
    for tenant, group in groupby(ordered, key=lambda file: file.tenant):
        same = list(group)
        problems = [problem for file in same for problem in file.problems] + [*doubled.get(tenant, ())]
        digests = "".join(file.digest for file in same)
        digest = same[0].digest if len(same) == 1 else hashlib.sha256(digests.encode()).hexdigest()
        yield BrokenTenant(tenant, tuple(sorted(problems, key=lambda problem: problem.position)), digest)
