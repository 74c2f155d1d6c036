"""What every store promises about forgetting and erasing."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mkt.contract import ConnectorEvent
from mkt.errors import LeaseLost, Refused
from mkt.store.base import STAGING_KEPT, Batch, EventQuery, IntegrationState, Key, Pruned, Retention, Run, Store

from .conftest import KEY, Clock, Opener, Syncs, gone, row

OTHER = Key("contoso", "crm")
KEPT = Retention(events=timedelta(days=90), runs=timedelta(days=365), tombstones=timedelta(days=30))


def _event(clock: Clock, message: str, key: Key = KEY) -> ConnectorEvent:
    given: dict[str, Any] = {"tenant": key.tenant, "integration": key.integration or None}
    return ConnectorEvent(event="sync.completed", message=message, timestamp=clock.now(), **given)


def _run(clock: Clock, run_id: str, key: Key = KEY) -> Run:
    return Run(id=run_id, command="sync", key=key, connector="scim-hris", started_at=clock.now())


def _messages(store: Store, **query: Any) -> list[str]:
    return [event.message for event in store.events(EventQuery(**query))]


def test_events_older_than_they_are_kept_are_forgotten(store: Store, clock: Clock) -> None:
    store.add_events([_event(clock, f"old {number}") for number in range(2500)])
    clock.pass_by(days=60)
    store.add_events([_event(clock, "young")])
    clock.pass_by(days=31)
    assert store.prune(KEPT, clock.now(), dry_run=True).events == 2500
    assert store.prune(KEPT, clock.now()).events == 2500
    assert _messages(store) == ["young"]
    clock.pass_by(days=91)
    assert store.prune(KEPT, clock.now()).events == 1
    assert _messages(store) == []


def test_what_is_exactly_as_old_as_it_is_kept_stays(store: Store, clock: Clock) -> None:
    store.add_events([_event(clock, "still")])
    clock.pass_by(days=90)
    assert store.prune(KEPT, clock.now()) == Pruned()
    assert _messages(store) == ["still"]


def test_old_runs_are_forgotten_but_not_the_last_one_of_an_integration(store: Store, clock: Clock) -> None:
    for number in range(3):
        store.finish_run(_run(clock, f"run-{number}"), IntegrationState(key=KEY, last_run_id=f"run-{number}"))
    store.start_run(_run(clock, "killed", OTHER))
    clock.pass_by(days=366)
    assert store.prune(KEPT, clock.now()).runs == 3
    assert [run.id for run in store.runs()] == ["run-2"]


def test_old_tombstones_are_forgotten_and_live_records_never(syncs: Syncs, clock: Clock) -> None:
    syncs.load(row("1"), row("2"), row("3"))
    syncs.load(gone("1"), gone("2"))
    clock.pass_by(days=20)
    syncs.load(gone("3"), row("4"))
    clock.pass_by(days=11)
    before = {record.external_id: record.seq for record in syncs.records(deleted=False)}
    assert syncs.store.prune(KEPT, clock.now(), dry_run=True).tombstones == 2
    assert syncs.store.prune(KEPT, clock.now()).tombstones == 2
    assert {record.external_id for record in syncs.records()} == {"3", "4"}
    assert {record.external_id: record.seq for record in syncs.records(deleted=False)} == before


def test_a_record_that_comes_back_after_its_tombstone_was_forgotten_has_a_new_seq(syncs: Syncs, clock: Clock) -> None:
    syncs.load(row("1"), row("2"))
    syncs.load(gone("2"))
    newest = max(record.seq for record in syncs.records())
    clock.pass_by(days=31)
    syncs.store.prune(KEPT, clock.now())
    assert syncs.load(row("2")).created == 1
    assert syncs.live() == {"1": "x", "2": "x"}
    assert max(record.seq for record in syncs.records()) > newest


def test_the_staging_of_a_killed_run_is_forgotten_when_nobody_can_resume_it(syncs: Syncs, clock: Clock) -> None:
    syncs.load(row("1"))
    syncs.open().write(Batch(rows=[row(str(number), "new") for number in range(1500)], cursors={"people": "half"}))
    assert syncs.lease is not None
    syncs.store.release(syncs.lease)
    syncs.lease = None
    clock.pass_by(seconds=STAGING_KEPT.total_seconds())
    assert syncs.store.prune(KEPT, clock.now()).stagings == 0
    clock.pass_by(seconds=1)
    assert syncs.store.prune(KEPT, clock.now(), dry_run=True).stagings == 1
    assert syncs.store.prune(KEPT, clock.now()).stagings == 1
    assert syncs.store.prune(KEPT, clock.now()).stagings == 0
    writer = syncs.open()
    assert (writer.resumed, writer.cursor("people")) == (False, None)
    writer.write(Batch(rows=[row("1", "new")]))
    assert writer.promote(clock.now())["people"].updated == 1


def test_the_staging_of_a_run_that_goes_on_is_left_alone(syncs: Syncs, open_store: Opener, clock: Clock) -> None:
    syncs.load(row("1"))
    writer = syncs.open()
    writer.write(Batch(rows=[row("1", "new")]))
    clock.pass_by(seconds=STAGING_KEPT.total_seconds() + 1)
    assert syncs.lease is not None
    syncs.store.renew([syncs.lease])
    assert open_store().prune(KEPT, clock.now()).stagings == 0
    assert writer.promote(clock.now())["people"].updated == 1


def test_what_has_expired_is_forgotten_and_the_last_run_stays_the_last(store: Store, clock: Clock) -> None:
    store.memory_put(KEY, "old", 1, clock.now() + timedelta(hours=1))
    store.memory_put(KEY, "kept", 2, None)
    store.finish_run(_run(clock, "run"), IntegrationState(key=KEY, last_run_id="run"))
    store.finish_run(replace(_run(clock, "other", OTHER), outcome="ok"))
    clock.pass_by(days=400)
    store.prune(KEPT, clock.now())
    assert store.memory_get(KEY, "old", clock.now() - timedelta(days=400)) is None
    assert store.memory_get(KEY, "kept", clock.now()) == 2
    assert [run.id for run in store.runs()] == ["run"]


def test_the_records_of_no_integrations_are_none(syncs: Syncs) -> None:
    syncs.load(row("1"))
    assert list(syncs.store.records(keys=[])) == []
    assert list(syncs.store.records(limit=0)) == []
    assert list(syncs.store.records(keys=[OTHER])) == []
    assert len(list(syncs.store.records(keys=[OTHER, KEY]))) == 1
    assert syncs.store.counts() == {(KEY, "people"): (1, 0)}


def test_a_dry_run_forgets_nothing(store: Store, clock: Clock) -> None:
    store.add_events([_event(clock, "old")])
    store.start_run(_run(clock, "run"))
    clock.pass_by(days=400)
    assert store.prune(KEPT, clock.now(), dry_run=True) == Pruned(events=1, runs=1)
    assert (_messages(store), len(store.runs())) == (["old"], 1)


def test_events_are_chosen_by_name_and_those_of_a_whole_tenant_have_a_key(store: Store, clock: Clock) -> None:
    action = replace(_event(clock, "disable"), event="operator.action", integration=None, id="1")
    store.add_events([_event(clock, "sync"), action])
    assert _messages(store, names=["operator.action"]) == ["disable"]
    assert _messages(store, keys=[Key(KEY.tenant, "")]) == ["disable"]
    assert _messages(store, keys=[KEY]) == ["sync"]


def _fill(syncs: Syncs, clock: Clock) -> None:
    """Leave every kind of trace: records in scopes, a tombstone, a mark, a staging, events, runs, memory, a state."""
    syncs.load(row("1", "secret words"), row("2", scope="course"), row("3"))
    syncs.load(gone("3"))
    syncs.load(row("1", "secret words"), listing="offset")
    syncs.open().write(Batch(rows=[row("9", "staged words")], memory=[("nonce", 1, None)]))
    assert syncs.lease is not None
    syncs.store.release(syncs.lease)
    syncs.lease = None
    syncs.store.add_events([_event(clock, "one", syncs.key), _event(clock, "whole", Key(syncs.key.tenant, ""))])
    run = _run(clock, f"run of {syncs.key.tenant}", syncs.key)
    syncs.store.finish_run(run, IntegrationState(key=syncs.key, last_run_id=run.id))


def _traces(store: Store, key: Key, clock: Clock) -> list[object]:
    return [
        *store.records(keys=[key]),
        *(counted for counted, _ in store.counts().items() if counted[0] == key),
        *store.events(EventQuery(keys=[key, Key(key.tenant, "")])),
        *store.runs([key]),
        *store.states([key]),
        *store.scopes(key, "people"),
        *filter(None, [store.memory_get(key, "nonce", clock.now())]),
    ]


def test_a_purge_erases_every_trace_of_a_tenant_and_nothing_of_others(syncs: Syncs, clock: Clock) -> None:
    others = Syncs(syncs.store, clock, key=OTHER)
    for one in (syncs, others):
        _fill(one, clock)
    before = _traces(syncs.store, OTHER, clock)
    syncs.store.purge(KEY.tenant)
    assert _traces(syncs.store, KEY, clock) == []
    assert _traces(syncs.store, OTHER, clock) == before
    assert len(before) > 6


def test_a_purged_tenant_starts_anew(syncs: Syncs, clock: Clock) -> None:
    _fill(syncs, clock)
    syncs.store.purge(KEY.tenant)
    writer = syncs.open()
    assert (writer.direct, writer.resumed, writer.cursor("people")) == (True, False, None)
    writer.write(Batch(rows=[row("1")]))
    assert writer.promote(clock.now())["people"].created == 1


def test_a_tenant_that_never_synced_is_purged_too(store: Store, clock: Clock) -> None:
    store.renew([])
    store.add_events([_event(clock, "one")])
    store.start_run(_run(clock, "verify"))
    store.purge(KEY.tenant)
    assert _traces(store, KEY, clock) == []


def test_a_purge_of_an_unknown_tenant_does_nothing(syncs: Syncs, clock: Clock) -> None:
    _fill(syncs, clock)
    before = _traces(syncs.store, KEY, clock)
    syncs.store.purge("nobody")
    assert _traces(syncs.store, KEY, clock) == before


def test_a_tenant_whose_integration_runs_is_not_purged(syncs: Syncs, open_store: Opener, clock: Clock) -> None:
    _fill(syncs, clock)
    writer, before = syncs.open(), _traces(syncs.store, KEY, clock)
    with pytest.raises(Refused, match="northwind/roster is running"):
        open_store().purge(KEY.tenant)
    assert _traces(syncs.store, KEY, clock) == before
    writer.write(Batch(rows=[row("5")]))


def test_what_a_lost_run_still_writes_after_a_purge_is_refused(
    syncs: Syncs, open_store: Opener, clock: Clock
) -> None:
    syncs.load(row("1"))
    writer = syncs.open()
    clock.pass_by(seconds=31)
    other = open_store()
    other.purge(KEY.tenant)
    with pytest.raises(LeaseLost):
        writer.write(Batch(rows=[row("2")]))
    assert other.acquire(KEY) is not None
    with pytest.raises(LeaseLost):
        writer.write(Batch(rows=[row("2")]))
    assert syncs.records() == []
