"""Many integrations at once, none of which can hold up another.

Workers are daemon threads. One that is past its deadline is abandoned, not waited for: its job is reported as
failed, and another worker takes its place.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeVar

from mkt.engine.base import Stop
from mkt.engine.isolation import attempt

R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")

POLL_SECONDS = 0.2
GRACE_SECONDS = 5.0
"""How long after its deadline, or after a stop, a job may still come to its own end."""


class Job(Protocol[R_co]):
    """One integration's work. `run` and `abandon` never raise."""

    @property
    def seconds(self) -> float:
        """The deadline, counted from the start of the job."""
        ...

    def run(self) -> R_co: ...

    def abandon(self) -> R_co:
        """Return the result of a job that did not end in time, and see to it that its later commits are refused."""
        ...


@dataclass(eq=False, slots=True)
class _Running(Generic[R]):
    job: Job[R]
    ends: float
    abandoned: bool = field(default=False)


class Pool(Generic[R]):
    """Runs jobs in at most `workers` threads at a time."""

    def __init__(self, jobs: Sequence[Job[R]], workers: int, stop: Stop) -> None:
        self._waiting = deque(jobs)
        self._workers = workers
        self._stop = stop
        self._running: dict[_Running[R], None] = {}
        self._lock = threading.Lock()
        self._done: SimpleQueue[tuple[_Running[R], R | Exception]] = SimpleQueue()

    def run(self) -> list[R]:
        """Return the results in the order in which they came; jobs that a stop kept from starting have none.

        A job that raises after all is a bug of ours: it is raised here, when all the others are done.
        """
        results: list[R] = []
        bugs: list[Exception] = []
        for _ in range(min(self._workers, len(self._waiting))):
            self._start_worker()
        while self._busy():
            try:
                running, result = self._done.get(timeout=POLL_SECONDS)
            except Empty:
                results += self._abandon_late()
            else:
                self._forget(running)
                if running.abandoned:
                    continue
                if isinstance(result, Exception):
                    bugs.append(result)
                else:
                    results.append(result)
        if bugs:
            raise bugs[0]
        return results

    def _busy(self) -> bool:
        with self._lock:
            if self._stop.event.is_set():
                self._waiting.clear()
            return bool(self._running or self._waiting)

    def _start_worker(self) -> None:
        threading.Thread(target=self._work, name="mkt-worker", daemon=True).start()

    def _work(self) -> None:
        while (running := self._take()) is not None:
            self._done.put((running, attempt(running.job.run)))
            if running.abandoned:
                return

    def _take(self) -> _Running[R] | None:
        with self._lock:
            if not self._waiting or self._stop.event.is_set():
                return None
            job = self._waiting.popleft()
            running = _Running(job, time.monotonic() + job.seconds + GRACE_SECONDS)
            self._running[running] = None
            return running

    def _forget(self, running: _Running[R]) -> None:
        with self._lock:
            self._running.pop(running, None)

    def _abandon_late(self) -> list[R]:
        now = time.monotonic()
        with self._lock:
            if self._stop.event.is_set():
                for running in self._running:
                    running.ends = min(running.ends, now + GRACE_SECONDS)
            late = [running for running in self._running if running.ends <= now]
            for running in late:
                running.abandoned = True
                del self._running[running]
        for _ in late:
            self._start_worker()
        return [running.job.abandon() for running in late]
