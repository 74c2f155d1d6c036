"""The files of a config folder: found, read, judged one by one."""

import gc
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mkt.configs import codes
from mkt.configs.base import Position, Problem
from mkt.configs.document import Document, read
from mkt.configs.structure import TenantFile, read_structure
from mkt.errors import StartError

SUFFIXES: Final = (".yaml", ".yml")
LARGEST: Final = 1_000_000
"""Bytes."""


@contextmanager
def collector_paused() -> Iterator[None]:
    """Spare the collector the nodes, which form no cycles: it would look through the growing fleet each time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def config_files(folder: Path) -> list[Path]:
    """Return every config file below a folder, sorted; raise `StartError` where there is nothing to read at all.

    A subfolder that cannot be listed is returned as if it were a file: reading it says why.
    """
    try:
        found = sorted(_below(folder, frozenset()))
    except OSError as error:
        raise StartError(
            f"the config folder {folder} cannot be read: {error.strerror}",
            remedy="Name the folder with --config-dir or `config_dir` in mkt.toml.",
        ) from None
    if not found:
        raise StartError(
            f"empty config folder: {folder} has no file that ends in {' or '.join(SUFFIXES)}",
            remedy="Add a tenant's file, or name another folder with --config-dir.",
        )
    return found


def _below(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    inside = above | {folder.resolve()}
    with os.scandir(folder) as entries:
        visible = [entry for entry in entries if not entry.name.startswith(".")]
    for entry in visible:
        path = folder / entry.name
        if entry.name.endswith(SUFFIXES):
            yield path
        elif entry.is_dir() and path.resolve() not in inside:
            yield from _listed(path, inside)


def _listed(path: Path, inside: frozenset[Path]) -> Iterable[Path]:
    try:
        return list(_below(path, inside))
    except OSError:
        return [path]


def content_of(path: Path, shown: str) -> bytes | Problem:
    """Return a file's bytes, or why it cannot be read."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return _unreadable(shown, "it is not a file")
        if status.st_size > LARGEST:
            return _unreadable(shown, f"it is larger than {LARGEST // 1_000_000} MB")
        with path.open("rb", buffering=0) as file:
            return file.read()
    except OSError as error:
        return _unreadable(
            shown, "the link leads nowhere" if path.is_symlink() else error.strerror or str(error.errno)
        )


def _unreadable(shown: str, why: str) -> Problem:
    message = f"{shown} cannot be read: {why}"
    return Problem(codes.UNREADABLE, message, Position(shown), "Correct the file or its permissions, or remove it.")


def tenant_file(content: bytes | Problem, shown: str) -> TenantFile:
    """Judge what `content_of` gave."""
    if isinstance(content, Problem):
        return read_structure(Document(shown, None, (content,), None))
    return read_structure(read(content, shown))


def shown_path(path: Path, root: Path) -> str:
    """Return a path as people read it: relative to the project where it is inside."""
    text = str(path)
    return text.removeprefix(f"{root}/") if str(root) != "/" else text


def claims(claimed: Iterable[tuple[str, Position | None]]) -> dict[str, list[Position]]:
    """Return every place where each tenant is named."""
    places: dict[str, list[Position]] = {}
    for tenant, place in claimed:
        if place is not None:
            places.setdefault(tenant, []).append(place)
    return places


def duplicates(tenant: str, places: Sequence[Position]) -> list[Problem]:
    """Return a problem for each of the files that claim one tenant."""
    found = []
    for place in places:
        others = ", ".join(f"{other.path}:{other.line}" for other in places if other != place)
        message = f"tenant {tenant} stands in another file too: {others}"
        found.append(
            Problem(codes.DUPLICATE_TENANT, message, place, "Put all of a tenant into one file.", tenant=tenant)
        )
    return found
