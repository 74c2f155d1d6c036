"""Rows in any number, and the batches that are written with them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.store.base import Batch, Key, Row
from mkt.store.sqlite import SqliteStore
from mkt.store.sqlite.many import ROWS, insert_many

KEY = Key("northwind", "roster")


@given(number=st.integers(0, 3 * ROWS))
def test_any_number_of_rows_is_inserted_in_order(number: int) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("create table t (n integer, fixed integer)")
        rows = ((n,) for n in range(number))
        insert_many(connection, "insert into t (n, fixed) values {rows}", "(?, 7)", rows)
        found = connection.execute("select n, fixed from t order by rowid").fetchall()
    assert found == [(n, 7) for n in range(number)]


@pytest.mark.parametrize("loaded", [True, False], ids=["staged", "direct"])
def test_a_large_batch_keeps_the_order_and_the_last_value(tmp_path: Path, *, loaded: bool) -> None:
    ids = [f"{n * 7919 % 1000:03}" for n in range(2 * ROWS + 3)]
    first = [Row("people", key, "", b'{"title":"a"}', b"a" * 16) for key in ids]
    again = [Row("people", key, "", b'{"title":"b"}', b"b" * 16) for key in ids[::2]]
    with SqliteStore.open(tmp_path / "mkt.db") as store:
        lease = store.acquire(KEY)
        assert lease is not None
        if loaded:
            store.open_sync(lease, run_id="r1", streams={"people"}, fingerprint="f").promote(store._now())
        writer = store.open_sync(lease, run_id="r2", streams={"people"}, fingerprint="f")
        assert writer.direct is not loaded
        writer.write(Batch(rows=[*first, *again]))
        assert writer.promote(store._now())["people"].created == len(ids)
        found = [(record.external_id, record.data["title"]) for record in store.records()]
    assert found == [(key, "b" if n % 2 == 0 else "a") for n, key in enumerate(ids)]
