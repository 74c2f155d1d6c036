"""Killed at any instant, a full disk, a store that may not be used: nothing is lost, nothing is half done."""

import os
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.cli.process import Gate, ended, expected, live, records, run, start
from tests.unprivileged import UNPRIVILEGED

from mkt.connectors.workday_hris.simulator import WorkdaySimulator

SEEDS = range(int(os.environ.get("CRASH_SEEDS", "3")))
PAGES = 44
"""So many requests one sync of the paged partner makes, the one for a token included."""
STORE = Path(".mkt/mkt.db")


def _killed_somewhere(paged: WorkdaySimulator, seed: int) -> int:
    """Run a sync and kill it at a random request or shortly after it; return its exit code."""
    chance = random.Random(seed)  # noqa: S311 - the same points in each run
    gate = Gate()
    paged.inject(gate, after=chance.randrange(PAGES))
    with start("sync", "--all") as mkt:
        gate.wait()
        time.sleep(chance.choice([0, 0.002, 0.01, 0.03, 0.1]))  # into a commit or the promotion, not for anything
        mkt.kill()
        return ended(mkt).code


@pytest.mark.parametrize("seed", SEEDS)
def test_a_first_load_that_was_killed_is_brought_to_its_end_by_the_next_sync(
    paged: WorkdaySimulator, seed: int
) -> None:
    assert _killed_somewhere(paged, seed) in (-9, 0)
    assert run("sync", "--all").code == 0
    assert live() == expected(paged, "rest")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_sync_that_was_killed_shows_nothing_half_done_and_loses_nothing(paged: WorkdaySimulator, seed: int) -> None:
    assert run("sync", "--all").code == 0
    before = live()
    paged.change()
    assert _killed_somewhere(paged, 1000 + seed) in (-9, 0)
    after = live()
    assert after == before or after >= expected(paged, "rest")  # who left a listing by offset stays for one more
    assert run("sync", "--all").code == 0  # at once: the lease of the dead is nobody's
    assert run("sync", "--all").code == 0
    assert live() == expected(paged, "rest")


def _limited(kilobytes: int) -> tuple[str, ...]:
    """Put before a command: no file may grow beyond this, as on a disk that is full."""
    return ("/bin/bash", "-c", f'ulimit -f {kilobytes}; exec "$@"', "bash")


def test_a_disk_that_is_full_from_the_start_makes_no_store(paged: WorkdaySimulator) -> None:
    answer = run("sync", before=_limited(1))
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"mkt: the store {STORE.absolute()} cannot be used: ")
    assert not paged.requests
    assert not STORE.exists()


def test_a_disk_that_fills_up_within_a_sync_leaves_the_records_as_they_were(paged: WorkdaySimulator) -> None:
    assert run("sync", "--all").code == 0
    before = records()
    paged.rows = [{"id": f"new{number}", "descriptor": "x" * 500} for number in range(400)]
    answer = run("sync", "--all", "-o", "table", before=_limited(128))
    assert answer.code in (1, 2)
    assert "disk" in answer.out + answer.err
    assert "Traceback" not in answer.err
    assert records() == before
    paged.rows = None
    assert run("sync", "--all").code == 0
    assert records() == before


def _make_newer() -> None:
    with closing(sqlite3.connect(STORE)) as connection:
        connection.execute("pragma user_version = 99")
        connection.execute("pragma journal_mode = delete")


def _make_text() -> None:
    STORE.write_text("not a database")


COMMANDS = (("sync",), ("verify",), ("status",), ("runs", "list"), ("events",), ("records", "export"))


@pytest.mark.usefixtures("paged")
@pytest.mark.parametrize(
    ("damage", "words"),
    [(_make_newer, "was written by a newer mkt"), (_make_text, "is no SQLite database; it was left as it is")],
)
def test_a_store_that_is_not_ours_to_use_is_left_as_it_is(damage: Callable[[], None], words: str) -> None:
    assert run("status").code == 0
    damage()
    before = STORE.read_bytes()
    for command in COMMANDS:
        answer = run(*command)
        assert (answer.code, answer.out) == (2, "")
        assert words in answer.err
        assert "\n  -> " in answer.err
    assert STORE.read_bytes() == before
    assert run("doctor").code == 1


@pytest.mark.usefixtures("paged")
def test_a_store_that_may_only_be_read_stops_the_start() -> None:
    assert run("sync").code == 0
    before = STORE.read_bytes()
    STORE.chmod(0o400)
    STORE.parent.chmod(0o500)
    answers = [run(*command, before=UNPRIVILEGED) for command in COMMANDS]
    STORE.parent.chmod(0o700)
    assert {(answer.code, answer.out) for answer in answers} == {(2, "")}
    assert all("Permission denied" in answer.err for answer in answers)
    assert STORE.read_bytes() == before


@pytest.mark.usefixtures("paged")
def test_a_store_in_the_place_of_a_folder_or_below_a_file_stops_the_start() -> None:
    Path("file").touch()
    Path("folder").mkdir()
    for place in ("file/mkt.db", "folder", "/dev/full", "x" * 300):
        answer = run("sync", "--store", f"sqlite:{place}")
        assert (answer.code, answer.out) == (2, "")
        assert "\n  -> " in answer.err
