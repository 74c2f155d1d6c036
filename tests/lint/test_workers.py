"""Work shared among forked processes. Linux only, as forking is."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mkt.lint.workers import processes, shared_out

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere one process does all")
HERE = os.getpid()


def children() -> set[str]:
    """Return our processes; other tests may have servers that run to the end of the session."""
    return {pid for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()}


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    before = children()
    yield
    assert children() == before


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("pieces", [0, 1, 7, 200])
def test_results_come_in_the_order_of_the_work(workers: int, pieces: int) -> None:
    assert shared_out(pieces, lambda piece: piece * piece, workers) == [piece * piece for piece in range(pieces)]


def test_several_processes_work() -> None:
    (heard, said), (met, told) = os.pipe(), os.pipe()

    def work(_: int) -> int:
        """Let the two pieces wait for each other: one process alone would wait for ever."""
        here = os.getpid() == HERE
        os.write(said if here else told, b"x")
        os.read(met if here else heard, 1)
        return os.getpid()

    assert len(set(shared_out(2, work, 2))) == 2
    for end in (heard, said, met, told):
        os.close(end)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_what_a_process_had_taken_that_died_is_done_all_the_same(number: signal.Signals) -> None:
    def work(piece: int) -> int:
        if os.getpid() != HERE:
            os.kill(os.getpid(), number)
        return piece

    assert shared_out(50, work, 3) == list(range(50))


def test_a_fault_in_a_helper_is_raised_here(capfd: pytest.CaptureFixture[str]) -> None:
    def work(piece: int) -> int:
        return 1 // (piece - 30)

    with pytest.raises(ZeroDivisionError):
        shared_out(50, work, 2)
    assert capfd.readouterr().err == ""


def test_an_interrupt_leaves_no_process_and_no_open_file_behind() -> None:
    def work(piece: int) -> int:
        if os.getpid() == HERE:
            raise KeyboardInterrupt
        return len(str(10**piece)) + signal.sigwait({signal.SIGUSR1})  # for ever

    before = {path.name for path in Path("/proc/self/fd").iterdir()}
    with pytest.raises(KeyboardInterrupt):
        shared_out(50, work, 3)
    assert {path.name for path in Path("/proc/self/fd").iterdir()} == before


def test_results_larger_than_a_pipe_arrive() -> None:
    assert shared_out(3, lambda piece: str(piece) * 1_000_000, 2) == [str(piece) * 1_000_000 for piece in range(3)]


def test_beside_another_thread_nothing_is_forked() -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    assert processes() == 1
    over.set()
    thread.join()
