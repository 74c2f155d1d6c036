"""What a purge leaves in the file, and a purge that was killed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mkt.contract import Complete
from mkt.store.base import Batch, Key, Row
from mkt.store.sqlite import SqliteStore, purge

KEY = Key("northwind", "roster")
WORDS = b"Lindqvist-4711"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mkt.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with SqliteStore.open(path) as store:
        lease = store.acquire(KEY)
        assert lease is not None
        writer = store.open_sync(lease, run_id="run", streams=["people"], fingerprint="f")
        document = b'{"family_name":"' + WORDS + b'"}'
        rows = [Row("people", str(n), "", document, b"%d" % n) for n in range(3000)]
        writer.write(Batch(rows=rows, cursors={"people": "end"}))
        writer.promote(store._now())
        store.release(lease)
        yield store


def test_the_file_holds_none_of_the_tenants_bytes_any_more(store: SqliteStore, path: Path) -> None:
    assert WORDS in _bytes(path)
    store.purge(KEY.tenant)
    store.close()
    assert WORDS not in _bytes(path)
    assert KEY.tenant.encode() not in _bytes(path)


def test_a_purge_that_was_killed_leaves_no_hold_without_its_staging(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold_everything(store)
    assert len(store.holds()) == 1

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(purge.leftovers, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            store.purge(KEY.tenant)
    assert list(store.holds()) == []


def hold_everything(store: SqliteStore) -> None:
    lease = store.acquire(KEY)
    assert lease is not None
    writer = store.open_sync(lease, run_id="run 2", streams=["people"], fingerprint="f")
    writer.write(Batch(rows=[Row("people", "1", "", b"{}", b"new")], completes=[Complete("people")]))
    writer.hold(connector="scripted", reasons=["too many"], as_of=store._now())
    store.release(lease)


def _bytes(path: Path) -> bytes:
    return b"".join(entry.read_bytes() for entry in sorted(path.parent.iterdir()) if entry.is_file())


def test_a_purge_that_was_killed_is_completed_by_the_next(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(purge, "delete_found", killed)
        with pytest.raises(KeyboardInterrupt):
            store.purge(KEY.tenant)
    assert store.states([KEY]) == {}, "no cursor is left that records would be missing for"
    store.purge(KEY.tenant)
    assert list(store.records()) == []
