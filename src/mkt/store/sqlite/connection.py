"""Connections to one file: one that writes, a few that read, each held only inside one call of the store."""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from mkt.errors import StoreError
from mkt.store.pipeline import Pipeline

Values = Sequence[object] | Mapping[str, object]
Execute = Callable[[str, Values], object]
"""Runs a statement with its values, now or later in its transaction."""
BUSY_SECONDS: Final = 30.0
_IDLE_READERS: Final = 4
_SWITCHES: Final = 100
_PRAGMAS: Final = (
    "pragma foreign_keys = on",
    "pragma synchronous = normal",
    "pragma temp_store = file",
    "pragma cache_size = -16384",
    "pragma journal_size_limit = 67108864",
    "pragma wal_autocheckpoint = 8000",
)
_CHECK_DISK: Final = "Check the disk that holds it (mount, permissions, kernel log), then run the command again."
_FULL: Final = ("the disk is full", "Free some space on the disk that holds it, then run the command again.")
_RESTORE: Final = "Stop every mkt of this project and bring the file back from a backup."
# The result codes that are the machine's doing; every other one is a bug in mkt and goes on as it is.
# https://www.sqlite.org/rescode.html
_FAULTS: Final = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR_SHMSIZE: _FULL,  # the file that readers and writers share beside the database cannot grow
    sqlite3.SQLITE_IOERR: ("the disk failed to read or write", _CHECK_DISK),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", _CHECK_DISK),
    sqlite3.SQLITE_READONLY: (
        "it cannot be written",
        "Give the user that runs mkt the right to write file and folder.",
    ),
    sqlite3.SQLITE_PERM: (
        "its permissions forbid it",
        "Give the user that runs mkt the right to write file and folder.",
    ),
    sqlite3.SQLITE_BUSY: (
        f"another process kept it locked for {BUSY_SECONDS:.0f} s",
        "Run the command again when the other mkt, backup or database browser has finished.",
    ),
    sqlite3.SQLITE_PROTOCOL: ("its locks do not work", "Move it to a local disk."),
    sqlite3.SQLITE_NOMEM: ("there is no memory left", "Free some memory, then run the command again."),
    sqlite3.SQLITE_CORRUPT: ("the database is damaged", _RESTORE),
    sqlite3.SQLITE_NOTADB: ("it is no SQLite database", _RESTORE),
}


def fault(error: sqlite3.Error) -> tuple[str, str] | None:
    """Return what happened and what to do, None for an error that is a bug of ours."""
    code = getattr(error, "sqlite_errorcode", 0)
    return _FAULTS.get(code) or _FAULTS.get(code & 0xFF)


