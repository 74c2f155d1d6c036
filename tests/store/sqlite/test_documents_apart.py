"""Documents stand apart from their records: none is left behind, none is missing, and none is another's."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.store.conftest import KEY, Clock, Syncs, gone, row

from mkt.contract import Complete
from mkt.store.base import Batch, IntegrationState, Key, Retention, StoredRecord
from mkt.store.deliveries import Delivery, Effects
from mkt.store.sqlite import SqliteStore, leftovers

_UNKNOWN = """
    select count(*) from integration_documents
    where document not in (select document from integration_records)
      and document not in (select document from integration_staging where document is not null)"""
_MISSING = """
    select count(*) from (
        select document from integration_records
        union all select document from integration_staging where document is not null)
    where document not in (select document from integration_documents)"""
_SHARED = """
    select count(*) - count(distinct document) from (
        select document from integration_records
        union all select document from integration_staging where document is not null)"""
NONE = (0, 0, 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".mkt" / "mkt.db"


@pytest.fixture
def store(path: Path, clock: Clock) -> Iterator[SqliteStore]:
    with SqliteStore.open(path, now=clock.now, monotonic=clock.monotonic) as opened:
        yield opened


def amiss(path: Path) -> tuple[int, ...]:
    """Count documents of nobody, documents that are not there, and documents of two."""
    with closing(sqlite3.connect(path)) as connection:
        return tuple(connection.execute(statement).fetchone()[0] for statement in (_UNKNOWN, _MISSING, _SHARED))


def documents(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute("select count(*) from integration_documents").fetchone()
        return int(count)


def test_a_first_load_that_says_something_twice_keeps_the_last(syncs: Syncs, path: Path) -> None:
    writer = syncs.open()
    writer.write(Batch(rows=[row("w1", "Ada"), row("w1", "Ada Lovelace"), row("w2", "Bob")]))
    writer.write(Batch(rows=[row("w2", "Bobby"), gone("w1"), row("w3", "Cy")]))
    writer.write(Batch(rows=[row("w1", "Ada again")]))
    writer.promote(syncs.clock.now())
    assert syncs.live() == {"w1": "Ada again", "w2": "Bobby", "w3": "Cy"}
    assert amiss(path) == NONE


def test_a_promotion_leaves_no_document_of_before(syncs: Syncs, path: Path) -> None:
    syncs.load(row("w1", "Ada"), row("w2", "Bob"), row("w3", "Cy"))
    syncs.load(row("w1", "Ada Lovelace"), row("w2", "Bob"), row("w4", "Di"), listing="whole")
    assert documents(path) == 4
    syncs.load(row("w3", "Cy is back"), row("w1", "1"), row("w1", "2"), gone("w2"))
    assert syncs.live() == {"w1": "2", "w3": "Cy is back", "w4": "Di"}
    assert (documents(path), amiss(path)) == (4, NONE)


def test_so_does_one_that_is_cleared_away_a_little_at_a_time(
    syncs: Syncs, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "_LARGE", 0)
    monkeypatch.setattr(leftovers, "_CHUNK", 3)
    syncs.load(*(row(f"w{number}", "before") for number in range(10)))
    syncs.load(*(row(f"w{number}", "after") for number in range(12)))
    assert set(syncs.live().values()) == {"after"}
    assert (documents(path), amiss(path)) == (12, NONE)


def test_what_is_staged_twice_in_a_run_has_one_document(syncs: Syncs, path: Path) -> None:
    syncs.load(row("w1", "Ada"), row("w2", "Bob"))
    writer = syncs.open()
    writer.write(Batch(rows=[row("w1", "once"), row("w2", "once"), row("w3", "once")]))
    writer.write(Batch(rows=[row("w1", "twice"), row("w2", "Bob"), gone("w3")]))
    assert (documents(path), amiss(path)) == (3, NONE)
    writer.promote(syncs.clock.now())
    assert syncs.live() == {"w1": "twice", "w2": "Bob"}
    assert (documents(path), amiss(path)) == (2, NONE)


def test_a_staging_that_is_discarded_takes_its_documents_with_it(syncs: Syncs, path: Path) -> None:
    syncs.load(row("w1", "Ada"))
    writer = syncs.open()
    writer.write(Batch(rows=[row("w1", "other"), row("w2", "new")]))
    writer.discard()
    assert (documents(path), amiss(path), syncs.live()) == (1, NONE, {"w1": "Ada"})


@pytest.mark.parametrize("verdict", ["approve", "reject", "part"])
def test_a_hold_leaves_none_behind(syncs: Syncs, path: Path, verdict: str) -> None:
    syncs.load(row("w1", "Ada"), row("w2", "Bob"))
    writer = syncs.open()
    writer.write(Batch(rows=[row("w1", "other"), row("w3", "new")], completes=[Complete("people", "", "whole")]))
    hold = writer.hold(connector="acme-hr", reasons=["over"], as_of=syncs.clock.now())
    assert syncs.lease is not None
    state = IntegrationState(key=KEY)
    if verdict == "approve":
        syncs.store.approve(syncs.lease, hold.id, state=state)
    elif verdict == "reject":
        syncs.store.reject(syncs.lease, hold.id)
    else:
        syncs.store.approve_part(syncs.lease, hold.id, ["updated"], state=state)
    assert (documents(path), amiss(path)) == ({"approve": 3, "reject": 2, "part": 3}[verdict], NONE)


def test_a_delivery_between_staging_and_promotion_leaves_none_behind(
    store: SqliteStore, syncs: Syncs, path: Path
) -> None:
    syncs.load(row("w1", "Ada"), row("w2", "Bob"))
    writer = syncs.open()
    writer.write(Batch(rows=[row("w1", "staged"), row("w2", "staged"), row("w3", "staged")]))
    delivery = Delivery(
        id="d1",
        received_at=syncs.clock.now(),
        key=KEY,
        method="POST",
        path="/in",
        verdict="handled",
        status=200,
    )
    said = Effects(rows=[row("w1", "delivered"), row("w3", "delivered"), gone("w2")])
    assert store.commit_delivery(delivery, said, claimed=None) is not None
    assert amiss(path) == NONE
    writer.promote(syncs.clock.now())
    assert syncs.live() == {"w1": "delivered", "w3": "delivered"}
    assert amiss(path) == NONE


def test_a_tombstone_that_is_forgotten_takes_its_document_with_it(
    store: SqliteStore, syncs: Syncs, path: Path
) -> None:
    syncs.load(row("w1", "Ada"), row("w2", "Bob"))
    syncs.load(row("w1", "Ada"), listing="whole")
    kept = Retention(*(timedelta(days=1),) * 3)
    store.prune(kept, syncs.clock.now() + timedelta(days=2))
    assert (documents(path), amiss(path)) == (1, NONE)


def test_a_purged_tenant_leaves_no_document(store: SqliteStore, syncs: Syncs, path: Path) -> None:
    syncs.load(row("w1", "Ada"), row("w2", "Bob"))
    writer = syncs.open()
    writer.write(Batch(rows=[row("w1", "staged")]))
    assert syncs.lease is not None
    store.release(syncs.lease)
    store.purge("northwind")
    assert documents(path) == 0


# A store of version 3, in which documents stood in their records --------------------------------------------------

LATER = datetime(2026, 11, 22, 18, 10, tzinfo=UTC)


@pytest.fixture
def old(path: Path) -> Iterator[SqliteStore]:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((Path(__file__).parent / "versions" / "3.sql").read_text(encoding="utf-8"))
    with SqliteStore.open(path, now=lambda: LATER) as opened:
        yield opened


def feed(store: SqliteStore) -> list[tuple[int, str, str, bool]]:
    return [_shown(record) for record in store.records()]


def _shown(record: StoredRecord) -> tuple[int, str, str, bool]:
    return record.seq, record.external_id, record.data["title"], record.deleted


def test_its_records_keep_their_place_in_the_feed(old: SqliteStore, path: Path) -> None:
    assert feed(old) == [
        (1, "w1", "Ada", False),
        (3, "w3", "Cy", False),
        (5, "w2", "Bobby", False),
        (6, "w4", "Di", True),
        (7, "a1", "Eve", False),
        (8, "a2", "Fay", False),
    ]
    assert amiss(path) == NONE


def test_a_run_goes_on_from_its_staging_and_what_it_writes_comes_after(old: SqliteStore, path: Path) -> None:
    lease = old.acquire(Key("northwind", "roster"))
    assert lease is not None
    writer = old.open_sync(lease, run_id="next", streams=("people",), fingerprint="f1")
    assert (writer.resumed, writer.cursor("people")) == (True, 5)
    writer.promote(LATER)
    after = feed(old)[4:]
    assert {(key, title, deleted) for _, key, title, deleted in after} == {
        ("w2", "Bob again", False),
        ("w4", "Di is back", False),
        ("w5", "new", False),
    }
    assert min(seq for seq, *_ in after) > 8
    assert amiss(path) == NONE


def test_its_hold_can_be_shown_and_approved(old: SqliteStore, path: Path) -> None:
    (hold,) = old.holds()
    shown = {each.external_id: (each.before, each.after) for each in old.hold_records(hold.id, 9)["people"]}
    assert shown == {
        "a1": ({"title": "Eve"}, {"title": "Eve!"}),
        "a2": ({"title": "Fay"}, None),
        "a3": (None, {"title": "Gus"}),
    }
    lease = old.acquire(hold.key)
    assert lease is not None
    old.approve(lease, hold.id, state=IntegrationState(key=hold.key))
    assert {record.external_id for record in old.records(keys=[hold.key], deleted=False)} == {"a1", "a3"}
    assert amiss(path) == NONE
