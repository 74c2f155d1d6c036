"""What every store promises of the ledger: once, in order, and together with what a delivery changes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mkt.contract import Complete, uuid7
from mkt.store.base import Batch, Key, Retention, Store
from mkt.store.deliveries import Delivery, DeliveryQuery, Effects, StateTakenError

from .conftest import KEY, Clock, Opener, Syncs, gone, row

T0 = datetime(2026, 11, 22, 18, tzinfo=UTC)
LATER = T0 + timedelta(minutes=3)


def delivery(**given: Any) -> Delivery:
    fields: dict[str, Any] = {
        "id": uuid7(),
        "received_at": T0,
        "key": KEY,
        "connector": "hooked",
        "method": "POST",
        "path": "/hooks/northwind/roster",
        "verdict": "received",
        "status": 202,
        "next_try_at": T0,
        "request": {"headers": {"host": "x"}},
        "details": {"path": ""},
        "query": "a=b",
        "body": b"{}",
        **given,
    }
    return Delivery(**fields)


def claimed(store: Store, **given: Any) -> Delivery:
    store.add_deliveries([delivery(**given)])
    (found,) = store.claim_deliveries(T0, LATER, 10)
    return found


def handled(found: Delivery) -> Delivery:
    return replace(found, verdict="handled", next_try_at=None)


@pytest.fixture
def store(open_store: Opener) -> Store:
    return open_store()


# --- accepted once, handled in order


def test_what_is_added_is_found_whole(store: Store) -> None:
    added = delivery(dedupe="m1", attempts=1, details={"path": "x", "headers": {"a": "b"}})
    assert store.add_deliveries([added]) == [added]
    assert store.find_deliveries(added.id[9:]) == [added]
    assert store.deliveries(DeliveryQuery()) == [replace(added, query="", body=None)]


def test_the_same_delivery_again_is_a_duplicate_of_the_first(store: Store) -> None:
    first, again = delivery(dedupe="m1"), delivery(dedupe="m1", status=0)
    other = delivery(dedupe="m2", received_at=T0 + timedelta(seconds=1))
    stored = store.add_deliveries([first, again, other])
    assert [each.verdict for each in stored] == ["received", "duplicate", "received"]
    assert (stored[1].status, stored[1].details["first"], stored[1].body) == (202, first.id, None)
    assert [each.id for each in store.claim_deliveries(T0, LATER, 10)] == [first.id, other.id]


def test_another_integrations_delivery_of_that_name_is_none(store: Store) -> None:
    stored = store.add_deliveries([delivery(dedupe="m1"), delivery(dedupe="m1", key=Key("northwind", "other"))])
    assert [each.verdict for each in stored] == ["received", "received"]


def test_a_dead_delivery_that_the_partner_sends_again_is_accepted(store: Store) -> None:
    first = claimed(store, dedupe="m1")
    store.commit_delivery(replace(first, verdict="dead", next_try_at=None), Effects(), claimed=1)
    (again,) = store.add_deliveries([delivery(dedupe="m1")])
    assert again.verdict == "received"


def test_a_claimed_delivery_is_nobody_elses_until_the_claim_ends(open_store: Opener) -> None:
    store, other = open_store(), open_store()
    times = [T0 + timedelta(microseconds=number) for number in range(3)]
    added = [delivery(received_at=at, next_try_at=T0 + timedelta(seconds=n % 2)) for n, at in enumerate(times)]
    store.add_deliveries(added)
    assert [each.id for each in store.claim_deliveries(T0, LATER, 10)] == [added[0].id, added[2].id]
    assert other.claim_deliveries(T0, LATER, 10) == []
    found = other.claim_deliveries(LATER, LATER + timedelta(minutes=3), 2)
    assert [(each.id, each.attempts) for each in found] == [(added[0].id, 2), (added[1].id, 1)]


def test_a_claim_leaves_alone_what_it_is_told_to(store: Store) -> None:
    store.add_deliveries([delivery(), delivery(key=Key("northwind", "other"))])
    (found,) = store.claim_deliveries(T0, LATER, 10, without=[KEY])
    assert found.key == Key("northwind", "other")


def test_what_was_not_begun_is_given_back_with_its_attempt(store: Store) -> None:
    found = claimed(store)
    store.release_deliveries({found.id: 1, "nobody": 1}, T0)
    (again,) = store.claim_deliveries(T0, LATER, 10)
    assert again.attempts == 1


def test_what_is_dead_is_counted_with_the_last_of_it(store: Store) -> None:
    for name in ("m1", "m2"):
        found = claimed(store, dedupe=name)
        store.commit_delivery(replace(found, verdict="dead", reason=name, next_try_at=None), Effects(), claimed=1)
    ((number, last),) = store.dead_deliveries(T0).values()
    assert (number, last.reason, last.key) == (2, "m2", KEY)
    assert store.dead_deliveries(LATER) == {}


def test_deliveries_are_found_by_all_that_is_asked(store: Store) -> None:
    other = Key("contoso", "hook")
    early, late = delivery(received_at=T0 - timedelta(hours=1)), delivery(key=other)
    refused = delivery(verdict="rejected", next_try_at=None)
    store.add_deliveries([early, late])
    store.keep_deliveries([refused])
    asked: list[tuple[DeliveryQuery, list[Delivery]]] = [
        (DeliveryQuery(since=T0), [refused, late]),
        (DeliveryQuery(verdicts=["rejected"]), [refused]),
        (DeliveryQuery(keys=[KEY, other], verdicts=["received"]), [late, early]),
        (DeliveryQuery(keys=[KEY], since=T0), [refused]),
        (DeliveryQuery(keys=[]), []),
        (DeliveryQuery(limit=1), [max((early, late, refused), key=lambda each: each.id)]),
    ]
    for query, wanted in asked:
        newest = sorted((each.id for each in wanted), reverse=True)
        assert [each.id for each in store.deliveries(query)] == newest, query


def test_what_failed_is_tried_again_when_its_time_has_come(store: Store) -> None:
    found = claimed(store, dedupe="m1")
    again_at = T0 + timedelta(minutes=10)
    failed = replace(
        found, verdict="failed", reason="no answer", next_try_at=again_at, details={"error": {"code": "x"}}
    )
    assert store.commit_delivery(failed, Effects(), claimed=1) == {}
    assert store.claim_deliveries(again_at - timedelta(seconds=1), LATER, 10) == []
    assert store.add_deliveries([delivery(dedupe="m1")])[0].verdict == "duplicate"
    (again,) = store.claim_deliveries(again_at, again_at + timedelta(minutes=3), 10)
    assert again == replace(failed, attempts=2, next_try_at=again_at + timedelta(minutes=3))


def test_no_more_are_claimed_than_asked_for_the_longest_due_first(store: Store) -> None:
    added = [delivery(received_at=T0 - timedelta(minutes=minutes), next_try_at=T0) for minutes in (1, 3, 2)]
    early = delivery(next_try_at=T0 - timedelta(seconds=1))
    store.add_deliveries([*added, early])
    assert [each.id for each in store.claim_deliveries(T0, LATER, 2)] == [added[1].id, early.id]
    assert [each.id for each in store.claim_deliveries(T0, LATER, 2)] == [added[2].id, added[0].id]


# --- one transaction


def test_a_deliverys_records_and_state_are_stored_with_its_entry(store: Store) -> None:
    found = claimed(store)
    effects = Effects(rows=[row("1"), row("2"), gone("2"), gone("never")], puts=[("seen", 7, None)])
    assert store.commit_delivery(handled(found), effects, claimed=1) == {"created": 1, "updated": 0, "deleted": 0}
    assert [(each.external_id, each.deleted) for each in store.records(keys=[KEY])] == [("1", False)]
    assert store.memory_get(KEY, "seen", T0) == 7
    (entry,) = store.deliveries(DeliveryQuery(verdicts=["handled"]))
    assert entry.details["changes"] == {"created": 1, "updated": 0, "deleted": 0}
    assert store.claim_deliveries(LATER, LATER + timedelta(minutes=3), 10) == []


def test_whoever_lost_the_claim_changes_nothing(store: Store) -> None:
    found = claimed(store)
    store.claim_deliveries(LATER, LATER + timedelta(minutes=3), 10)
    effects = Effects(rows=[row("1")], puts=[("seen", 7, None)])
    assert store.commit_delivery(handled(found), effects, claimed=1) is None
    assert list(store.records()) == []
    assert store.memory_get(KEY, "seen", T0) is None


def test_a_taken_value_is_gone_and_a_second_taker_changes_nothing(store: Store) -> None:
    store.memory_put(KEY, "nonce", {"n": 1}, None)
    taking = Effects(rows=[row("1")], takes=[("nonce", {"n": 1})])
    assert store.commit_delivery(delivery(verdict="handled", next_try_at=None), taking, claimed=None) is not None
    with pytest.raises(StateTakenError):
        store.commit_delivery(delivery(), replace(taking, rows=[row("2")]), claimed=None)
    assert [each.external_id for each in store.records()] == ["1"]
    assert len(store.deliveries(DeliveryQuery())) == 1


def test_an_inline_delivery_that_is_known_already_changes_nothing(store: Store) -> None:
    answered = delivery(verdict="handled", next_try_at=None, dedupe="m1")
    assert store.commit_delivery(answered, Effects(), claimed=None) == {}
    again = replace(answered, id=uuid7())
    assert store.commit_delivery(again, Effects(rows=[row("1")]), claimed=None) is None
    assert list(store.records()) == []


def test_of_a_flood_the_effects_are_stored_without_an_entry(store: Store) -> None:
    flood = delivery(verdict="handled", next_try_at=None)
    store.commit_delivery(flood, Effects(puts=[("state", 1, None)], kept=False), claimed=None)
    assert store.deliveries(DeliveryQuery()) == []
    assert store.memory_get(KEY, "state", T0) == 1


def test_an_entry_that_stands_for_many_takes_its_own_place(store: Store) -> None:
    shared = delivery(verdict="rejected", status=403, next_try_at=None)
    for count in (1, 5):
        store.keep_deliveries([replace(shared, count=count)])
    (entry,) = store.deliveries(DeliveryQuery())
    assert entry.count == 5


def test_what_was_refused_for_a_broken_file_or_for_nobody_is_kept(store: Store) -> None:
    keys = [Key("Acme Corp.", ""), Key("", "")]
    store.keep_deliveries([delivery(key=key, verdict="rejected", status=503, next_try_at=None) for key in keys])
    assert {each.key for each in store.deliveries(DeliveryQuery())} == set(keys)
    assert [each.key for each in store.deliveries(DeliveryQuery(keys=keys[:1]))] == keys[:1]


# --- a delivery during a sync


def loaded(syncs: Syncs, *ids: str) -> None:
    writer = syncs.open()
    writer.write(Batch(rows=[row(each) for each in ids]))
    writer.promote(T0)


def deliver(store: Store, *rows: Any) -> None:
    store.commit_delivery(delivery(verdict="handled", next_try_at=None), Effects(rows=rows), claimed=None)


def test_a_delivery_before_any_sync_does_not_keep_the_first_load_from_being_one(syncs: Syncs) -> None:
    deliver(syncs.store, row("1", "hook"))
    writer = syncs.open()
    assert writer.direct
    writer.write(Batch(rows=[row("2")], completes=[Complete("people")]))
    writer.promote(T0)
    assert syncs.live() == {"1": "hook", "2": "x"}


def test_what_a_delivery_says_counts_against_what_a_sync_has_staged_before(syncs: Syncs) -> None:
    loaded(syncs, "1", "2", "3")
    writer = syncs.open()
    writer.write(Batch(rows=[row("1", "sync"), row("2", "sync"), row("3"), row("new", "sync")]))
    deliver(syncs.store, row("1", "hook"), gone("2"), row("new", "hook"))
    assert syncs.live() == {"1": "hook", "3": "x", "new": "hook"}
    writer.write(Batch(completes=[Complete("people")]))
    writer.promote(T0)
    assert syncs.live() == {"1": "hook", "3": "x", "new": "hook"}


def test_who_comes_by_a_delivery_after_the_listing_has_not_left(syncs: Syncs) -> None:
    loaded(syncs, "1")
    writer = syncs.open()
    writer.write(Batch(rows=[row("1")], completes=[Complete("people")]))
    deliver(syncs.store, row("late"))
    writer.promote(T0)
    assert syncs.live() == {"1": "x", "late": "x"}


def test_what_the_sync_reads_after_a_delivery_counts_again(syncs: Syncs) -> None:
    loaded(syncs, "1", "2")
    writer = syncs.open()
    deliver(syncs.store, row("1", "hook"), gone("2"))
    writer.write(Batch(rows=[row("1", "sync"), row("2", "sync")], completes=[Complete("people")]))
    writer.promote(T0)
    assert syncs.live() == {"1": "sync", "2": "sync"}


def test_a_delivery_ends_a_first_absence(syncs: Syncs) -> None:
    loaded(syncs, "1", "2")
    for delivered in (True, False):
        writer = syncs.open()
        writer.write(Batch(rows=[row("1")], completes=[Complete("people", listing="offset")]))
        writer.promote(T0)
        if delivered:
            deliver(syncs.store, row("2"))
    assert syncs.live() == {"1": "x", "2": "x"}


# --- once more, and no longer


def test_only_what_has_a_body_and_an_end_is_replayed(store: Store) -> None:
    waiting = delivery()
    done = delivery(verdict="handled", next_try_at=None)
    inline = delivery(verdict="failed", next_try_at=None, body=None)
    store.add_deliveries([waiting, done, inline])
    (again,) = store.replay_deliveries([waiting.id, done.id, inline.id], LATER)
    assert (again.id, again.verdict, again.attempts, again.body) == (done.id, "received", 1, b"{}")


def test_old_deliveries_are_forgotten_unless_they_wait(store: Store) -> None:
    old = T0 - timedelta(days=40)
    kept = [delivery(received_at=old), delivery(next_try_at=None)]
    store.add_deliveries([*kept, delivery(received_at=old, next_try_at=None)])
    retention = Retention(timedelta(days=90), timedelta(days=365), timedelta(days=365))
    assert store.prune(retention, T0, dry_run=True).deliveries == 1
    assert store.prune(retention, T0).deliveries == 1
    assert {each.id for each in store.deliveries(DeliveryQuery())} == {each.id for each in kept}


def test_a_purge_erases_a_tenants_deliveries(store: Store) -> None:
    store.add_deliveries([delivery(), delivery(key=Key("acme", "roster"))])
    store.purge("northwind")
    assert [each.key.tenant for each in store.deliveries(DeliveryQuery())] == ["acme"]
    assert set(store.delivery_history(T0.date())) == {Key("acme", "roster")}


def test_what_was_accepted_is_counted_by_day_with_the_pauses(store: Store, clock: Clock) -> None:
    del clock
    store.add_deliveries([delivery(received_at=T0 + timedelta(hours=hours)) for hours in (0, 1)])
    store.add_deliveries([delivery(received_at=T0 + timedelta(hours=11)), delivery(verdict="rejected")])
    history = store.delivery_history(T0.date())[KEY]
    assert [(day.number, day.longest_gap) for day in history.days] == [(2, 0.0), (1, 36000.0)]
    assert history.last_at == T0 + timedelta(hours=11)


def test_the_last_day_of_an_integration_is_never_forgotten(store: Store) -> None:
    store.add_deliveries([delivery(received_at=T0 - timedelta(days=days)) for days in (90, 89)])
    store.add_deliveries([delivery(received_at=T0 - timedelta(days=89))])
    retention = Retention(timedelta(days=90), timedelta(days=365), timedelta(days=365))
    store.prune(retention, T0)
    assert store.delivery_history(T0.date())[KEY].last_at == T0 - timedelta(days=89)
