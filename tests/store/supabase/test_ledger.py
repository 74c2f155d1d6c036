"""The ledger among hosts, and what PostgreSQL takes otherwise than SQLite."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.errors import LockNotAvailable
from tests.store.conftest import KEY, row
from tests.store.test_deliveries_contract import LATER, T0, claimed, delivery, handled
from tests.supalocal.stack import LocalSupabase

from mkt.contract import uuid7
from mkt.errors import StoreError
from mkt.store.base import Key
from mkt.store.deliveries import Delivery, DeliveryQuery, Effects
from mkt.store.supabase.calls import Calls
from mkt.store.supabase.store import SupabaseStore

from .conftest import OpenOn


@pytest.fixture
def store(open_on: OpenOn, tmp_path: Path) -> SupabaseStore:
    return open_on(tmp_path / "one")


@pytest.fixture
def hosts(open_on: OpenOn, tmp_path: Path) -> list[SupabaseStore]:
    return [open_on(tmp_path / f"host {number}") for number in range(3)]


def _at_once(*work: Callable[[], object]) -> None:
    begin = threading.Barrier(len(work))

    def run(one: Callable[[], object]) -> None:
        begin.wait()
        one()

    threads = [threading.Thread(target=run, args=[one]) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# --- among hosts


def test_what_a_partner_sends_to_all_hosts_at_once_is_accepted_once(hosts: list[SupabaseStore]) -> None:
    stored: list[Delivery] = []

    def accept(host: SupabaseStore, *, backwards: bool) -> None:
        for _ in range(5):
            group = [delivery(dedupe=f"m{number}") for number in range(20)]
            stored.extend(host.add_deliveries(group[::-1] if backwards else group))

    _at_once(*(lambda h=host, b=bool(n % 2): accept(h, backwards=b) for n, host in enumerate(hosts)))  # type: ignore[misc]
    accepted = [each for each in stored if each.verdict == "received"]
    assert len(stored) == 300
    assert sorted(each.dedupe for each in accepted) == sorted(f"m{number}" for number in range(20))
    assert {each.details["first"] for each in stored if each.verdict == "duplicate"} == {each.id for each in accepted}
    ((day,),) = [history.days for history in hosts[0].delivery_history(T0.date()).values()]
    assert day.number == 20


def test_no_two_hosts_get_the_same_delivery(hosts: list[SupabaseStore]) -> None:
    added = hosts[0].add_deliveries([delivery() for _ in range(90)])
    found: list[str] = []

    def work(host: SupabaseStore) -> None:
        while claimed_now := host.claim_deliveries(T0, LATER, 7):
            found.extend(each.id for each in claimed_now)

    _at_once(*(lambda h=host: work(h) for host in hosts))  # type: ignore[misc]
    assert sorted(found) == sorted(each.id for each in added)


def test_of_two_hosts_that_commit_the_same_attempt_one_does(hosts: list[SupabaseStore]) -> None:
    found = claimed(hosts[0])
    answers: list[Any] = []

    def commit(host: SupabaseStore) -> None:
        answers.append(host.commit_delivery(handled(found), Effects(rows=[row("1")]), claimed=1))

    _at_once(*(lambda h=host: commit(h) for host in hosts))  # type: ignore[misc]
    assert sorted(answers, key=str) == [None, None, {"created": 1, "updated": 0, "deleted": 0}]


@contextmanager
def _in_hand(stack: LocalSupabase, delivery_id: str) -> Iterator[None]:
    with psycopg.connect(stack.dsn) as connection:
        connection.execute("select from integration_deliveries where id = %s for update", [delivery_id])
        yield


def test_what_is_being_committed_is_passed_over(store: SupabaseStore, supabase: LocalSupabase) -> None:
    busy, free = store.add_deliveries([delivery(), delivery()])
    with _in_hand(supabase, busy.id):
        assert [each.id for each in store.claim_deliveries(T0, LATER, 10)] == [free.id]


@contextmanager
def _promoting(stack: LocalSupabase) -> Iterator[None]:
    with psycopg.connect(stack.dsn) as connection:
        connection.execute("select mkt_private.lock_integration('northwind', 'roster')")
        yield


def test_a_long_promotion_keeps_up_its_own_integrations_records_alone(
    store: SupabaseStore, supabase: LocalSupabase
) -> None:
    first, second = store.add_deliveries([delivery(), delivery()])
    store.claim_deliveries(T0, LATER, 10)
    with _promoting(supabase):
        with pytest.raises(LockNotAvailable):
            supabase.sql(
                "select mkt_commit_delivery('northwind', 'roster', %s, 1, true, '{}', '', '[]', '[]', 'x')",
                json.dumps({"id": first.id, "verdict": "handled"}),
            )
        plain = Effects(puts=[("seen", 1, None)])
        assert store.commit_delivery(handled(second), plain, claimed=1) == {}
        assert [each.verdict for each in store.add_deliveries([delivery()])] == ["received"]
    assert store.commit_delivery(handled(first), Effects(rows=[row("1")]), claimed=1) is not None


def test_what_waits_for_a_promotion_locks_nothing_meanwhile(store: SupabaseStore, supabase: LocalSupabase) -> None:
    """A purge has the integration first, then its deliveries: the other way round, the two wait for each other."""
    found = claimed(store)
    waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    with _promoting(supabase):
        committing = threading.Thread(
            target=store.commit_delivery, args=[handled(found), Effects(rows=[row("1")])], kwargs={"claimed": 1}
        )
        committing.start()
        while supabase.sql(waits) == [(0,)]:
            continue
        assert supabase.sql("select id from integration_deliveries for update nowait") == [(found.id,)]
    committing.join()
    (entry,) = store.deliveries(DeliveryQuery())
    assert entry.verdict == "handled"


def test_a_delivery_is_committed_as_its_own_tenants_alone(store: SupabaseStore) -> None:
    """Whoever had the id of another's could overwrite it."""
    found = claimed(store)
    foreign = replace(handled(found), key=Key("contoso", "roster"))
    assert store.commit_delivery(foreign, Effects(rows=[row("1")], puts=[("a", 1, None)]), claimed=1) is None
    assert list(store.records()) == []
    store.keep_deliveries([replace(foreign, verdict="rejected")])
    (entry,) = store.deliveries(DeliveryQuery())
    assert (entry.key, entry.verdict) == (KEY, "received")


