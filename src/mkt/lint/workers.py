"""Work for several processes, which are forked from this one: they know what it knows and start at once.

Each takes the next piece when it is done with one, sends all its results back when there are no more, and is gone
when the work is. What a process that died had taken is done by this one.
"""

import os
import pickle
import signal
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from typing import Final, Generic, NoReturn, TypeVar

T = TypeVar("T")
_NUMBER: Final = struct.Struct("I")
_MOST: Final = 8
"""Processes; what they send back is taken in by one."""
MOST_PIECES: Final = 4096
"""As many numbers as a pipe holds on every system."""


def processes() -> int:
    """Return how many processes are worth it: one where forking is not safe, or another thread could hold a lock."""
    if not sys.platform.startswith("linux") or threading.active_count() > 1:
        return 1
    return min(_MOST, len(os.sched_getaffinity(0)))


def shared_out(pieces: int, work: Callable[[int], T], workers: int) -> list[T]:
    """Do each piece of work, at most `MOST_PIECES`, and return the results in their order."""
    if workers < 2 or pieces < 2:  # noqa: PLR2004 - nobody to share with, or nothing to share
        return [work(piece) for piece in range(pieces)]
    queue, numbers = os.pipe()
    helpers: list[_Helper[T]] = []
    try:
        with os.fdopen(numbers, "wb") as file:
            file.write(b"".join(map(_NUMBER.pack, range(pieces))))
        helpers.extend(_forked(queue, work) for _ in range(min(workers, pieces) - 1))
        done = {piece: work(piece) for piece in _taken(queue)}
        for helper in helpers:
            done |= helper.results()
    finally:
        os.close(queue)
        for helper in helpers:
            helper.end()
    return [done[piece] if piece in done else work(piece) for piece in range(pieces)]


def _taken(queue: int) -> Iterator[int]:
    """Take the numbers of pieces, one at a time, until there are none; whoever else takes some gets others."""
    while number := os.read(queue, _NUMBER.size):
        yield _NUMBER.unpack(number)[0]


@dataclass(slots=True)
class _Helper(Generic[T]):
    """A forked process, and the pipe that its results come through."""

    pid: int
    pipe: BufferedReader

    def results(self) -> dict[int, T]:
        """Return what it did, nothing where it died."""
        sent = self.pipe.read()
        status = os.waitpid(self.pid, 0)[1]
        self.pid = 0
        results: dict[int, T] = {} if status else pickle.loads(sent)  # noqa: S301 - from a process of our own
        return results

    def end(self) -> None:
        """Leave nothing behind, also where its results are no longer wanted."""
        self.pipe.close()
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def _forked(queue: int, work: Callable[[int], T]) -> _Helper[T]:
    receiving, sending = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if not pid:
        _serve(queue, sending, work, parent)
    os.close(sending)
    return _Helper(pid, os.fdopen(receiving, "rb"))


def _serve(queue: int, sending: int, work: Callable[[int], T], parent: int) -> NoReturn:
    """Work in the forked process, which never returns into its parent's code, and ends soon after its parent."""
    code = 1
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        done = {piece: work(piece) for piece in _taken(queue) if os.getppid() == parent}
        with os.fdopen(sending, "wb") as pipe:
            pickle.dump(done, pipe, pickle.HIGHEST_PROTOCOL)
        code = 0
    finally:
        os._exit(code)
