"""A full disk, a locked file, a killed process: nothing half done, and the store goes on afterwards."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from mkt.contract import Complete
from mkt.errors import StoreError
from mkt.store.base import Batch, Key, Row
from mkt.store.sqlite import SqliteStore, connection

KEY = Key("northwind", "roster")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".mkt" / "mkt.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with SqliteStore.open(path) as store:
        yield store


def _rows(first: int, number: int) -> list[Row]:
    return [
        Row("people", f"{n:06}", "", b'"' + b"x" * 900 + b'"', b"%016d" % n) for n in range(first, first + number)
    ]


@pytest.mark.parametrize("what", ["removed", "replaced"])
def test_a_store_that_is_taken_away_is_told_and_nothing_goes_on_with_it(
    store: SqliteStore, path: Path, what: str
) -> None:
    lease = store.acquire(KEY)
    assert lease is not None
    writer = store.open_sync(lease, run_id="r", streams={"people"}, fingerprint="f")
    writer.write(Batch(rows=_rows(0, 10), cursors={"people": 1}))
    writer.settle()
    path.rename(path.with_name("elsewhere.db"))
    if what == "replaced":
        path.write_bytes(b"")
    for use in (partial(writer.write, Batch(rows=_rows(10, 10))), store.counts, partial(store.release, lease)):
        with pytest.raises(StoreError, match=f"was {what} while mkt worked with it"):
            use()
    if what == "replaced":
        path.unlink()
    path.with_name("elsewhere.db").rename(path)
    assert store.counts() == {(KEY, "people"): (10, 0)}


def test_a_store_that_is_taken_away_before_its_first_use_is_not_made_anew(store: SqliteStore, path: Path) -> None:
    path.unlink()
    with pytest.raises(StoreError, match="was removed while mkt worked with it"):
        store.states()
    assert not path.exists()


def test_a_full_disk_is_told_rolled_back_and_outlived(store: SqliteStore) -> None:
    lease = store.acquire(KEY)
    assert lease is not None
    writer = store.open_sync(lease, run_id="r", streams={"people"}, fingerprint="f")
    writer.write(Batch(rows=_rows(0, 10), cursors={"people": 1}))
    with store._database.write() as connection:
        ((pages,),) = connection.execute("pragma page_count").fetchall()
    assert store._database._writer is not None
    store._database._writer.execute(f"pragma max_page_count = {pages + 20}")
    writer.write(Batch(rows=_rows(10, 1000), cursors={"people": 2}))
    with pytest.raises(StoreError, match="disk is full") as full:
        writer.settle()
    assert "space" in full.value.remedy
    assert store.counts() == {(KEY, "people"): (10, 0)}
    store._database._writer.execute("pragma max_page_count = 1000000")
    again = store.open_sync(lease, run_id="r2", streams={"people"}, fingerprint="f")
    assert again.cursor("people") == 1
    again.write(Batch(rows=_rows(10, 1000), cursors={"people": 2}))
    again.settle()
    assert again.changes()["people"].created == 1000
    assert store.counts() == {(KEY, "people"): (1010, 0)}


_LIMITED = """
import resource, sys
from pathlib import Path
from mkt.errors import StoreError
from mkt.store.base import Batch, Key, Row
from mkt.store.sqlite import SqliteStore

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

with SqliteStore.open(Path(sys.argv[1])) as store:
    lease = store.acquire(Key("northwind", "roster"))
    writer = store.open_sync(lease, run_id="r", streams={"people"}, fingerprint="f")
    small = Row("people", "1", "", b'""', b"1" * 16)
    large = Row("people", "2", "", b'"' + b"x" * 900_000 + b'"', b"2" * 16)
    for row in small, large:
        limit(500_000 if row is large else resource.RLIM_INFINITY)
        writer.write(Batch(rows=[row], cursors={"people": row.external_id}))
    for call in writer.settle, writer.changes, lambda: writer.write(Batch(rows=[small])):
        try:
            call()
        except StoreError as error:
            print(error.message, error.remedy)
    assert sum(store.counts()[lease.key, "people"]) == 1
    limit(resource.RLIM_INFINITY)
    again = store.open_sync(lease, run_id="r2", streams={"people"}, fingerprint="f")
    assert again.cursor("people") == "1"
    again.write(Batch(rows=[large]))
    again.settle()
    assert sum(store.counts()[lease.key, "people"]) == 2
