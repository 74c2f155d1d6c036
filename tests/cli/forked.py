"""Has `mkt` loaded and forks a process for each line on stdin, which runs one command and is killed where it says.

A start takes a hundredth of what an interpreter takes, so that a test can afford many. The command knows nothing of
it: the connections to the database count their statements, and the process kills itself before or after one of them.
"""

import json
import mmap
import os
import resource
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any, NoReturn

import mkt.cli.records
import mkt.cli.runs
import mkt.cli.sync
import mkt.connectors.lti_1p3_deeplink.connector
import mkt.connectors.workday_hris.connector
import mkt.runtime.factory
import mkt.telemetry.jsonl  # noqa: F401
from mkt.cli.app import run
from mkt.engine.sync import collector


class Counted(sqlite3.Connection):
    """Counts statements over all connections of the process and does what is to be done at one of them."""

    statements = count(1)
    shown = mmap.mmap(-1, 8)
    """The count, where the parent sees it too."""
    at = 0
    before: Callable[[str], None] = staticmethod(lambda _: None)
    after: Callable[[str], None] = staticmethod(lambda _: None)

    def execute(self, statement: str, *given: Any) -> sqlite3.Cursor:
        return self._counted(super().execute, statement, *given)

    def executemany(self, statement: str, *given: Any) -> sqlite3.Cursor:
        return self._counted(super().executemany, statement, *given)

    def _counted(self, send: Callable[..., sqlite3.Cursor], statement: str, *given: Any) -> sqlite3.Cursor:
        number = next(Counted.statements)
        Counted.shown[:] = number.to_bytes(8)
        Counted.before(statement) if number == Counted.at or not Counted.at else None
        cursor = send(statement, *given)
        Counted.after(statement) if number == Counted.at else None
        return cursor


def _die(_: str = "") -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_after(seconds: float) -> None:
    time.sleep(seconds)
    _die()


def _fill_disk(wanted: str, room: int, statement: str) -> None:
    """Let no file grow by more than `room` bytes beyond the log's size once a statement like this comes."""
    if wanted in statement:
        size = Path(".mkt/mkt.db-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, resource.RLIM_INFINITY))


def _child(wish: dict[str, Any]) -> NoReturn:
    os.chdir(wish["folder"])
    os.environ.clear()
    os.environ.update(wish["environment"])
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(wish[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    sqlite3.connect = partial(sqlite3.connect, factory=Counted)  # type: ignore[assignment]
    collector.BATCH_ROWS = wish["batch"]  # type: ignore[misc]
    Counted.shown[:] = bytes(8)
    Counted.at = wish["statement"]
    if wish["fill"]:
        Counted.before = staticmethod(partial(_fill_disk, *wish["fill"]))
    elif Counted.at:
        setattr(Counted, wish["when"], staticmethod(_die))
    if wish["seconds"]:
        Thread(target=_die_after, args=[wish["seconds"]], daemon=True).start()
    os._exit(run(wish["arguments"]))


def _tell(*numbers: int) -> None:
    sys.stdout.write(" ".join(map(str, numbers)) + "\n")
    sys.stdout.flush()


def _serve() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _child(json.loads(line))
        _tell(child)
        _, status = os.waitpid(child, 0)
        _tell(os.waitstatus_to_exitcode(status), int.from_bytes(Counted.shown[:]))


if __name__ == "__main__":
    _serve()
