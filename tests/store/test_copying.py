"""What a copy of a store is: the same store, of the other kind, that everything goes on in."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.store.conftest import KEY, STORES, Clock, Opener, Syncs, gone, row
from tests.supalocal.stack import LocalSupabase

from mkt.contract import Complete, ConnectorEvent
from mkt.errors import Refused, StartError, StoreError
from mkt.runtime.supabase import open_supabase
from mkt.runtime.supabase_access import find_access
from mkt.store import copying
from mkt.store.alerts import Alert
from mkt.store.base import Batch, EventQuery, IntegrationState, Key, Run, Store
from mkt.store.copying import Copied, CopySource, CopyTarget
from mkt.store.deliveries import Delivery, DeliveryQuery
from mkt.store.sqlite import copying as of_sqlite
from mkt.store.supabase import copying as of_supabase
from mkt.store.supabase.calls import Calls

ACME, FIRST = Key("acme", "roster"), Key("first", "load")
WAYS = [("sqlite", "supabase"), ("supabase", "sqlite")]
NUMBERS = [1.0, -0.0, 1e16, 1e22, 5e-324, 1.5e-7, 0.1, 2**53, -(2**53), 123456789012.5, {"b": 2.50, "a": 1e3}]
"""Each store writes them in its own way: 1e16 comes back as 10000000000000000, and is no damage."""


def fill(store: Store, clock: Clock) -> None:
    """Put something of everything into a store."""
    syncs = Syncs(store, clock)
    rows = [*(row(str(number)) for number in range(1, 7)), row("7", NUMBERS)]
    syncs.load(*rows, row("s", scope="a"), row("s", scope="b"), cursor=[1])
    clock.pass_by(hours=1)
    rows = [row(str(number)) for number in range(1, 5)]
    syncs.load(*rows, row("2", "new"), gone("5"), row("s", scope="a"), cursor={"at": 2}, listing="offset")
    clock.pass_by(hours=1)
    _hold(syncs, reject=True)
    clock.pass_by(hours=1)
    _hold(syncs)
    assert syncs.lease is not None
    store.release(syncs.lease)
    _remember(store, clock)
    _unfinished(Syncs(store, clock, ACME), loaded=True)
    _unfinished(Syncs(store, clock, FIRST), loaded=False)


def _hold(syncs: Syncs, *, reject: bool = False) -> None:
    writer = syncs.open()
    rows = [row("1", "one"), row("9", "nine"), gone("2")] if not reject else [row("1", "other")]
    writer.write(Batch(rows=rows, completes=[Complete("people", "", "snapshot")], cursors={"people": 3}))
    hold = writer.hold(connector="scripted", reasons=["too much"], as_of=syncs.clock.now())
    if reject:
        assert syncs.lease is not None
        syncs.store.reject(syncs.lease, hold.id, reason="no")


def _unfinished(syncs: Syncs, *, loaded: bool) -> None:
    if loaded:
        syncs.load(row("a"), row("b"), cursor=1)
    writer = syncs.open()
    writer.write(Batch(rows=[row("a", "A"), row("c")], cursors={"people": None if loaded else 5}))
    assert syncs.lease is not None
    syncs.store.release(syncs.lease)


def _remember(store: Store, clock: Clock) -> None:
    now = clock.now()
    details = {"text": "ä\u2028\\u0000 \\", "numbers": [1, 1.5, -0.25, 10**17, True, None]}
    run = Run(id="run-1", command="sync", key=KEY, connector="scripted", started_at=now)
    error = {"fingerprint": "f00", "class": "partner"}
    store.start_run(run)
    ended = replace(run, finished_at=now, outcome="failed", error=error, details=details)
    state = IntegrationState(key=KEY, next_due_at=now, last_run_id="run-1", last_outcome="failed", last_error=error)
    store.finish_run(ended, replace(state, failures=2, connection="degraded", connection_since=now))
    store.add_events(
        [
            ConnectorEvent(event="sync.failed", message="ä", timestamp=now, tenant="northwind", details=details),
            ConnectorEvent(event="run.summary", message="", timestamp=now),
        ]
    )
    store.memory_put(KEY, "nonce", {"a": [None]}, now + timedelta(days=1))
    store.memory_put(KEY, "null", None, None)
    body = {"id": "msg_1", "type": "alert.opened", "data": {"tenants": ["northwind"]}}
    store.record_alerts([Alert(fingerprint="f00", kind="opened", at=now, body=body)], ["webhook", "command"], now)
    kept: dict[str, Any] = {"key": KEY, "method": "POST", "path": "/hooks/northwind/roster", "received_at": now}
    waiting = {"verdict": "received", "status": 202, "next_try_at": now, "dedupe": "m1", "body": bytes(range(256))}
    store.add_deliveries([Delivery(id="01", request=details, query="a=b", **kept, **waiting)])
    store.keep_deliveries([Delivery(id="02", verdict="rejected", status=401, count=7, details=details, **kept)])


def portrait(store: Store, clock: Clock) -> dict[str, Any]:
    """Return everything that the store's own methods tell."""
    holds = store.holds()
    return {
        "records": list(store.records()),
        "counts": store.counts(),
        "scopes": {key: set(store.scopes(key, "people")) for key in (KEY, ACME, FIRST)},
        "states": store.states(),
        "runs": store.runs(),
        "events": list(store.events(EventQuery())),
        "holds": holds,
        "held": {hold.id: store.hold_records(hold.id, 100) for hold in holds},
        "memory": [store.memory_get(KEY, name, clock.now()) for name in ("nonce", "null", "none")],
        "deliveries": store.deliveries(DeliveryQuery()),
        "delivery": store.find_deliveries("01"),
        "days": store.delivery_history(clock.now().date()),
        "alerts": store.open_alerts(),
        "messages": store.unsent_alerts(),
    }


