"""What every store promises: runs, events, states, leases, memory, reading."""

import os
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mkt.contract import ConnectorEvent, Json
from mkt.errors import LeaseLost
from mkt.store.base import LEASE_EXPIRY, Batch, EventQuery, IntegrationState, Key, Run, Store, StreamState

from .conftest import KEY, Clock, Opener, Syncs, gone, row

T0 = datetime(2026, 11, 22, 18, tzinfo=UTC)
OTHER = Key("contoso", "crm")


def _event(message: str, **fields: object) -> ConnectorEvent:
    return ConnectorEvent(event="sync.progress", message=message, timestamp=T0, **fields)  # type: ignore[arg-type]


def _run(number: int, key: Key = KEY) -> Run:
    started = T0 + timedelta(minutes=number)
    return Run(id=f"0193-{number:04}", command="sync", key=key, connector="scim-hris", started_at=started)


def test_events_come_back_as_they_were_in_order(store: Store) -> None:
    events = [
        _event(str(n), details={"created": n, "nested": {"list": [1, None, "ä"]}}, tenant="northwind", run_id="r")
        for n in range(1203)
    ]
    store.add_events(events[:700])
    store.add_events(events[700:])
    assert list(store.events(EventQuery())) == events


def test_an_event_is_stored_once(store: Store) -> None:
    event = _event("once")
    store.add_events([event])
    store.add_events([event])
    assert list(store.events(EventQuery())) == [event]


def test_events_are_chosen_by_integration_run_and_level(store: Store) -> None:
    ours = _event("ours", tenant=KEY.tenant, integration=KEY.integration, run_id="r1", level="error")
    theirs = _event("theirs", tenant=OTHER.tenant, integration=OTHER.integration, run_id="r2")
    summary = _event("summary")
    store.add_events([ours, theirs, summary])

    def found(query: EventQuery) -> list[ConnectorEvent]:
        return list(store.events(query))

    assert found(EventQuery(keys=[KEY])) == [ours]
    assert found(EventQuery(keys=[])) == []
    assert found(EventQuery(keys=[Key(KEY.tenant, OTHER.integration)])) == []
    assert found(EventQuery(run_id="r2")) == [theirs]
    assert found(EventQuery(levels=["error", "warning"])) == [ours]


def test_the_newest_events_and_those_after_an_id(store: Store) -> None:
    events = [_event(str(n)) for n in range(10)]
    store.add_events(events)
    assert list(store.events(EventQuery(limit=3))) == events[7:]
    assert list(store.events(EventQuery(limit=50))) == events
    assert list(store.events(EventQuery(limit=0))) == []
    assert list(store.events(EventQuery(after_id=events[6].id))) == events[7:]
    assert list(store.events(EventQuery(after_id=events[6].id, limit=2))) == events[8:]
    assert list(store.events(EventQuery(after_id=events[9].id, limit=2))) == []


def test_a_reader_of_events_holds_no_lock(store: Store) -> None:
    store.add_events([_event(str(n)) for n in range(600)])
    reader = store.events(EventQuery())
    next(reader)
    store.add_events([_event("late")])
    assert [event.message for event in reader][-1] == "late"


def test_runs_are_newest_first_and_found_by_any_part_of_the_id(store: Store) -> None:
    runs = [_run(number, KEY if number % 2 else OTHER) for number in range(6)]
    for run in runs:
        store.start_run(run)
    assert store.runs() == runs[::-1]
    assert store.runs([KEY], limit=2) == [runs[5], runs[3]]
    assert store.runs([]) == []
    assert store.find_runs("0004") == [runs[4]]
    assert store.find_runs("%") == []


def test_a_run_that_begins_ends_those_of_its_integration_and_command_that_never_did(store: Store) -> None:
    error = {"class": "local", "code": "local.killed"}
    done = replace(_run(1), finished_at=T0, outcome="ok")
    others = [_run(2, OTHER), replace(_run(3), command="verify")]
    for run in (done, *others, _run(4), _run(5)):
        store.start_run(run)
    begins = replace(_run(6), started_at=T0 + timedelta(hours=1))
    store.start_run(begins, killed=error)
    dead = [replace(_run(n), finished_at=begins.started_at, outcome="failed", error=error) for n in (5, 4)]
    assert {run.id: run for run in store.runs()} == {run.id: run for run in (begins, *dead, *others, done)}