# --- lost answers


class _Losing(Calls):
    """Loses the answer of each call that is not to be made again."""

    def call(self, function: str, given: Any, *, repeatable: bool = True, longest: float | None = None) -> Any:
        answer = super().call(function, given, repeatable=repeatable, longest=longest)
        if not repeatable:
            raise StoreError(f"{function}: the answer was lost", remedy="x")
        return answer


def test_what_has_no_entry_is_not_committed_again(store: SupabaseStore) -> None:
    """Made again, it would find its own value taken, and the partner would be refused."""
    store.memory_put(KEY, "nonce", 1, None)
    store._calls = _Losing(store._calls.client)
    flood = Effects(takes=[("nonce", 1)], puts=[("seen", 1, None)], kept=False)
    with pytest.raises(StoreError, match="mkt_commit_delivery"):
        store.commit_delivery(delivery(verdict="handled", next_try_at=None), flood, claimed=None)
    assert store.memory_get(KEY, "seen", T0) == 1


def test_what_was_given_back_is_not_given_back_again_once_it_is_anothers(store: SupabaseStore) -> None:
    found = claimed(store)
    store._calls = _Losing(store._calls.client)
    with pytest.raises(StoreError):
        store.release_deliveries({found.id: 1}, T0)
    assert [each.attempts for each in store.claim_deliveries(T0, LATER, 10)] == [1]


# --- what a database takes


def test_a_nul_is_no_reason_to_lose_a_delivery(store: SupabaseStore) -> None:
    given = delivery(reason="a\0b", details={"path": "a\0\\u0000", "\0": ["\\\0"]}, dedupe="m\0", body=b"\0\xff")
    assert [each.verdict for each in store.add_deliveries([given, replace(given, id=uuid7())])] == [
        "received",
        "duplicate",
    ]
    (found,) = store.find_deliveries(given.id)
    assert (found.reason, found.body) == ("a\ufffdb", b"\0\xff")
    assert found.details == {"path": "a\ufffd\\u0000", "\ufffd": ["\\\ufffd"]}


def test_half_a_character_is_the_connectors_failure_and_not_the_stores(store: SupabaseStore) -> None:
    found = claimed(store)
    for broken in (Effects(puts=[("a", "\ud800", None)]), Effects(takes=[("a", "\ud800")])):
        with pytest.raises(TypeError):
            store.commit_delivery(handled(found), broken, claimed=1)
    with pytest.raises(TypeError):
        store.commit_delivery(replace(handled(found), reason="\ud800"), Effects(), claimed=1)
    assert store.commit_delivery(handled(found), Effects(), claimed=1) == {}


def test_a_name_of_any_length_is_known_again(store: SupabaseStore) -> None:
    names = ["x" * 100_000, "x" * 99_999]
    stored = store.add_deliveries([delivery(dedupe=name) for name in [*names, *names]])
    assert [each.verdict for each in stored] == ["received", "received", "duplicate", "duplicate"]


def test_large_bodies_come_in_several_answers(store: SupabaseStore) -> None:
    times = [T0 - timedelta(seconds=60 - number) for number in range(11)]
    added = [delivery(next_try_at=at, received_at=at, body=f"{at}".encode() * 40_000) for at in times]
    store.add_deliveries([*added, delivery(body=None)])
    found = store.claim_deliveries(T0, LATER, 11)
    assert [each.body == other.body for each, other in zip(found, added, strict=True)] == [True] * 11
    assert len(store.claim_deliveries(T0, LATER, 100)) == 1


def test_more_deliveries_are_listed_than_one_answer_holds(store: SupabaseStore) -> None:
    many = [delivery(body=None, query="") for _ in range(2300)]
    store.add_deliveries(many)
    wanted = sorted((each.id for each in many), reverse=True)
    assert [each.id for each in store.deliveries(DeliveryQuery(limit=10_000))] == wanted
    assert [each.id for each in store.deliveries(DeliveryQuery(keys=[KEY], limit=2100))] == wanted[:2100]
    assert store.deliveries(DeliveryQuery(keys=[Key("contoso", "roster")])) == []


def test_what_was_refused_stands_in_nobodys_way(store: SupabaseStore) -> None:
    store.keep_deliveries([delivery(verdict="rejected", dedupe="m1", next_try_at=None)])
    assert [each.verdict for each in store.add_deliveries([delivery(dedupe="m1")])] == ["received"]