@dataclass
class Pair:
    """A store that is filled, and the way to one of the other kind."""

    clock: Clock
    opened: Callable[[str], Store]
    origin: str
    to: str
    ends: dict[str, tuple[Any, Any]]
    folder: Path
    another: Callable[[], Store]

    def source(self) -> AbstractContextManager[CopySource]:
        return self.ends[self.origin][0]()  # type: ignore[no-any-return]

    def target(self) -> AbstractContextManager[CopyTarget]:
        return self.ends[self.to][1]()  # type: ignore[no-any-return]

    def copy(self, told: Callable[[str, int, int], object] = lambda *_: None) -> Copied:
        with self.source() as source, self.target() as target:
            return copying.copy(source, target, told)

    @property
    def old(self) -> Store:
        return self.opened(self.origin)

    @property
    def new(self) -> Store:
        return self.opened(self.to)


@pytest.fixture(params=WAYS, ids=lambda way: f"{way[0]}-to-{way[1]}")
def pair(request: pytest.FixtureRequest, clock: Clock, supabase: LocalSupabase, tmp_path: Path) -> Iterator[Pair]:
    origin, to = request.param
    openers: dict[str, Opener] = {name: STORES[name](request, clock) for name in (origin, to)}
    path, access = tmp_path / ".mkt" / "mkt.db", find_access(tmp_path, supabase.environment)
    ends = {
        "sqlite": (lambda: of_sqlite.open_source(path), lambda: of_sqlite.open_target(path)),
        "supabase": (
            lambda: of_supabase.open_source(open_supabase(access), access.url),
            lambda: of_supabase.open_target(open_supabase(access), access.url),
        ),
    }
    with ExitStack() as stack:
        stores: dict[str, Store] = {}

        def opened(name: str) -> Store:
            if name not in stores:
                stores[name] = stack.enter_context(closing(openers[name]()))
            return stores[name]

        pair = Pair(clock, opened, origin, to, ends, path.parent, openers[to])
        (tmp_path / ".mkt").mkdir(exist_ok=True)
        fill(pair.old, clock)
        yield pair