def connect(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Open a connection that any thread may use, one at a time; transactions are begun by hand."""
    connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
    try:
        for pragma in _PRAGMAS:
            connection.execute(pragma)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def use_wal(connection: sqlite3.Connection) -> None:
    """Let readers and the writer not wait for each other; stays with the file.

    SQLite does not wait for the lock that the switch takes. Beginning a write does: so that is where to wait for
    another process that is switching the same file.
    """
    for _ in range(_SWITCHES):
        try:
            connection.execute("pragma journal_mode = wal")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            connection.execute("begin immediate")
            connection.execute("rollback")
        else:
            return
    connection.execute("pragma journal_mode = wal")


def _file(path: Path) -> tuple[int, int] | None:
    """Return what the path leads to, None for nothing."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Raise `StoreError` for what the disk or the database did."""
    try:
        yield
    except sqlite3.Error as error:
        known = fault(error)
        if known is None:
            raise
        what, remedy = known
        raise StoreError(
            f"the store {path} failed: {what}; nothing of this step was written", remedy=remedy, code="local.store"
        ) from error


@contextmanager
def _synced(connection: sqlite3.Connection) -> Iterator[None]:
    """Have the next commit wait for the disk."""
    connection.execute("pragma synchronous = full")
    try:
        yield
    finally:
        with suppress(sqlite3.Error):  # a connection that could not even roll back is closed
            connection.execute("pragma synchronous = normal")


class Database:
    """One database file, for all threads of a process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writing = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._file = _file(path)

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """Give the connection inside a write transaction, which commits at the end and rolls back on any error.

        What is written survives the end of any process; `durable`, also a loss of power that comes right after.
        """
        # The lock's own `with`: a signal cannot fall between its taking and the word of it, as it can below.
        with self._writing, _translated(self.path):
            connection = self._for_writing()
            with _synced(connection) if durable else nullcontext():
                try:
                    connection.execute("begin immediate")
                    yield connection
                    connection.execute("commit")
                except BaseException:
                    self._roll_back(connection)
                    raise

    @contextmanager
    def write_behind(self, pipeline: Pipeline) -> Iterator[tuple[sqlite3.Connection, Execute]]:
        """Do as `write` does, but for the commit, which the pipeline does while the caller goes on.

        The second thing that is given keeps a statement for that time: it runs just before the commit. Who settles
        the pipeline knows that it is done; every other write waits for it. Not for the main thread, which signals
        interrupt. Raise what kept the one before from being done.
        """
        pipeline.settle()  # from here on `put` raises nothing, and whoever commits gives back what is held
        with ExitStack() as held:
            held.enter_context(self._writing)
            held.enter_context(_translated(self.path))
            connection = self._for_writing()
            kept: list[tuple[str, Values]] = []
            try:
                connection.execute("begin immediate")
                yield connection, lambda statement, values: kept.append((statement, values))
            except BaseException:
                self._roll_back(connection)
                raise
            pipeline.put(partial(self._commit, connection, kept, held.pop_all()))

    def write_at_once(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        """Run one statement as a transaction of its own, and return what it returns: half as long as `write`."""
        with self._writing, _translated(self.path):
            return self._for_writing().execute(statement, values).fetchall()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Give a connection inside a read transaction: every statement sees the same moment."""
        with _translated(self.path):
            self._refuse_when_gone()
            connection = self._reader()
            try:
                connection.execute("begin")
                yield connection
            finally:
                self._give_back(connection)

    def make_wal(self) -> None:
        with self._writing, _translated(self.path), closing(connect(self.path)) as connection:
            use_wal(connection)

    def close(self) -> None:
        """Close every connection; one that a thread still reads with is closed when that call ends."""
        with self._writing:
            self._closed = True
            if self._writer is not None:
                self._writer.close()
                self._writer = None
            while self._idle:
                self._idle.pop().close()

    def _for_writing(self) -> sqlite3.Connection:
        self._refuse_when_gone()
        self._writer = self._writer or connect(self.path)
        return self._writer

    def _refuse_when_gone(self) -> None:
        """Raise where nobody would see what is written: SQLite goes on with a file that has no name any more."""
        if self._closed:
            raise StoreError(f"the store {self.path} is closed", remedy="Nothing to do: mkt was about to end.")
        file = _file(self.path)
        self._file = self._file or file
        if file != self._file:
            raise StoreError(
                f"the store {self.path} was {'replaced' if file else 'removed'} while mkt worked with it; nothing of"
                " this step was written",
                remedy="Bring it back if that was a mistake, and start every mkt of this project again.",
                code="local.store",
            )

    def _reader(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return connect(self.path)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with suppress(sqlite3.Error):
            connection.rollback()
        if self._closed or connection.in_transaction or len(self._idle) >= _IDLE_READERS:
            connection.close()
        else:
            self._idle.append(connection)

    def _commit(self, connection: sqlite3.Connection, kept: list[tuple[str, Values]], held: ExitStack) -> None:
        with held:
            try:
                while kept:
                    connection.execute(*kept.pop(0))  # and let go: a batch may have many megabytes
                connection.execute("commit")
            except BaseException:
                self._roll_back(connection)
                raise

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        """Roll back; a connection that cannot even do that is thrown away, the next write opens a new one."""
        with suppress(sqlite3.Error):
            connection.rollback()
        if connection.in_transaction:
            connection.close()
            self._writer = None
