"""Whole processes, timed from outside, and a server beside them."""

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).parent
ROOT = BENCH.parent


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison; `target` is the highest ratio that is good or, with `at_least`, the lowest."""

    name: str
    mkt: str
    peer: str
    ratio: float
    target: float
    at_least: bool = False

    @property
    def good(self) -> bool:
        return self.ratio >= self.target if self.at_least else self.ratio <= self.target

    def __str__(self) -> str:
        limit = f"{'>=' if self.at_least else '<='} {self.target:g}x  {'ok' if self.good else 'MISSED'}"
        return f"{self.name:<58} {self.mkt:>12} {self.peer:>12} {self.ratio:>6.2f}x  {limit}"


def peer_command(name: str, *arguments: str) -> list[str]:
    """Return a command of the environment that has the peers which mkt itself does not need."""
    command = ROOT / ".venv-bench" / "bin" / name
    if not command.exists():
        sys.exit(f"there is no {name} in .venv-bench: `make bench` puts it there")
    return [str(command), *arguments]


def peer_python(file: str, *arguments: str) -> list[str]:
    """Return the same, of a file in peers/."""
    return peer_command("python", str(BENCH / "peers" / file), *arguments)


def python(module_or_file: str, *arguments: str) -> list[str]:
    return [sys.executable, str(BENCH / "peers" / module_or_file), *arguments]


def mkt(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "mkt", *arguments]


def run(command: Sequence[str], folder: Path, environ: Mapping[str, str] | None = None) -> tuple[float, int]:
    """Return how long a process took, in seconds, and its peak memory in KiB."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", **(environ or {})}
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    complaint = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.stderr.close()
    took = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} exited with {process.returncode}:\n{complaint.decode()[-2000:]}")
    return took, _kib(usage)


def output(command: Sequence[str], folder: Path, environ: Mapping[str, str] | None = None) -> str:
    """Return what a process prints."""
    environment = {**os.environ, **(environ or {})}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} exited with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


def alternating(times: int, one: Callable[[], float], other: Callable[[], float]) -> tuple[float, float]:
    """Return the medians of two measurements that take turns."""
    pairs = [(one(), other()) for _ in range(times)]
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


@contextmanager
def partner(workers: int, pause: float, generation: str = "") -> Iterator[str]:
    """Serve that many workers and yield the root URL."""
    command = [sys.executable, "-m", "bench.server", str(workers), str(pause), generation]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait()


def _kib(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss // 1024 if sys.platform == "darwin" else usage.ru_maxrss