def test_the_copy_tells_the_same(pair: Pair) -> None:
    copied = pair.copy()
    assert portrait(pair.new, pair.clock) == portrait(pair.old, pair.clock)
    assert (copied.resumed, copied.streams) == (False, 3)
    assert copied.counts["integration_records"] == len(list(pair.old.records()))
    assert all(copied.counts[table] for table in copying.TABLES), copied.counts


@pytest.mark.parametrize("pair", WAYS[1:], indirect=True)
def test_a_file_has_no_document_that_nothing_has(pair: Pair) -> None:
    pair.copy()
    with closing(sqlite3.connect(pair.folder / "mkt.db")) as connection:
        found = connection.execute(
            "select (select count(*) from integration_documents), (select count(*) from integration_records),"
            " (select count(*) from integration_staging where document is not null)"
        ).fetchone()
        assert connection.execute("pragma foreign_key_check").fetchall() == []
    assert found[0] == found[1] + found[2]


def test_the_next_sync_finds_everything_unchanged_and_numbers_go_on(pair: Pair) -> None:
    pair.copy()
    before = list(pair.old.records())
    syncs = Syncs(pair.new, pair.clock, ACME, number=10)
    changes = syncs.load(row("a"), row("b"), listing="snapshot", fresh=True)
    assert (changes.created, changes.updated, changes.deleted, changes.unchanged) == (0, 0, 0, 2)
    assert list(pair.new.records()) == before
    syncs.load(row("a"), row("b"), row("z"))
    assert max(each.seq for each in pair.new.records()) > max(each.seq for each in before)


def test_numbers_go_on_above_those_of_records_that_are_gone(pair: Pair) -> None:
    syncs = Syncs(pair.old, pair.clock, Key("gone", "roster"))
    syncs.load(row("a"))
    last = max(each.seq for each in pair.old.records())
    assert syncs.lease is not None
    pair.old.release(syncs.lease)
    pair.old.purge("gone")
    pair.copy()
    Syncs(pair.new, pair.clock, Key("other", "roster")).load(row("a"))
    assert max(each.seq for each in pair.new.records()) > last


def test_a_hold_that_was_copied_is_approved(pair: Pair) -> None:
    pair.copy()
    (hold,) = pair.new.holds([KEY], closed=False)
    for store in (pair.old, pair.new):
        lease = store.acquire(KEY)
        assert lease is not None
        store.approve(lease, hold.id, state=IntegrationState(key=KEY, last_outcome="ok"))
    old, new = (_told(store) for store in (pair.old, pair.new))
    assert new == old
    assert pair.new.states()[KEY].streams["people"].cursor == 3


def test_the_same_change_set_opens_the_same_hold_again(pair: Pair) -> None:
    pair.copy()
    (hold,) = pair.new.holds([KEY], closed=False)
    syncs = Syncs(pair.new, pair.clock, number=10)
    writer = syncs.open()
    assert syncs.lease is not None
    pair.new.reject(syncs.lease, hold.id)
    rows = [row("1", "one"), row("9", "nine"), gone("2")]
    writer.write(Batch(rows=rows, completes=[Complete("people", "", "snapshot")], cursors={"people": 3}))
    again = writer.hold(connector="scripted", reasons=["too much"], as_of=pair.clock.now())
    assert (again.id, again.reopened) == (hold.id, 1)


def test_a_run_that_was_cut_short_goes_on(pair: Pair) -> None:
    pair.copy()
    for key, cursor, direct in ((ACME, None, False), (FIRST, 5, True)):
        told = []
        for store in (pair.old, pair.new):
            syncs = Syncs(store, pair.clock, key, number=20)
            writer = syncs.open()
            assert (writer.resumed, writer.direct, writer.cursor("people")) == (True, direct, cursor)
            writer.write(Batch(rows=[row("d")], completes=[Complete("people", "", "snapshot")]))
            counts = writer.promote(pair.clock.now())["people"]
            told.append((_told(store), counts.created, counts.updated, counts.deleted, counts.absent))
        assert told[0] == told[1]


