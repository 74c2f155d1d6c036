"""The whole check: every file once, each integration by every family, then the files against each other."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path

from mkt.configs.base import Problem
from mkt.configs.fallback import Fallback, fallback
from mkt.configs.folder import collector_paused, config_files, content_of, shown_path, tenant_file
from mkt.configs.structure import TenantFile, integrations_of
from mkt.errors import StartError
from mkt.lint.base import WrittenIntegration, finished
from mkt.lint.crossfile import Fleet
from mkt.lint.families import JUDGES, RULES
from mkt.registry import ConnectorRegistry
from mkt.secrets.base import SecretBackend
from mkt.settings import AllDefaults


def check(
    paths: Sequence[Path],
    *,
    root: Path,
    config_dir: Path,
    registry: ConnectorRegistry,
    defaults: AllDefaults,
    backends: Iterable[SecretBackend],
    allowed_hosts: Sequence[str] = (),
) -> list[Problem]:
    """Return the problems of these files and folders, of the whole config folder if none are given, by position.

    The config folder is always read, since a file can collide with any other. Raise `StartError` when there is
    nothing to read.
    """
    folder = root / config_dir
    asked = dict(_asked(paths)) if paths else _shown(config_files(folder), root)
    others = _others(folder, root) if paths else {}
    by_scheme = {backend.scheme: backend for backend in backends}
    defaults_of = cache(partial(fallback, defaults))
    fleet, problems = Fleet(), list[Problem]()
    with collector_paused():
        for path, shown in {**others, **asked}.items():
            file = tenant_file(content_of(path, shown), shown)
            fleet.add(file)
            if path in asked:
                problems.extend(_judged(file, registry, by_scheme, defaults_of, allowed_hosts))
    reported = set(asked.values())
    crossing = (problem for problem in fleet.judge() if problem.position.path in reported)
    problems.extend(finished(crossing, RULES, ""))
    return sorted(problems, key=lambda problem: (problem.position, problem.code))


def _judged(
    file: TenantFile,
    registry: ConnectorRegistry,
    backends: Mapping[str, SecretBackend],
    defaults_of: Callable[[str], Fallback],
    allowed_hosts: Sequence[str],
) -> Iterator[Problem]:
    """Return the file's problems; what the loader has refused at a place is not judged there again."""
    yield from finished(file.problems, RULES, file.tenant)
    refused = {problem.position for problem in file.problems}
    for index, entry in integrations_of(file.document.data):
        written = WrittenIntegration(file, index, entry, registry, backends, defaults_of, allowed_hosts)
        for judge in JUDGES:
            found = (problem for problem in judge(written) if problem.position not in refused)
            yield from finished(found, RULES, file.tenant)


def _others(folder: Path, root: Path) -> dict[Path, str]:
    """Return the files that the given ones can collide with; none where there is no config folder yet."""
    try:
        return _shown(config_files(folder), root)
    except StartError:
        return {}


def _asked(paths: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Return each file, resolved, with its path as the person gave it."""
    for path in paths:
        if not path.exists() and not path.is_symlink():
            raise StartError(f"there is no {path}", remedy="Name a config file or a folder of them.")
        for file in config_files(path) if path.is_dir() else [path]:
            yield _identity(file), str(file)


def _identity(path: Path) -> Path:
    """Return a path that is the same however the person wrote it; two links to one file stay two files."""
    return path.parent.resolve() / path.name


def _shown(files: Iterable[Path], root: Path) -> dict[Path, str]:
    resolved = cache(Path.resolve)
    return {resolved(path.parent) / path.name: shown_path(path, root) for path in files}