"""


def test_a_disk_that_fails_at_a_commit_is_told_by_every_later_call_and_outlived(path: Path) -> None:
    child = subprocess.run([sys.executable, "-c", _LIMITED, path], capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    assert child.stdout.count("nothing of this step was written") == 3


def test_a_file_that_stays_locked_is_told(store: SqliteStore, path: Path) -> None:
    store.memory_put(KEY, "m", 1, None)
    assert store._database._writer is not None
    store._database._writer.execute("pragma busy_timeout = 1")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        with pytest.raises(StoreError, match="another process kept it locked"):
            store.memory_put(KEY, "m", 2, None)
        other.execute("rollback")
    store.memory_put(KEY, "m", 3, None)


def test_a_long_write_does_not_hold_up_heartbeats_or_readers(store: SqliteStore, path: Path) -> None:
    lease = store.acquire(KEY)
    assert lease is not None
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        store.renew([lease])
        assert store.states() == {}
        with SqliteStore.open(path) as second:
            assert second.runs() == []
        other.execute("rollback")


def test_a_closed_store_says_so(store: SqliteStore) -> None:
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.states()
    with pytest.raises(StoreError, match="closed"):
        store.memory_put(KEY, "m", 1, None)


def test_a_bug_in_a_statement_is_no_fault_of_the_disk(store: SqliteStore) -> None:
    with pytest.raises(sqlite3.OperationalError), store._database.read() as reader:
        reader.execute("select nothing from nowhere")
    error = sqlite3.OperationalError("no such table")
    assert connection.fault(error) is None


def test_a_full_disk_is_called_that_where_the_shared_file_cannot_grow() -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    found = connection.fault(error)
    assert found is not None
    assert found[0] == "the disk is full"


_WORK = """
import sys
from itertools import count
from pathlib import Path
from mkt.store.base import Batch, Key, Row
from mkt.store.sqlite import SqliteStore
store = SqliteStore.open(Path(sys.argv[1]))
lease = store.acquire(Key("northwind", "roster"))
assert lease is not None
writer = store.open_sync(lease, run_id=sys.argv[2], streams={"people"}, fingerprint="f")
start = writer.cursor("people") or 0
print("started", start, flush=True)
for page in count(start):
    rows = [Row("people", f"{n:06}", "", b'"%d"' % n, b"%016d" % n) for n in range(page * 50, page * 50 + 50)]
    writer.write(Batch(rows=rows, cursors={"people": page + 1}))
    if sys.argv[3] == "settled":
        writer.settle()
    print(page, flush=True)