def test_a_finished_run_and_its_state_are_stored_together(store: Store) -> None:
    run = _run(1)
    store.start_run(run)
    finished = replace(run, finished_at=T0, outcome="failed", error={"class": "auth"}, details={"created": 3})
    state = IntegrationState(
        key=KEY,
        next_due_at=T0 + timedelta(hours=1),
        last_run_id=run.id,
        last_outcome="failed",
        last_error={"class": "auth"},
        last_finished_at=T0,
        failures=2,
        fingerprint="f1",
    )
    store.finish_run(finished, state)
    assert store.runs() == [finished]
    assert store.states() == {KEY: state}


def test_a_run_whose_lease_was_taken_over_leaves_no_state(store: Store, open_store: Opener, clock: Clock) -> None:
    lost = store.acquire(KEY)
    clock.pass_by(seconds=31)
    open_store().acquire(KEY)
    with pytest.raises(LeaseLost):
        store.finish_run(_run(1), IntegrationState(key=KEY), lost)
    assert store.states() == {}
    assert store.runs() == []


def test_states_tell_the_cursor_and_time_of_each_stream(syncs: Syncs) -> None:
    syncs.streams = ("people", "org_units")
    writer = syncs.open()
    writer.write(Batch(cursors={"people": {"page": [1, "ä"]}}))
    assert syncs.store.states()[KEY].streams == {"people": StreamState(cursor={"page": [1, "ä"]})}
    writer.promote(T0)
    assert syncs.store.states()[KEY].streams == {
        "people": StreamState(cursor={"page": [1, "ä"]}, as_of=T0),
        "org_units": StreamState(as_of=T0),
    }


def test_only_one_holds_a_lease(store: Store, open_store: Opener) -> None:
    lease = store.acquire(KEY)
    assert lease is not None
    assert store.acquire(KEY) is None
    other = open_store()
    assert other.acquire(KEY) is None
    assert other.acquire(OTHER) is not None
    store.release(lease)
    assert other.acquire(KEY) is not None


def test_whose_a_lease_is_can_be_told(store: Store, open_store: Opener) -> None:
    assert store.holder(KEY) == ""
    lease = store.acquire(KEY)
    assert lease is not None
    assert re.fullmatch(rf"process {os.getpid()} on host \S+", open_store().holder(KEY))
    store.release(lease)
    assert open_store().holder(KEY) == ""


def test_of_many_threads_one_gets_the_lease(store: Store, open_store: Opener) -> None:
    stores = [store, open_store()] * 4
    start, leases = threading.Barrier(len(stores)), []

    def try_it(one: Store) -> None:
        start.wait()
        leases.append(one.acquire(KEY))

    threads = [threading.Thread(target=try_it, args=(one,)) for one in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([lease for lease in leases if lease]) == 1


def test_a_heartbeat_keeps_a_lease_and_silence_loses_it(store: Store, open_store: Opener, clock: Clock) -> None:
    lease, other = store.acquire(KEY), open_store()
    assert lease is not None
    clock.pass_by(seconds=LEASE_EXPIRY.total_seconds() - 1)
    store.renew([lease])
    clock.pass_by(seconds=LEASE_EXPIRY.total_seconds() - 1)
    assert other.acquire(KEY) is None
    clock.pass_by(seconds=2)
    taken = other.acquire(KEY)
    assert taken is not None
    assert taken.epoch > lease.epoch
    store.renew([lease])
    store.release(lease)
    assert store.acquire(KEY) is None, "the loser can neither renew nor release what is another's now"


def test_the_lease_of_a_closed_store_is_free(open_store: Opener) -> None:
    first = open_store()
    assert first.acquire(KEY) is not None
    first.close()
    assert open_store().acquire(KEY) is not None


@pytest.mark.parametrize("direct", [True, False])
def test_after_a_takeover_nothing_more_is_written(syncs: Syncs, open_store: Opener, *, direct: bool) -> None:
    if not direct:
        syncs.load(row("1"))
    writer = syncs.open()
    syncs.clock.pass_by(seconds=31)
    assert open_store().acquire(KEY) is not None
    before = syncs.records()
    for act in (
        lambda: writer.write(Batch(rows=[row("2")], memory=[("m", 1, None)])),
        lambda: writer.promote(T0),
        writer.discard,
    ):
        with pytest.raises(LeaseLost):
            act()
    assert syncs.records() == before
    assert syncs.store.memory_get(KEY, "m", T0) is None


def test_an_abandoned_run_cannot_write_after_its_lease_was_released(syncs: Syncs) -> None:
    writer = syncs.open()
    assert syncs.lease is not None
    syncs.store.release(syncs.lease)
    with pytest.raises(LeaseLost):
        writer.write(Batch(rows=[row("1")]))


def test_memory_is_kept_until_it_expires(store: Store) -> None:
    store.memory_put(KEY, "nonce", {"a": [1]}, T0 + timedelta(minutes=5))
    assert store.memory_get(KEY, "nonce", T0) == {"a": [1]}
    assert store.memory_get(OTHER, "nonce", T0) is None
    assert store.memory_get(KEY, "nonce", T0 + timedelta(minutes=5)) is None
    assert store.memory_take(KEY, "nonce", T0 + timedelta(minutes=5)) is None
    store.memory_put(KEY, "nonce", "new", None)
    assert store.memory_get(KEY, "nonce", T0 + timedelta(days=999)) == "new"


def test_of_several_takers_one_gets_the_value(store: Store, open_store: Opener) -> None:
    store.memory_put(KEY, "nonce", "value", None)
    stores = [store, open_store()] * 4
    taken: list[object] = []
    threads = [
        threading.Thread(target=lambda one=one: taken.append(one.memory_take(KEY, "nonce", T0))) for one in stores
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, taken)) == ["None"] * 7 + ["value"]


