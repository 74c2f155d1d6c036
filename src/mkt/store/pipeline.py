"""One batch is on its way to the database while the next one is read."""

from collections.abc import Callable
from contextlib import ExitStack
from threading import Thread
from types import TracebackType
from typing import Literal


class Pipeline:
    """Does one piece of work at a time, in their order, each in a thread; for a caller that is one thread.

    What a piece raises is raised by every call that follows, and no other piece is begun. The threads are daemons, as
    the caller's is: a run that is abandoned while the database is silent does not keep the process.
    """

    def __init__(self) -> None:
        self._thread: Thread | None = None
        self._done = True
        self._failure: BaseException | None = None

    def put(self, work: Callable[[], None]) -> None:
        """Wait for the piece before, and begin this one; raise what the one before raised."""
        self.settle()
        self._done = False
        thread = Thread(target=self._do, args=[work], name="mkt-batch", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the machine has no thread to give: the caller has to wait for it
            self._do(work)
        else:
            self._thread = thread

    def settle(self) -> None:
        """Wait until all is done; raise what kept it from being."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._failure is not None:
            raise self._failure
        if not self._done:
            raise RuntimeError("a piece of work came to no end")

    def _do(self, work: Callable[[], None]) -> None:
        with ExitStack() as stack:
            stack.push(self._keep)
            work()
            self._done = True

    def _keep(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[True]:
        """Keep the error for the thread that waits, bugs included: nobody would see it here."""
        del kind, trace
        self._failure = error
        return True
