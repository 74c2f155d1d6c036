"""`mkt lint` over many files, which several processes read: whatever ends one of them ends all, and quietly."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cli.front import Project
from tests.cli.process import MKT, SECONDS, run

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere one process does all")
FILES = 4000
WRONG = """\
tenant: t{number}
integrations:
  - connector: workday-hriss
    shedule: "@daily"
    settings: {{base_url: https://wd5.workday.com, tenant: t{number}}}
"""
ON_ONE_CORE = (
    sys.executable,
    "-c",
    "import os, sys; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); os.execv(sys.argv[1], sys.argv[1:])",
)


@pytest.fixture
def fleet(project: Project) -> Project:
    for number in range(FILES):
        (project.root / "configs" / f"t{number}.yaml").write_text(WRONG.format(number=number))
    return project


@pytest.fixture
def working(fleet: Project) -> Iterator[subprocess.Popen[bytes]]:
    """`mkt lint` in a process group of its own, with a second process at work."""
    assert fleet
    with subprocess.Popen(
        [*MKT, "lint"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as mkt:
        until(lambda: mkt.poll() is not None or bool(helpers(mkt.pid)))
        if mkt.poll() is None:
            yield mkt
        else:
            pytest.skip("one core: nothing is shared")


def helpers(pid: int) -> list[int]:
    """Return the processes that a process has forked and that live."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = status.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(status.parent.name))
    return found


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        os.sched_yield()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_all_processes_without_a_traceback(
    working: subprocess.Popen[bytes], number: signal.Signals, code: int
) -> None:
    own = helpers(working.pid)
    os.killpg(working.pid, number)
    _, said = working.communicate(timeout=SECONDS)
    assert (working.returncode, b"Traceback" in said) == (code, False)
    assert all(map(is_gone, own))


def test_a_helper_ends_soon_after_a_parent_that_was_killed(working: subprocess.Popen[bytes]) -> None:
    own = helpers(working.pid)
    working.kill()
    until(lambda: all(map(is_gone, own)))


def test_a_helper_that_is_killed_changes_nothing(working: subprocess.Popen[bytes]) -> None:
    for pid in helpers(working.pid):
        os.kill(pid, signal.SIGKILL)
    out, said = working.communicate(timeout=SECONDS)
    assert (working.returncode, said) == (1, b"")
    assert f"{2 * FILES:,}".encode() in out


def test_a_reader_that_leaves_ends_it_quietly(fleet: Project) -> None:
    command = [*MKT, "lint", "-o", "jsonl"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=fleet.root) as mkt:
        assert mkt.stdout
        assert mkt.stderr
        assert mkt.stdout.readline().startswith(b"{")
        mkt.stdout.close()
        assert mkt.stderr.read() == b""


def test_one_core_finds_what_two_find(fleet: Project) -> None:
    all_cores = run("lint", "-o", "json", cwd=fleet.root)
    one_core = run("lint", "-o", "json", before=ON_ONE_CORE, cwd=fleet.root)
    assert all_cores == one_core
    assert all_cores.code == 1
