"""What every store promises of the partners' budgets."""

from datetime import timedelta

import pytest
from tests.store.conftest import Clock, Opener

from mkt.contract import RateLimit
from mkt.runtime.budgets import Budget, tenant_digest
from mkt.store.base import Store

HOST = Budget("host", "api.acme.example")
RATE = RateLimit(requests=5, seconds=10)


def _take(store: Store, budget: Budget = HOST, rate: RateLimit = RATE, patience: float = 0) -> bool:
    return store.budgets.reserve(budget, rate, most=1, patience=patience).requests == 1


def test_a_budget_is_spent_by_its_number_of_requests_and_back_after_its_window(store: Store, clock: Clock) -> None:
    assert [_take(store) for _ in range(7)] == [True] * 5 + [False] * 2
    clock.pass_by(seconds=9.9)
    assert not _take(store)
    clock.pass_by(seconds=0.5)
    assert [_take(store) for _ in range(6)] == [True] * 5 + [False]


def test_two_processes_share_one_budget(open_store: Opener) -> None:
    one, other = open_store(), open_store()
    assert [_take(store) for store in (one, other) * 3] == [True] * 5 + [False]


def test_budgets_of_different_partners_are_apart(store: Store) -> None:
    assert [_take(store) for _ in range(6)][-1] is False
    assert _take(store, Budget("host", "api.globex.example"))
    assert _take(store, Budget("tenant", HOST.name))


def test_who_may_wait_gets_the_next_place_in_the_order_of_asking(store: Store, clock: Clock) -> None:
    for _ in range(5):
        _take(store)
    waits = [store.budgets.reserve(HOST, RATE, most=1, patience=30).wait for _ in range(12)]
    assert waits == sorted(waits)
    assert [round(wait / 10) for wait in waits] == [1] * 5 + [2] * 5 + [3] * 2
    place = store.budgets.reserve(HOST, RATE, most=1, patience=5)
    assert (place.requests, place.held) == (0, False)
    assert place.wait > 20
    clock.pass_by(seconds=50)
    assert _take(store), "what nobody used has passed"


def test_several_places_at_once_are_of_one_slot_and_count_all(store: Store) -> None:
    place = store.budgets.reserve(HOST, RATE, most=3, patience=0)
    assert place.requests == 3
    assert 0 < place.lasts < 0.5
    assert store.budgets.reserve(HOST, RATE, most=3, patience=0).requests == 2


def test_what_a_killed_process_had_reserved_comes_back(open_store: Opener, clock: Clock) -> None:
    killed = open_store()
    assert killed.budgets.reserve(HOST, RATE, most=5, patience=0).requests == 5
    clock.pass_by(seconds=10.5)
    assert open_store().budgets.reserve(HOST, RATE, most=5, patience=0).requests == 5


@pytest.mark.parametrize("back", [{"seconds": 5}, {"minutes": 10}, {"days": 400}])
def test_a_clock_that_was_set_back_does_not_stop_the_budget(
    store: Store, clock: Clock, back: dict[str, float]
) -> None:
    for _ in range(5):
        _take(store)
    clock.pass_by(**{unit: -span for unit, span in back.items()})
    place = store.budgets.reserve(HOST, RATE, most=1, patience=20)
    assert place.requests == 1
    clock.pass_by(seconds=20)
    assert _take(store)


def test_a_hold_stops_all_who_share_the_budget_until_then(open_store: Opener, clock: Clock) -> None:
    one, other = open_store(), open_store()
    one.budgets.hold(HOST, clock.now() + timedelta(hours=2))
    place = other.budgets.reserve(HOST, RATE, most=1, patience=30)
    assert (place.requests, place.wait, place.held) == (0, 7200, True)
    assert other.budgets.held(HOST) == 7200
    assert _take(other, Budget("host", "api.globex.example"))
    clock.pass_by(hours=2)
    assert other.budgets.held(HOST) == 0
    assert _take(other)


def test_a_hold_is_of_the_budget_whatever_the_numbers(store: Store, clock: Clock) -> None:
    store.budgets.hold(HOST, clock.now() + timedelta(minutes=1))
    assert not _take(store, rate=RateLimit(requests=100, seconds=1))


def test_of_two_holds_the_longer_one_stays(store: Store, clock: Clock) -> None:
    store.budgets.hold(HOST, clock.now() + timedelta(minutes=20))
    store.budgets.hold(HOST, clock.now() + timedelta(minutes=1))
    assert store.budgets.held(HOST) == 1200


def test_a_clock_that_was_set_back_ends_a_hold(store: Store, clock: Clock) -> None:
    store.budgets.hold(HOST, clock.now() + timedelta(hours=1))
    clock.pass_by(days=-365)
    assert store.budgets.held(HOST) == 0
    assert _take(store)


def test_a_hold_outlives_the_process(open_store: Opener, clock: Clock) -> None:
    store = open_store()
    store.budgets.hold(HOST, clock.now() + timedelta(hours=1))
    store.close()
    assert open_store().budgets.held(HOST) == 3600


def test_a_purge_forgets_the_tenants_budgets_and_no_others(store: Store, clock: Clock) -> None:
    store.purge("nobody")
    gone, kept = (Budget("tenant", tenant_digest(tenant, "acme-hris")) for tenant in ("acme", "acme-2"))
    for budget in (gone, kept):
        store.budgets.hold(budget, clock.now() + timedelta(hours=1))
    store.purge("acme")
    assert (store.budgets.held(gone), store.budgets.held(kept)) == (0, 3600)