def test_memory_of_a_batch_is_committed_with_it(syncs: Syncs) -> None:
    syncs.open().write(Batch(memory=[("url", "https://a.example", None)]))
    assert syncs.store.memory_get(KEY, "url", T0) == "https://a.example"


def test_records_are_a_change_feed_in_order_of_commit(syncs: Syncs, clock: Clock) -> None:
    other = Syncs(syncs.store, clock, OTHER)
    syncs.load(row("1"), row("2"))
    other.load(row("1"))
    feed = list(syncs.store.records())
    assert [(r.key, r.external_id) for r in feed] == [(KEY, "1"), (KEY, "2"), (OTHER, "1")]
    clock.pass_by(hours=1)
    syncs.load(row("1", "new"), gone("2"))
    later = list(syncs.store.records(since_seq=feed[-1].seq))
    assert [(r.external_id, r.deleted) for r in later] == [("1", False), ("2", True)]
    assert [r.seq for r in later] == sorted(r.seq for r in later)
    assert {(r.first_seen_at, r.changed_at) for r in later} == {(T0, T0 + timedelta(hours=1))}


def test_records_are_chosen_by_integration_and_stream(syncs: Syncs, clock: Clock) -> None:
    syncs.streams = ("people", "org_units")
    syncs.load(row("1"), row("2"), row("u", stream="org_units"), gone("1"))
    Syncs(syncs.store, clock, OTHER).load(row("3"))
    records = syncs.store.records

    def ids(**query: object) -> list[str]:
        return [record.external_id for record in records(**query)]  # type: ignore[arg-type]

    assert ids(keys=[KEY]) == ["2", "u"]
    assert ids(keys=[KEY], stream="people") == ["2"]
    assert ids(stream="people") == ["2", "3"]
    assert ids(keys=[]) == []
    assert ids(keys=[Key("nobody", "roster")]) == []
    assert ids(limit=2) == ["2", "u"]
    assert ids(limit=0) == []


def test_tombstones_can_be_left_out_and_are_counted(syncs: Syncs) -> None:
    syncs.load(row("1"), row("2"))
    syncs.load(gone("1"))
    assert [r.external_id for r in syncs.records()] == ["2", "1"]
    assert [r.external_id for r in syncs.records(deleted=False)] == ["2"]
    assert syncs.store.counts() == {(KEY, "people"): (1, 1)}


def test_a_reader_of_records_holds_no_lock(syncs: Syncs) -> None:
    syncs.load(*[row(str(number)) for number in range(2500)])
    reader = syncs.store.records()
    next(reader)
    syncs.load(row("late"))
    assert [record.external_id for record in reader][-1] == "late"