def test_what_was_missing_once_goes_when_it_is_missing_again(pair: Pair) -> None:
    pair.copy()
    (hold,) = pair.new.holds([KEY], closed=False)
    for store in (pair.old, pair.new):
        syncs = Syncs(store, pair.clock, number=30)
        writer = syncs.open()
        assert syncs.lease is not None
        store.reject(syncs.lease, hold.id)
        rows = [row("1"), row("2", "new"), row("3"), row("4"), row("s", scope="a")]
        writer.write(
            Batch(rows=rows, completes=[Complete("people", "", "offset"), Complete("people", "b", "offset")])
        )
        writer.promote(pair.clock.now())
    assert _told(pair.new) == _told(pair.old)
    assert {each.external_id for each in pair.new.records(keys=[KEY]) if each.deleted} == {"5", "6", "7"}


def _told(store: Store) -> list[tuple[Any, ...]]:
    found = store.records()
    told = [(each.key, each.external_id, each.data, each.deleted) for each in found]
    return sorted(told, key=lambda each: each[:2])


def test_while_an_integration_runs_nothing_is_copied(pair: Pair) -> None:
    lease = pair.old.acquire(KEY)
    assert lease is not None
    with pytest.raises(Refused, match=r"northwind/roster of .* runs at this moment"):
        pair.copy()
    with pair.source() as source, pytest.raises(Refused):
        copying.planned(source)
    pair.old.release(lease)
    pair.copy()


def test_a_run_in_the_middle_keeps_the_copy_from_being_finished(pair: Pair) -> None:
    open_before = pair.new if pair.to == "supabase" else None

    def run(table: str, *_: int) -> None:
        if table == "integration_runs":
            syncs = Syncs(pair.old, pair.clock, Key("late", "roster"))
            syncs.load(row("a"))
            assert syncs.lease is not None
            pair.old.release(syncs.lease)

    with pytest.raises((Refused, StoreError)):
        pair.copy(run)
    if open_before:
        with pytest.raises(StoreError, match="half a copy of sqlite:"):
            open_before.acquire(KEY)
        with pytest.raises(StartError, match="half a copy of sqlite:"):
            pair.another()
    else:
        assert not (pair.folder / "mkt.db").exists()
    pair.copy()
    assert portrait(pair.new, pair.clock) == portrait(pair.old, pair.clock)


class _Killed(BaseException):
    """Stands for SIGKILL: nobody cleans up."""


@pytest.mark.parametrize("at", ["integration_records", "integration_staging", "integration_state"])
def test_a_copy_that_was_killed_goes_on_and_sees_what_has_changed_since(pair: Pair, at: str) -> None:
    def kill(table: str, *_: int) -> None:
        if table == at:
            raise _Killed

    with pytest.raises(_Killed):
        pair.copy(kill)
    syncs = Syncs(pair.old, pair.clock, ACME, number=40)
    syncs.load(row("a", "changed"), gone("b"), row("c"), fresh=True)
    assert syncs.lease is not None
    pair.old.release(syncs.lease)
    assert pair.copy().resumed
    assert portrait(pair.new, pair.clock) == portrait(pair.old, pair.clock)


def test_what_the_source_has_forgotten_since_the_kill_is_not_in_the_copy(pair: Pair) -> None:
    def kill(table: str, *_: int) -> None:
        if table == "integration_runs":
            raise _Killed

    with pytest.raises(_Killed):
        pair.copy(kill)
    pair.old.purge("acme")
    pair.copy()
    assert portrait(pair.new, pair.clock) == portrait(pair.old, pair.clock)
    assert not list(pair.new.records(keys=[ACME]))


def test_a_second_copy_is_refused(pair: Pair) -> None:
    pair.copy()
    with pytest.raises(Refused) as refused:
        pair.copy()
    assert "exists, and a copy" in str(refused.value) or "was made already, to its end" in str(refused.value)
    assert "othing is left to do" in refused.value.remedy
    assert portrait(pair.new, pair.clock) == portrait(pair.old, pair.clock)