"""


def _killed_after(path: Path, run_id: str, pages: int, *, settled: bool = True) -> tuple[int, int]:
    """Let a process write at least so many pages, kill it, and return where it started and what it had written."""
    command = [sys.executable, "-c", _WORK, str(path), run_id, "settled" if settled else "on its way"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        first = child.stdout.readline()
        assert first.startswith("started"), child.stderr.read()
        written = [child.stdout.readline() for _ in range(pages)]
        os.kill(child.pid, signal.SIGKILL)
        written += child.stdout.read().splitlines()
        child.wait()
    return int(first.split()[1]), int(written[-1]) + 1


@pytest.mark.parametrize("settled", [True, False])
def test_a_killed_process_loses_no_stored_page_and_its_lease_at_once(path: Path, *, settled: bool) -> None:
    with SqliteStore.open(path) as store:
        for number, run_id in enumerate(("r1", "r2", "r3")):
            before = store.states().get(KEY)
            start, written = _killed_after(path, run_id, 5 + number, settled=settled)
            assert start == (before.streams["people"].cursor if before else 0)
            cursor = store.states()[KEY].streams["people"].cursor
            # Killed between the commit and the word of it, or with the last page on its way.
            assert cursor in {written, written + 1, *([] if settled else [written - 1])}
            assert store.counts() == {(KEY, "people"): (cursor * 50, 0)}
        assert len(list((path.parent / "holders").iterdir())) == 1
        lease = store.acquire(KEY)
        assert lease is not None
        (holder,) = (path.parent / "holders").iterdir()
        assert lease.holder.startswith(holder.name)


def test_a_killed_staged_run_goes_on_where_it_was(path: Path) -> None:
    with SqliteStore.open(path) as store:
        lease = store.acquire(KEY)
        assert lease is not None
        first = store.open_sync(lease, run_id="r0", streams={"people"}, fingerprint="f")
        first.promote(store._now())
        store.release(lease)
        _killed_after(path, "r1", 5)
        assert store.counts() == {}
        start, _ = _killed_after(path, "r2", 5)
        assert start >= 5
        lease = store.acquire(KEY)
        assert lease is not None
        last = store.open_sync(lease, run_id="r3", streams={"people"}, fingerprint="f")
        assert last.resumed
        changes = last.promote(store._now())["people"]
        assert changes.created == last.cursor("people") * 50  # type: ignore[operator]
        assert store.counts() == {(KEY, "people"): (changes.created, 0)}


def test_a_lease_whose_epoch_cannot_be_written_is_not_taken(store: SqliteStore, path: Path) -> None:
    store.memory_put(KEY, "m", 1, None)
    assert store._database._writer is not None
    store._database._writer.execute("pragma busy_timeout = 1")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        with pytest.raises(StoreError):
            store.acquire(KEY)
        other.execute("rollback")
    with SqliteStore.open(path) as second:
        assert second.acquire(KEY) is not None


def test_leases_that_cannot_be_kept_are_a_fault_of_ours(store: SqliteStore, path: Path) -> None:
    (path.parent / "holders").touch()
    with pytest.raises(StoreError, match="leases beside") as fault:
        store.acquire(KEY)
    assert fault.value.actor == "us"
    assert fault.value.remedy


_TOO_SMALL = """
import resource, sys
from pathlib import Path
from mkt.errors import StartError
from mkt.store.sqlite import SqliteStore
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
try:
    SqliteStore.open(Path(sys.argv[1]))
except StartError as error:
    print(error.message, error.remedy)
"""


def test_a_store_that_finds_no_room_leaves_no_file(path: Path) -> None:
    child = subprocess.run([sys.executable, "-c", _TOO_SMALL, path], capture_output=True, text=True, check=False)
    assert str(path) in child.stdout, child.stderr
    assert list(path.parent.iterdir()) == []
    SqliteStore.open(path).close()


def test_the_switch_to_wal_waits_for_who_has_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with (
        closing(connection.connect(path, busy_seconds=0.01)) as ours,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("begin immediate")
        with pytest.raises(sqlite3.OperationalError) as busy:
            connection.use_wal(ours)
        assert connection.fault(busy.value) is not None
        other.execute("rollback")
        connection.use_wal(ours)
        assert ours.execute("pragma journal_mode").fetchone() == ("wal",)


def test_runs_that_are_over_leave_nothing_behind(store: SqliteStore) -> None:
    def run(run_id: str, rows: list[Row], *completes: Complete) -> None:
        lease = store.acquire(KEY)
        assert lease is not None
        writer = store.open_sync(lease, run_id=run_id, streams={"people"}, fingerprint="f")
        writer.write(Batch(rows=rows, completes=list(completes), cursors={"people": 1}))
        writer.promote(store._now())
        store.release(lease)

    here = [row._replace(scope=scope) for row in _rows(0, 20) for scope in ("", "a")]
    run("r1", here)
    run("r2", here[:10], Complete("people", "", "offset"), Complete("people", "a", "offset"))
    run("r3", [row._replace(document=None) for row in _rows(0, 20)])
    assert store.counts() == {(KEY, "people"): (0, 20)}
    with store._database.read() as reader:
        tables = [
            name
            for (name,) in reader.execute("select name from sqlite_master where type = 'table'")
            if name.startswith(("integration_staging", "integration_absences", "integration_record_scopes"))
        ]
        left = {name: reader.execute(f"select count(*) from {name}").fetchone()[0] for name in tables}  # noqa: S608
    assert set(left.values()) == {0}, left
