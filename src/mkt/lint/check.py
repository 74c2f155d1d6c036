"""The whole check: every file once, then those against each other that have something in common."""

import os
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Final

from mkt.configs.base import Problem
from mkt.configs.fallback import fallback
from mkt.configs.folder import collector_paused, config_files, shown_path
from mkt.errors import StartError
from mkt.lint.examine import Examiner, File, Part
from mkt.lint.families import RULES
from mkt.lint.ignores import silenced
from mkt.lint.workers import MOST_PIECES, processes, shared_out
from mkt.registry import ConnectorRegistry
from mkt.secrets.base import SecretBackend
from mkt.settings import AllDefaults

_PIECE: Final = 64
"""Files that a process takes at a time."""
_WORTH_SHARING: Final = 300
"""Files; fewer are judged before another process would have begun."""


def check(
    paths: Sequence[Path],
    *,
    root: Path,
    config_dir: Path,
    registry: ConnectorRegistry,
    defaults: AllDefaults,
    backends: Iterable[SecretBackend],
    allowed_hosts: Sequence[str] = (),
    given: Mapping[str, bytes] | None = None,
    with_silenced: bool = False,
) -> list[Problem]:
    """Return the problems of these files and folders, of the whole config folder if none are given, by position.

    The config folder is always read, since a file can collide with any other. `given` are contents by their shown
    paths, in place of those on disk. Raise `StartError` when there is nothing to read.
    """
    examiner = Examiner(
        registry=registry,
        backends={backend.scheme: backend for backend in backends},
        fallback=cache(partial(fallback, defaults)),
        allowed_hosts=allowed_hosts,
        given=given or {},
    )
    with collector_paused():
        files = _files(paths, root / config_dir, root, examiner.given)
        part = _examined(files, examiner)
        crossing = examiner.compare(files[number] for number in sorted(part.marks.shared()))
        reported = {file.shown for file in files if file.asked}
        part.problems.extend(problem for problem in crossing if problem.position.path in reported)
        problems = silenced(part.problems, part.ignores, RULES)
    told = (problem for problem in problems if with_silenced or not problem.silenced)
    return sorted(told, key=lambda problem: (problem.position, problem.code))


def _examined(files: Sequence[File], examiner: Examiner) -> Part:
    """Read every file, in several processes where there are many."""
    size = max(_PIECE, -(-len(files) // MOST_PIECES))
    numbered = list(enumerate(files))

    def examine(piece: int) -> Part:
        return examiner.examine(numbered[piece * size : (piece + 1) * size])

    whole = Part()
    workers = processes() if len(files) >= _WORTH_SHARING else 1
    for part in shared_out(-(-len(files) // size), examine, workers):
        whole.extend(part)
    return whole


def _files(paths: Sequence[Path], folder: Path, root: Path, given: Container[str]) -> list[File]:
    """Return the files to judge, and those that they can collide with; none where there is no config folder yet."""
    if not paths:
        return [File(path, shown_path(path, root), asked=True) for path in config_files(folder)]
    asked = dict(_asked(paths, given))
    try:
        others = {_identity(path): shown_path(path, root) for path in config_files(folder)}
    except StartError:
        others = {}
    return [File(path, shown, path in asked) for path, shown in {**others, **asked}.items()]


def _asked(paths: Iterable[Path], given: Container[str]) -> Iterator[tuple[str, str]]:
    """Return each file, resolved, with its path as the person gave it."""
    for path in paths:
        if str(path) not in given and not path.exists() and not path.is_symlink():
            raise StartError(f"there is no {path}", remedy="Name a config file or a folder of them.")
        for file in config_files(path) if path.is_dir() else [str(path)]:
            yield _identity(file), file


def _identity(path: str) -> str:
    """Return a path that is the same however the person wrote it; two links to one file stay two files."""
    folder, name = os.path.split(path)
    return f"{_real(os.path.abspath(folder))}/{name}"  # noqa: PTH100 - the cache outlives a working directory


_real = cache(os.path.realpath)
