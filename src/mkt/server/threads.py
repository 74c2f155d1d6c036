"""Threads that do not keep the process alive: one that hangs in a connector must not hold up the server's end."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Any, TypeVar

from mkt.engine.isolation import attempt

T = TypeVar("T")
_Work = tuple[Future[Any], list[Callable[[], Any]]]


class DaemonThreads(Executor):
    """An executor of so many threads; Python's own waits for each of them when the process ends."""

    def __init__(self, number: int, name: str) -> None:
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._number = number
        for _ in range(number):
            threading.Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, work: Callable[..., T], /, *given: Any, **named: Any) -> "Future[T]":
        future: Future[T] = Future()
        waiting: list[Callable[[], Any]] = [lambda: work(*given, **named)]
        # What is given up must not keep what it was given, such as a body, until a thread comes upon it.
        future.add_done_callback(lambda _: waiting.clear())
        self._queue.put((future, waiting))
        return future

    @property
    def waiting(self) -> int:
        """Return how many pieces no thread has come upon yet, those that were given up included."""
        return self._queue.qsize()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let each thread end after what it does now and what waits already; nobody waits for them."""
        del wait, cancel_futures
        for _ in range(self._number):
            self._queue.put(None)

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            future, waiting = work
            if not future.set_running_or_notify_cancel():
                continue
            done = attempt(waiting.pop())
            if isinstance(done, Exception):
                future.set_exception(done)
            else:
                future.set_result(done)