def test_scopes_are_those_that_hold_a_live_record(syncs: Syncs) -> None:
    assert syncs.store.scopes(KEY, "people") == set()
    syncs.load(row("1", scope="c1"), row("1", scope="c2"), row("2", scope="c3"), row("3"))
    assert syncs.store.scopes(KEY, "people") == {"", "c1", "c2", "c3"}
    syncs.load(gone("2"), gone("3"))
    assert syncs.store.scopes(KEY, "people") == {"c1", "c2"}
    assert syncs.store.scopes(KEY, "org_units") == set()
    assert syncs.store.scopes(OTHER, "people") == set()


def test_what_a_run_knows_of_pause_and_connection_comes_back(store: Store) -> None:
    state = IntegrationState(
        key=KEY,
        refusals=5,
        paused_at=T0,
        paused_with="digest",
        connection="reauth",
        connection_since=T0 - timedelta(days=1),
    )
    store.finish_run(_run(1), state)
    assert store.states() == {KEY: state}


def test_a_pause_is_ended_by_one_caller(store: Store) -> None:
    assert store.resume(KEY) is None
    state = IntegrationState(key=KEY, failures=7, refusals=5, paused_at=T0, paused_with="digest", connection="reauth")
    store.finish_run(_run(1), state)
    ended = in_parallel(lambda: store.resume(KEY))
    assert sorted(ended, key=str) == [T0, *[None] * 7]
    assert store.states() == {KEY: replace(state, refusals=0, paused_at=None, paused_with="")}


def test_refusals_are_counted_anew_where_there_is_no_pause_yet(store: Store) -> None:
    store.finish_run(_run(1), IntegrationState(key=KEY, refusals=3))
    assert store.resume(KEY) is None
    assert store.states()[KEY].refusals == 0


def test_a_change_of_the_connection_is_one_callers(store: Store) -> None:
    state = IntegrationState(key=KEY, next_due_at=T0, failures=2, connection="connected", connection_since=T0)
    store.finish_run(_run(1), state)
    later = T0 + timedelta(hours=1)
    before = in_parallel(lambda: store.set_connection(KEY, "reauth", later))
    assert sorted(map(str, before)) == ["connected", *["reauth"] * 7]
    assert store.states() == {KEY: replace(state, connection="reauth", connection_since=later)}
    assert store.set_connection(KEY, "reauth", later + timedelta(hours=1)) == "reauth"
    assert store.states()[KEY].connection_since == later


def test_what_was_never_synced_has_a_connection_and_is_purged(store: Store) -> None:
    assert store.set_connection(KEY, "degraded", T0) is None
    assert store.states() == {KEY: IntegrationState(key=KEY, connection="degraded", connection_since=T0)}
    store.purge(KEY.tenant)
    assert store.states() == {}


def in_parallel(work: Callable[[], object]) -> list[object]:
    """Do the work eight times at once."""
    with ThreadPoolExecutor(8) as threads:
        return [done.result() for done in [threads.submit(work) for _ in range(8)]]


@pytest.mark.parametrize("name", ["\0", "a\0b", "\\0", "x" * 9000, "é 'quoted' \"%s\"", ""])
def test_a_strangers_nonce_is_remembered_whatever_it_holds(store: Store, name: str) -> None:
    value = {"said": name, "list": [None, True, 1, 1.5, "\\u0000", "\0"]}
    store.memory_put(KEY, name, value, None)
    store.memory_put(KEY, f"{name}!", "another", None)
    assert store.memory_get(KEY, name, T0) == value
    assert store.memory_take(KEY, name, T0) == value
    assert store.memory_get(KEY, name, T0) is None
    assert store.memory_take(KEY, f"{name}!", T0) == "another"


@pytest.mark.parametrize("value", [None, True, 0, "", "text", '"', [], {}, "12", "null"])
def test_any_json_is_remembered(store: Store, value: Json) -> None:
    store.memory_put(KEY, "m", value, None)
    assert store.memory_get(KEY, "m", T0) == value


def test_mkt_remembers_what_is_of_no_tenant_and_of_a_broken_file(store: Store) -> None:
    for key in (Key("", ""), Key("Broken File.v2", "")):
        store.memory_put(key, "at", "once", None)
        assert store.memory_take(key, "at", T0) == "once"
    event = _event("broken", tenant="Broken File.v2")
    store.add_events([event])
    assert list(store.events(EventQuery())) == [event]
