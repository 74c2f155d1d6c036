"""What every store promises of whole tenants, and that what is asked of some integrations is told of no other."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mkt.contract import ConnectorEvent, uuid7
from mkt.store.base import Batch, IntegrationState, Key, Run, Store
from mkt.store.deliveries import Delivery, Effects

from .conftest import KEY, Clock, Opener, Syncs, gone, row

OTHER = Key("northwind-co", "roster")
"""Whoever looks for the first one by a part of its name finds this one too."""
SPARE = Key("northwind", "spare")
T0 = datetime(2026, 11, 22, 18, tzinfo=UTC)


def _delivery(key: Key) -> Delivery:
    return Delivery(
        id=uuid7(), received_at=T0, key=key, method="POST", path="/", verdict="received", status=202, next_try_at=T0
    )


def _run(key: Key) -> Run:
    return Run(id=f"of {key}", command="verify", key=key, connector="scim-hris", started_at=T0)


LEAVES_A_TRACE: dict[str, Callable[[Store], object]] = {
    "an event": lambda store: store.add_events(
        [ConnectorEvent(event="operator.action", message="", timestamp=T0, tenant=KEY.tenant)]
    ),
    "a run": lambda store: store.start_run(_run(KEY)),
    "a state": lambda store: store.set_connection(KEY, "connected", T0),
    "a lease": lambda store: store.acquire(KEY),
    "a delivery": lambda store: store.add_deliveries([_delivery(KEY)]),
    "a refused delivery": lambda store: store.keep_deliveries([replace(_delivery(KEY), verdict="rejected")]),
    "a value of context.state": lambda store: store.memory_put(KEY, "nonce", 1, None),
}


def _dies(store: Store, key: Key) -> None:
    store.add_deliveries([_delivery(key)])
    (found,) = store.claim_deliveries(T0, T0 + timedelta(minutes=1), 10)
    store.commit_delivery(replace(found, verdict="dead", next_try_at=None), Effects(), claimed=1)


def test_a_tenants_integrations_are_those_that_left_something_whatever_it_is(store: Store, clock: Clock) -> None:
    synced, verified, called, begun = (Key("northwind", name) for name in ("synced", "verified", "called", "begun"))
    Syncs(store, clock, key=synced).load(row("1"))
    Syncs(store, clock, key=OTHER).load(row("1"))
    Syncs(store, clock, key=begun).open().write(Batch(rows=[row("1")], cursors={"people": 1}))
    store.set_connection(verified, "reauth", T0)
    store.add_deliveries([_delivery(called)])
    assert store.known_keys(["northwind"]) == {synced, verified, called, begun}
    assert store.known_keys(["northwind", OTHER.tenant, "nobody"]) == {synced, verified, called, begun, OTHER}
    assert store.known_keys([]) == set()


@pytest.mark.parametrize("name", ["northwin%", "northwind\0", "\udc80", ""])
def test_what_is_no_tenants_name_is_nobodys(store: Store, name: str) -> None:
    store.set_connection(KEY, "connected", T0)
    assert store.known_keys([name]) == set()
    assert store.known_keys([name, KEY.tenant]) == {KEY}
    assert not store.has_tenant(name)


@pytest.mark.parametrize("trace", LEAVES_A_TRACE)
def test_whatever_is_stored_of_a_tenant_tells_that_there_is_one_until_it_is_purged(
    store: Store, open_store: Opener, clock: Clock, trace: str
) -> None:
    assert not store.has_tenant(KEY.tenant)
    LEAVES_A_TRACE[trace](store)
    assert store.has_tenant(KEY.tenant)
    assert not store.has_tenant(OTHER.tenant)
    clock.pass_by(minutes=1)  # until the lease, where there is one, has expired
    open_store().purge(KEY.tenant)
    assert not store.has_tenant(KEY.tenant)


def test_a_synced_tenant_is_gone_after_its_purge_and_the_other_is_not(store: Store, clock: Clock) -> None:
    for key in (KEY, OTHER):
        syncs = Syncs(store, clock, key=key)
        syncs.load(row("1"), row("2", scope="course"))
        syncs.load(row("3"), gone("1"))
        assert syncs.lease is not None
        store.release(syncs.lease)
        store.finish_run(_run(key), IntegrationState(key=key))
    store.purge(KEY.tenant)
    assert (store.has_tenant(KEY.tenant), store.known_keys([KEY.tenant])) == (False, set())
    assert (store.has_tenant(OTHER.tenant), store.known_keys([OTHER.tenant])) == (True, {OTHER})


def test_records_are_counted_of_the_integrations_that_are_asked_about(store: Store, clock: Clock) -> None:
    for key in (KEY, SPARE, OTHER):
        syncs = Syncs(store, clock, key=key, streams=("people", "org_units"))
        syncs.load(row("1"), row("2"), row("3", stream="org_units"))
        syncs.load(gone("2"))
    one = {(KEY, "people"): (1, 1), (KEY, "org_units"): (1, 0)}
    assert store.counts([KEY]) == one
    assert store.counts([KEY, KEY, Key("northwind", "nothing")]) == one
    assert store.counts([KEY, OTHER]) == one | {(OTHER, "people"): (1, 1), (OTHER, "org_units"): (1, 0)}
    assert store.counts([]) == {}
    assert len(store.counts()) == 6


def test_deliveries_are_told_of_the_integrations_that_are_asked_about(store: Store) -> None:
    for key in (KEY, SPARE, OTHER):
        _dies(store, key)
    day = T0.date()
    assert set(store.dead_deliveries(T0)) == set(store.delivery_history(day)) == {KEY, SPARE, OTHER}
    assert set(store.dead_deliveries(T0, [KEY])) == set(store.delivery_history(day, [KEY])) == {KEY}
    assert set(store.dead_deliveries(T0, [SPARE, OTHER])) == {SPARE, OTHER}
    assert set(store.delivery_history(day, [SPARE, OTHER])) == {SPARE, OTHER}
    assert (store.dead_deliveries(T0, []), store.delivery_history(day, [])) == ({}, {})
