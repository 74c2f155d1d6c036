"""What is left of a large staging once it is applied."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mkt.errors import StoreError
from mkt.store.base import Batch, Key, Row
from mkt.store.sqlite import SqliteStore, leftovers

KEY = Key("northwind", "roster")
ROWS = 2500


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mkt.db"


@pytest.fixture
def store(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteStore]:
    monkeypatch.setattr(leftovers, "_LARGE", 1000)
    with SqliteStore.open(path) as store:
        sync(store, "first load")
        yield store


def sync(store: SqliteStore, run_id: str) -> None:
    lease = store.acquire(KEY)
    assert lease is not None
    writer = store.open_sync(lease, run_id=run_id, streams=["people"], fingerprint="f")
    writer.write(Batch(rows=[Row("people", str(n), "", b"{}", run_id.encode().ljust(16)) for n in range(ROWS)]))
    writer.promote(store._now())
    store.release(lease)


def staged(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        tables = ("integration_staging", "integration_staging_seen", "integration_staging_runs")
        counts = [connection.execute(f"select count(*) from {table}").fetchone()[0] for table in tables]  # noqa: S608
    return sum(counts)


def test_a_large_staging_is_gone_after_its_promotion(store: SqliteStore, path: Path) -> None:
    sync(store, "second")
    assert staged(path) == 0


def test_what_cannot_be_removed_is_removed_by_the_next_run_and_the_records_stand(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise StoreError("the disk is full", remedy="free some")

    with monkeypatch.context() as patch:
        patch.setattr(leftovers, "remove", full)
        sync(store, "second")
    assert staged(path) > ROWS
    assert sum(1 for _ in store.records()) == ROWS
    sync(store, "third")
    assert staged(path) == 0
