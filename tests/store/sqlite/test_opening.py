"""Files, modes, versions: what the store makes, and what it leaves as it was."""

import os
import re
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.contract import FIELDS
from mkt.errors import StartError
from mkt.store.base import Batch, Key, Row
from mkt.store.sqlite import SqliteStore, opening, schema

KEY = Key("northwind", "roster")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _refused(path: Path) -> StartError:
    """Open a store that cannot be opened, and see that its file is as it was."""
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StartError) as refusal:
        SqliteStore.open(path)
    assert (path.read_bytes() if path.is_file() else None) == before
    assert refusal.value.remedy
    assert str(path) in refusal.value.message
    return refusal.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".mkt" / "mkt.db"


def test_folder_and_files_are_the_owners_alone(path: Path) -> None:
    old = os.umask(0)
    try:
        with SqliteStore.open(path) as store:
            assert store.acquire(KEY) is not None
            store.memory_put(KEY, "m", 1, None)
            assert _mode(path.parent) == 0o700
            files = [file for file in path.parent.rglob("*") if file.is_file()]
            assert {file.name.removeprefix("mkt.db") for file in files} > {"", "-wal", "-shm", ".leases"}
            assert {_mode(file) for file in files} == {0o600}
            assert _mode(path.parent / "holders") == 0o700
    finally:
        os.umask(old)


def test_opening_again_changes_nothing(path: Path) -> None:
    SqliteStore.open(path).close()
    before = path.read_bytes()
    with SqliteStore.open(path) as store:
        assert store.states() == {}
    assert path.read_bytes() == before


def test_many_open_a_new_store_at_once(path: Path) -> None:
    start, faults = threading.Barrier(8), []

    def open_it() -> None:
        start.wait()
        try:
            with SqliteStore.open(path) as store:
                lease = store.acquire(KEY)
                if lease:
                    store.release(lease)
        except Exception as error:  # noqa: BLE001 - collected for the assertion in the main thread
            faults.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_the_file_says_whose_it_is(path: Path) -> None:
    SqliteStore.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma application_id").fetchone() == (schema.APPLICATION_ID,)
        assert connection.execute("pragma user_version").fetchone() == (schema.VERSION,)
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    SqliteStore.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma user_version").fetchone() == (schema.VERSION,)


def test_a_newer_store_is_refused(path: Path) -> None:
    SqliteStore.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"pragma user_version = {schema.VERSION + 1}")
    assert "newer mkt" in _refused(path).message


@pytest.mark.parametrize("version", range(1, schema.VERSION))
def test_a_store_of_an_earlier_version_is_brought_up_and_keeps_what_it_has(path: Path, version: int) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((Path(__file__).parent / "versions" / f"{version}.sql").read_text(encoding="utf-8"))
    with SqliteStore.open(path) as store:
        assert store.states()[Key("northwind", "roster")].last_outcome == "ok"
    new = path.with_name("new.db")
    SqliteStore.open(new).close()
    assert _tables(path) == _tables(new)


