"""Events that wait on this host's disk until Supabase can be reached.

Segments of JSON lines, in order of their names. Any number of threads and processes append to the newest one; one at
a time sends them. A line that is not whole, as a power cut leaves it, is passed over; the lines after it stand on
their own.
"""

import errno
import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import orjson

from mkt.errors import StoreError

LOCAL: Final = "local.spool"
"""Code of what fails on this host."""
LIMIT: Final = 64 * 1024 * 1024
"""Bytes that wait at most: some 150,000 events."""
_SEGMENT: Final = 1024 * 1024
_REFUSED: Final = "refused.jsonl"
_OPEN: Final = ".jsonl"
_SENT: Final = ".sending"
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ROOM: Final = "Make room on the disk that holds that folder."
_RIGHTS: Final = "Give that folder, and all that is in it, to the user that runs mkt (`chown -R`)."
_REMEDY: Final = "Mend the way to Supabase, then run any mkt of this project: it sends what waits."


class Spool:
    """One folder. `limit` is for tests."""

    def __init__(self, folder: Path, *, limit: int = LIMIT) -> None:
        self.folder = folder
        self._limit = limit

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """Keep rows, on the disk when this returns. Raise `StoreError` where there is no place for them."""
        content = b"".join(orjson.dumps(row) + b"\n" for row in rows)
        with self._locked("lock", lost=f"{_lost(len(rows))}, and "):
            if sum(path.stat().st_size for path in self._segments()) + len(content) > self._limit:
                raise StoreError(
                    f"{_lost(len(rows))}, and {self._limit >> 20} MB of events wait in {self.folder} already",
                    remedy=_REMEDY,
                    code=LOCAL,
                )
            _append(self._newest(), content)
            _settle(self.folder)

    def refuse(self, row: dict[str, Any]) -> str:
        """Put a row aside that the database does not take, for a person to look at; say where it is."""
        path, line = self.folder / _REFUSED, orjson.dumps(row) + b"\n"
        with self._locked("lock"):
            before = path.read_bytes() if path.exists() else b""
            if line in before:  # what came after it could not be sent, so it was sent again
                return f"stands in {path}"
            if len(before) >= _SEGMENT:
                return f"is lost, because {path} is full: look at what stands there, and remove it"
            _append(path, line)
        return f"stands in {path}"

    def waiting(self) -> int:
        """Return how many events wait."""
        with self._locked("lock"):  # another process may have just sent one of them
            return sum(path.read_bytes().count(b"\n") for path in self._segments())

    def is_empty(self) -> bool:
        with self._local_faults():
            return not self._segments()

    @contextmanager
    def sending(self) -> Iterator[Iterator[list[dict[str, Any]]]]:
        """Give what waits, a segment at a time, the oldest first; each is forgotten when the next is asked for.

        Gives none where another thread or process is sending at this moment.
        """
        with self._locked("sending", wait=False) as locked:
            yield self._taken() if locked else iter(())

    def _taken(self) -> Iterator[list[dict[str, Any]]]:
        for path in self._segments():
            taken = path.with_suffix(_SENT)
            with self._locked("lock"):  # nobody is in the middle of appending to it
                path.rename(taken)
            yield _rows(taken)
            with self._locked("lock"):  # nor of looking at how much there is
                taken.unlink()

    def _segments(self) -> list[Path]:
        """Return what waits, the oldest first; what a killed process was sending is among it."""
        if not self.folder.is_dir():
            return []
        found = [path for path in self.folder.iterdir() if path.suffix in (_OPEN, _SENT) and path.name != _REFUSED]
        return sorted(found)

    def _newest(self) -> Path:
        """Return the segment to append to."""
        found = [path for path in self._segments() if path.suffix == _OPEN]
        if found and found[-1].stat().st_size < _SEGMENT:
            return found[-1]
        return self.folder / f"{time.time_ns():020}-{os.getpid()}{_OPEN}"

    @contextmanager
    def _locked(self, name: str, *, wait: bool = True, lost: str = "") -> Iterator[bool]:
        """Hold a lock of all threads and processes; tell whether it was free, where it is not waited for."""
        with self._local_faults(lost):
            for folder in (self.folder.parent, self.folder):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                locked = False
                with suppress(BlockingIOError):
                    fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
                    locked = True
                yield locked
            finally:
                os.close(lock)

    @contextmanager
    def _local_faults(self, lost: str = "") -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"{lost}the folder {self.folder}, where events wait for Supabase, cannot be used: {error.strerror}",
                remedy=_ROOM if error.errno in _FULL else _RIGHTS,
                code=LOCAL,
            ) from error


def _lost(number: int) -> str:
    events = "1 event is lost" if number == 1 else f"{number:,} events are lost"
    return f"{events}: Supabase cannot be reached"


def _append(path: Path, content: bytes) -> None:
    """Write whole lines and wait for the disk; begin a line of their own, whatever was left before."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        try:
            _write_all(descriptor, b"\n" + content if torn else content)
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)  # all of it is lost, and its place is free for what is smaller
            raise
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def _settle(folder: Path) -> None:
    """Have the folder's entries on the disk too: a new segment survives a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rows(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    with suppress(FileNotFoundError):  # another process has just sent it
        for line in path.read_bytes().splitlines():
            with suppress(orjson.JSONDecodeError):
                row = orjson.loads(line)
                found += [row] if isinstance(row, dict) and "id" in row else []
    return found
