"""Runs of `mkt` that are killed at a chosen point, many in a short time: see `forked.py`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.cli.front import Answer

_SERVER = Path(__file__).with_name("forked.py")
KILLED = -9


@dataclass(frozen=True)
class Run(Answer):
    """What a run gave, and how many statements it had sent to SQLite when it ended."""

    statements: int = 0


@dataclass(frozen=True, kw_only=True)
class Point:
    """Where a run is killed: before or after a statement, or after so many seconds; nowhere by default.

    With `fill`, nobody is killed: the disk is full from a statement on that has these words, but for some bytes.
    """

    statement: int = 0
    when: str = "before"
    seconds: float = 0.0
    fill: tuple[str, int] | None = None


NOWHERE = Point()


class Forks:
    """The process that forks."""

    def __init__(self, folder: Path) -> None:
        self._out, self._err = folder / "out", folder / "err"
        root = str(Path(__file__).parents[2])
        self._process = subprocess.Popen(
            [sys.executable, str(_SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
        )

    def run(
        self,
        *arguments: str,
        point: Point = NOWHERE,
        batch: int = 1000,
        started: Callable[[int], None] = lambda _: None,
    ) -> Run:
        """Run `mkt` in the working directory; `batch` rows make a commit, `started` is told the process's id."""
        wish = {
            "arguments": arguments,
            "folder": str(Path.cwd()),
            "environment": dict(os.environ),
            "out": str(self._out),
            "err": str(self._err),
            "batch": batch,
            **vars(point),
        }
        self._send(wish)
        started(int(self._line()))
        code, statements = map(int, self._line().split())
        return Run(code, self._out.read_text(), self._err.read_text(), statements)

    def _send(self, wish: dict[str, object]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(wish) + "\n")
        self._process.stdin.flush()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process that forks has ended"
        return line

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=60)
