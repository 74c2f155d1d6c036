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
_SHOWN: Final = 5
"""Places that one message names."""


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


def config_files(folder: Path) -> list[str]:
    """Return every config file below a folder, sorted; raise `StartError` where there is nothing to read at all.

    A subfolder that cannot be listed is returned as if it were a file: reading it says why.
    """
    try:
        found = sorted(_below(str(folder), frozenset()), key=_parts)
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


def state_of(path: str) -> str:
    """Return what changes with the file's content; empty for one that cannot be looked at."""
    try:
        found = os.stat(path)  # noqa: PTH116 - of all files, over and over: half the time of a Path
    except OSError:
        return ""
    return f"{found.st_mtime_ns} {found.st_size} {found.st_ino}"


def _parts(path: str) -> str:
    """Return a text by which a folder's files stand together, as they do in a listing of one folder."""
    return path.replace("/", "\0")


def _below(folder: str, above: frozenset[str]) -> Iterator[str]:
    inside = above | {os.path.realpath(folder)}
    with os.scandir(folder) as entries:
        visible = [entry for entry in entries if not entry.name.startswith(".")]
    for entry in visible:
        path = entry.path.removeprefix("./")
        if entry.name.endswith(SUFFIXES):
            yield path
        elif entry.is_dir() and os.path.realpath(path) not in inside:
            yield from _listed(path, inside)


def _listed(path: str, inside: frozenset[str]) -> Iterable[str]:
    try:
        return list(_below(path, inside))
    except OSError:
        return [path]


def content_of(path: Path | str, shown: str) -> bytes | Problem:
    """Return a file's bytes, or why it cannot be read."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a fleet has many files: half the time of a Path
        if not stat.S_ISREG(status.st_mode):
            return _unreadable(shown, "it is not a file")
        if status.st_size > LARGEST:
            return _unreadable(shown, f"it is larger than {LARGEST // 1_000_000} MB")
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - as above
            return file.read()
    except OSError as error:
        leads_nowhere = Path(path).is_symlink()
        return _unreadable(shown, "the link leads nowhere" if leads_nowhere else error.strerror or str(error.errno))


def _unreadable(shown: str, why: str) -> Problem:
    message = f"{shown} cannot be read: {why}"
    return Problem(codes.UNREADABLE, message, Position(shown), "Correct the file or its permissions, or remove it.")


def tenant_file(content: bytes | Problem, shown: str) -> TenantFile:
    """Judge what `content_of` gave."""
    if isinstance(content, Problem):
        return read_structure(Document(shown, None, (content,), None))
    return read_structure(read(content, shown))


def shown_path(path: Path | str, root: Path) -> str:
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
    for index, place in enumerate(places):
        others = [*places[: min(index, _SHOWN)], *places[index + 1 : index + 1 + _SHOWN]][:_SHOWN]
        named = ", ".join(f"{other.path}:{other.line}" for other in others)
        more = len(places) - 1 - len(others)
        named += f" and {more:,} more" if more else ""
        message = f"tenant {tenant} stands in another file too: {named}"
        found.append(
            Problem(codes.DUPLICATE_TENANT, message, place, "Put all of a tenant into one file.", tenant=tenant)
        )
    return found
