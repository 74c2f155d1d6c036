"""A full disk, a store that may not be used: nothing is lost, nothing is half done."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.cli.killing import Forks, Point
from tests.cli.process import records, run
from tests.unprivileged import UNPRIVILEGED

from mkt.connectors.workday_hris.simulator import WorkdaySimulator

STORE = Path(".mkt/mkt.db")
PROMOTES = "insert into integration_records"


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


def test_a_disk_that_fills_up_in_the_promotion_leaves_the_records_as_they_were(
    paged: WorkdaySimulator, tmp_path: Path
) -> None:
    rows = [{"id": f"w{number}", "descriptor": "x" * 500} for number in range(1000)]
    paged.rows = rows
    assert run("sync", "--all").code == 0
    before = records()
    paged.rows = [{**row, "descriptor": "y" * 500} for row in rows[:700]] + rows[700:]
    with Forks(tmp_path) as forks:
        answer = forks.run("sync", "--all", "-o", "table", point=Point(fill=(PROMOTES, 100_000)))
    assert answer.code == 1
    assert "disk" in answer.out
    assert "acts: us" in answer.out
    assert "Traceback" not in answer.err
    assert records() == before
    assert run("sync", "--all").code == 0
    people = run("records", "export", "--stream", "people").lines
    assert sum(person["data"]["formatted_name"][0] == "y" for person in people) == 700


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
