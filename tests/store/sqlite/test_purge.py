"""What a purge leaves in the file, and a purge that was killed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mkt.contract import Complete
from mkt.errors import Refused
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
        load(store, KEY, 3000)
        yield store


def load(store: SqliteStore, key: Key, people: int) -> None:
    lease = store.acquire(key)
    assert lease is not None
    writer = store.open_sync(lease, run_id=f"run of {key.integration}", streams=["people"], fingerprint="f")
    document = b'{"family_name":"' + WORDS + b'"}'
    rows = [Row("people", str(n), "", document, b"%016d" % n) for n in range(people)]
    writer.write(Batch(rows=rows, cursors={"people": "end"}))
    writer.promote(store._now())
    store.release(lease)


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


def test_an_integration_that_has_its_first_run_meanwhile_is_told_and_goes_with_the_next_purge(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = Key(KEY.tenant, "late")
    in_chunks = purge.delete_in_chunks

    def begun_meanwhile(*given: Any) -> int:
        if late not in store.known_keys([KEY.tenant]):
            load(store, late, 1)
        return in_chunks(*given)

    with monkeypatch.context() as patch:
        patch.setattr(purge, "delete_in_chunks", begun_meanwhile)
        with pytest.raises(Refused, match="first run meanwhile") as raised:
            store.purge(KEY.tenant)
    assert "purge again" in raised.value.remedy
    assert list(store.records(keys=[KEY])) == []
    store.purge(KEY.tenant)
    assert not store.has_tenant(KEY.tenant)


def hold_everything(store: SqliteStore) -> None:
    lease = store.acquire(KEY)
    assert lease is not None
    writer = store.open_sync(lease, run_id="run 2", streams=["people"], fingerprint="f")
    writer.write(Batch(rows=[Row("people", "1", "", b"{}", b"new".ljust(16))], completes=[Complete("people")]))
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
