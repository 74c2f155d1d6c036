"""Backups of the SQLite store."""

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mkt.errors import Refused, StoreError
from mkt.store.base import Batch, Key, Row
from mkt.store.sqlite import SqliteStore, backup

KEY = Key("northwind", "roster")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "mkt.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with SqliteStore.open(path) as store:
        _load(store, KEY, 50)
        yield store


def _load(store: SqliteStore, key: Key, number: int) -> None:
    lease = store.acquire(key)
    assert lease is not None
    writer = store.open_sync(lease, run_id="/".join(key), streams=["people"], fingerprint="f")
    rows = [Row("people", str(n), "", b'{"family_name":"Lindqvist"}', b"%016d" % n) for n in range(number)]
    writer.write(Batch(rows=rows))
    writer.promote(store._now())
    store.release(lease)


def test_a_backup_is_a_store_with_the_same_records(store: SqliteStore, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    store.backup(copy)
    with SqliteStore.open(copy) as other:
        assert list(other.records()) == list(store.records())


def test_a_backup_is_one_file_that_only_its_owner_reads(store: SqliteStore, tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        store.backup(tmp_path / "copy.db")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["copy.db", "store"]
    with closing(sqlite3.connect(f"file:{tmp_path / 'copy.db'}?mode=ro&immutable=1", uri=True)) as copy:
        assert copy.execute("pragma journal_mode").fetchone() == ("delete",)


def test_a_backup_overwrites_nothing(store: SqliteStore, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("precious")
    with pytest.raises(Refused, match="overwrites nothing"):
        store.backup(tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "precious"


def test_a_backup_into_no_folder_is_refused(store: SqliteStore, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="No such file or directory"):
        store.backup(tmp_path / "nowhere" / "copy.db")


def test_others_write_while_a_backup_is_made_and_it_is_of_one_moment(
    store: SqliteStore, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _load(store, KEY._replace(tenant="large"), 2000)
    monkeypatch.setattr(backup, "_PAGES", 1)
    stop = threading.Event()

    def write() -> None:
        with SqliteStore.open(path) as other:
            while not stop.is_set():
                other.memory_put(KEY, "n", 1, None)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        store.backup(tmp_path / "copy.db")
    finally:
        stop.set()
        writer.join()
    with SqliteStore.open(tmp_path / "copy.db") as copy:
        assert len(list(copy.records())) == 2050


def test_a_damaged_store_gives_no_backup(store: SqliteStore, path: Path, tmp_path: Path) -> None:
    store.close()
    content = bytearray(path.read_bytes())
    with closing(sqlite3.connect(path)) as connection:
        ((page,),) = connection.execute(
            "select rootpage from sqlite_master where name = 'integration_records_gone'"
        ).fetchall()
        ((size,),) = connection.execute("pragma page_size").fetchall()
        ((table,),) = connection.execute("select rootpage from sqlite_master where name = 'integration_memory'")
    # Two roots changed places: each is a good page, but of something else.
    one, two = slice((page - 1) * size, page * size), slice((table - 1) * size, table * size)
    content[one], content[two] = content[two], content[one]
    path.write_bytes(content)
    with SqliteStore.open(path) as damaged, pytest.raises(StoreError, match="damaged"):
        damaged.backup(tmp_path / "copy.db")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["store"]