def test_a_plan_counts_and_touches_nothing(pair: Pair) -> None:
    with pair.source() as source:
        counts = copying.planned(source).counts
    assert counts["integration_holds"] == 2
    assert not list(pair.new.records())


def test_batches_are_small_in_rows_and_in_bytes(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (of_sqlite, of_supabase):
        monkeypatch.setattr(module, "MOST_ROWS", 2)
    sizes = []
    with pair.source() as source:
        for table in copying.TABLES:
            sizes += [len(rows) for rows in source.rows(table, 0)]
    assert max(sizes) == 2
    pair.copy()
    assert portrait(pair.new, pair.clock) == portrait(pair.old, pair.clock)


def _damage(pair: Pair, supabase: LocalSupabase) -> None:
    """Change a document where it is copied to; its number, hash and times stay."""
    if pair.to == "supabase":
        supabase.sql("update public.integration_records set data = '{\"title\": \"y\"}' where external_id = '3'")
        return
    with closing(sqlite3.connect(pair.folder / ".mkt.db.copying", isolation_level=None)) as connection:
        connection.execute(
            "update integration_documents set data = replace(data, 'x', 'y') where document ="
            " (select document from integration_records where external_id = '3')"
        )


def test_a_document_that_was_damaged_before_the_copy_went_on_is_copied_again(
    pair: Pair, supabase: LocalSupabase
) -> None:
    def kill(table: str, *_: int) -> None:
        if table == "integration_holds":
            raise _Killed

    with pytest.raises(_Killed):
        pair.copy(kill)
    _damage(pair, supabase)
    assert pair.copy().resumed
    assert portrait(pair.new, pair.clock) == portrait(pair.old, pair.clock)


@pytest.mark.parametrize("pair", WAYS[:1], indirect=True)
def test_a_copy_with_another_document_is_not_finished(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    put = of_supabase.SupabaseTarget.put

    def worse(self: Any, table: str, rows: list[dict[str, Any]]) -> None:
        put(
            self,
            table,
            [{**row, "data": {}} if row.get("external_id") == "3" and "data" in row else row for row in rows],
        )

    monkeypatch.setattr(of_supabase.SupabaseTarget, "put", worse)
    with pytest.raises(StoreError, match="of 12 records 1 have other data"):
        pair.copy()
    monkeypatch.undo()
    assert pair.copy().resumed
    assert portrait(pair.new, pair.clock) == portrait(pair.old, pair.clock)


def _written_out(value: Any) -> Any:
    """Write numbers as PostgreSQL does: what stands before it in these tests writes them as JavaScript does."""
    if isinstance(value, dict):
        return {name: _written_out(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_written_out(item) for item in value]
    return int(Decimal(repr(value))) if isinstance(value, float) and abs(value) >= 1e16 else value


def test_numbers_that_postgresql_writes_out_are_the_same(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    huge, key = [1e23, -1.7976931348623157e308, {"a": 1e19}], Key("huge", "roster")
    syncs = Syncs(pair.old, pair.clock, key)
    syncs.load(row("a", huge))
    assert syncs.lease is not None
    pair.old.release(syncs.lease)
    call = Calls.call
    monkeypatch.setattr(Calls, "call", lambda *given, **options: _written_out(call(*given, **options)))
    pair.copy()
    monkeypatch.undo()
    assert [each.data["title"] for each in pair.new.records(keys=[key])] == [huge]


@pytest.mark.parametrize("pair", WAYS[:1], indirect=True)
def test_a_file_whose_document_is_damaged_is_named(pair: Pair) -> None:
    with closing(sqlite3.connect(pair.folder / "mkt.db", isolation_level=None)) as connection:
        connection.execute("update integration_documents set data = substr(data, 2) where document = 3")
    with pytest.raises(StoreError, match=r"the copy of .*mkt.db failed: a value in it is no JSON") as found:
        pair.copy()
    assert "backup" in found.value.remedy