def _tables(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("select type, name, sql from sqlite_master order by type, name").fetchall()


@pytest.mark.parametrize("wal", [True, False])
def test_another_programs_database_is_refused(path: Path, *, wal: bool) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        if wal:
            connection.execute("pragma journal_mode = wal")
        connection.execute("create table bookmarks (url text)")
        connection.commit()
        assert "another program's" in _refused(path).message


@given(content=st.binary(min_size=1, max_size=200))
def test_a_file_that_is_no_database_is_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("store") / "mkt.db"
    path.write_bytes(content)
    assert "no SQLite database" in _refused(path).message


def test_a_damaged_database_is_refused(path: Path) -> None:
    SqliteStore.open(path).close()
    content = bytearray(path.read_bytes())
    content[100:4096] = b"\xff" * 3996
    path.write_bytes(content)
    assert "damaged" in _refused(path).message


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    _refused(tmp_path / "file" / "mkt.db")
    _refused(Path("/proc/mkt/mkt.db"))
    (tmp_path / "folder").mkdir()
    _refused(tmp_path / "folder")


_AS_NOBODY = """
import os, sys
from pathlib import Path
from mkt.errors import StartError
from mkt.store.sqlite import SqliteStore
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    SqliteStore.open(Path(sys.argv[1]))
except StartError as error:
    print(error.message, error.remedy)
    sys.exit(2)
"""


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_store_that_may_only_be_read_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "mkt.db"
    SqliteStore.open(path).close()
    for folder in tmp_path.parents[: len(tmp_path.parents) - 2]:
        folder.chmod(0o755)
    path.chmod(0o444 if what == "file" else 0o666)
    tmp_path.chmod(0o555)
    before = path.read_bytes()
    child = subprocess.run([sys.executable, "-c", _AS_NOBODY, path], capture_output=True, text=True, check=False)
    tmp_path.chmod(0o755)
    assert child.returncode == 2, child.stderr
    assert str(path) in child.stdout
    assert path.read_bytes() == before


def test_a_network_file_system_is_refused(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nfiler:/home {tmp_path} nfs4 rw 0 0\n")
    monkeypatch.setattr(opening, "MOUNTS", mounts)
    assert "nfs4" in _refused(path).message


def test_the_innermost_and_latest_mount_counts() -> None:
    mounts = "a / ext4\nb /mnt/a\\040b nfs rw 0 0\nc /mnt/a\\040b xfs rw 0 0\nd /mnt/a\\040b/deep cifs rw 0 0\nbroken"
    assert opening.mount_type(Path("/mnt/a b"), mounts) == "xfs"
    assert opening.mount_type(Path("/mnt/a b/deep/er"), mounts) == "cifs"
    assert opening.mount_type(Path("/mnt/a bc"), mounts) == "ext4"
    assert opening.mount_type(Path("/mnt"), "") == ""


def test_the_views_show_typed_columns(path: Path) -> None:
    data = b'{"user_name": "ada", "active": true, "title": null}'
    deal = b'{"amount": "10.50", "is_won": false, "products": ["a", "b"]}'
    with SqliteStore.open(path) as store:
        lease = store.acquire(KEY)
        assert lease is not None
        writer = store.open_sync(lease, run_id="r", streams={"people", "opportunities"}, fingerprint="f")
        writer.write(
            Batch(rows=[Row("people", "1", "", data, bytes(16)), Row("opportunities", "2", "", deal, bytes(16))])
        )
    with closing(sqlite3.connect(path)) as connection:
        fixed = "tenant, integration, external_id, seq, deleted"
        people = connection.execute(f"select {fixed}, user_name, active, title, email from people").fetchall()  # noqa: S608
        assert people == [("northwind", "roster", "1", 1, 0, "ada", 1, None, None)]
        deals = connection.execute(
            "select amount, is_won, products, typeof(changed_at) from opportunities"
        ).fetchall()
        assert deals == [("10.50", 0, '["a","b"]', "text")]


@pytest.mark.parametrize("stream", FIELDS)
def test_every_stream_has_a_view_of_its_fields(path: Path, stream: str) -> None:
    with SqliteStore.open(path), closing(sqlite3.connect(path)) as connection:
        names = [column[1] for column in connection.execute(f"pragma table_info({stream})")]
    fixed = ["tenant", "integration", "external_id", "seq", "changed_at", "first_seen_at", "deleted"]
    assert names == [*fixed, *FIELDS[stream]]  # type: ignore[index]
    assert all(re.fullmatch("[a-z_]+", name) for name in names)


def test_no_statement_needs_a_newer_sqlite_than_is_asked_for() -> None:
    """SQLite knows `->>` since 3.38; Ubuntu 22.04 brings 3.37. https://www.sqlite.org/releaselog/3_38_0.html"""
    newer = [path.name for path in Path(opening.__file__).parent.glob("*.py") if "->>" in path.read_text("utf-8")]
    assert newer == []
