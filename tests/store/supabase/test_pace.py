"""Budgets among hosts, by the database's own clock."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.store.conftest import Clock
from tests.supalocal.stack import LocalSupabase

from mkt.contract import RateLimit
from mkt.runtime.budgets import Budget
from mkt.runtime.pace import Pace
from mkt.store.supabase.calls import Calls
from mkt.store.supabase.pace import SupabaseBudgets
from mkt.store.supabase.store import SupabaseStore

from .conftest import OpenOn

HOST = Budget("host", "api.acme.example")
_ROWS = "select name, cardinality(slots) from integration_budgets order by name"


@pytest.fixture
def hosts(open_on: OpenOn, tmp_path: Path) -> list[SupabaseStore]:
    return [open_on(tmp_path / f"host {number}") for number in range(3)]


def test_all_hosts_together_never_send_more_than_the_budget(hosts: list[SupabaseStore]) -> None:
    """Each with threads that send as soon as they may, for a few windows."""
    rate, ends = RateLimit(requests=12, seconds=1), time.monotonic() + 3.2
    sent: list[float] = []

    def send(pace: Pace) -> None:
        purse = pace.purse(HOST, rate)
        while time.monotonic() < ends:
            place = purse.take(patience=5)
            if place.requests:
                stop = threading.Event()
                stop.wait(place.wait)
                sent.append(time.monotonic())

    paces = [Pace(host.budgets) for host in hosts]
    threads = [threading.Thread(target=send, args=[pace]) for pace in [*paces, *paces]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sent.sort()
    closest = min(later - first for first, later in zip(sent, sent[rate.requests :], strict=False))
    assert closest > 0.98  # what a thread takes from its place to its request is the machine's
    assert len(sent) >= 2 * rate.requests


class _Slow(Calls):
    """Answers that take their time."""

    def __init__(self, calls: Calls, *seconds: float) -> None:
        super().__init__(calls.client)
        self._seconds = list(seconds)

    def call(self, function: str, given: Any, *, repeatable: bool = True, longest: float | None = None) -> Any:
        answer = super().call(function, given, repeatable=repeatable, longest=longest)
        if self._seconds:
            time.sleep(self._seconds.pop(0))
        return answer


def test_a_place_that_is_over_when_the_answer_comes_is_left(hosts: list[SupabaseStore]) -> None:
    budgets = SupabaseBudgets(_Slow(hosts[0]._calls, 0.4))
    place = budgets.reserve(HOST, RateLimit(requests=4, seconds=2), most=4, patience=5)
    assert place.requests == 4
    assert place.wait > 1, "the window of those that were left"
    assert 0 < place.lasts <= 0.25


def test_answers_that_are_always_late_do_not_stop_the_work(hosts: list[SupabaseStore]) -> None:
    budgets = SupabaseBudgets(_Slow(hosts[0]._calls, *[0.3] * 3))
    place = budgets.reserve(HOST, RateLimit(requests=1000, seconds=1), most=1, patience=5)
    assert (place.requests, place.lasts) == (1, 0)


def test_what_is_over_is_forgotten(hosts: list[SupabaseStore], held_clock: Clock, supabase: LocalSupabase) -> None:
    budgets, rate = hosts[0].budgets, RateLimit(requests=5, seconds=10)
    for number in range(50):
        budgets.reserve(HOST, rate, most=1, patience=100)
        held_clock.pass_by(seconds=number % 7)
    assert supabase.sql(_ROWS)[0][1] <= 40
    held_clock.pass_by(minutes=5)
    other = Budget("host", "api.globex.example")
    budgets.hold(HOST, held_clock.now())
    budgets.reserve(other, rate, most=1, patience=0)
    assert supabase.sql(_ROWS) == [(other.name, 1)]
    budgets.hold(other, held_clock.now())
    assert supabase.sql("select name from integration_budget_holds") == []


@pytest.mark.parametrize("seconds", [0.01, 0.3, 1, 7, 30])
def test_any_window_is_kept(hosts: list[SupabaseStore], held_clock: Clock, seconds: float) -> None:
    budgets, rate = hosts[0].budgets, RateLimit(requests=2, seconds=seconds)
    waits = [budgets.reserve(HOST, rate, most=1, patience=10 * seconds + 1).wait for _ in range(5)]
    assert waits[2] - waits[0] >= seconds
    assert waits[4] - waits[2] >= seconds
    del held_clock
