"""What every store promises about who was told of what."""

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mkt.store.alerts import Alert, AlertMessage
from mkt.store.base import IntegrationState, Key, Retention, Run, Store

from .conftest import KEY, Clock, Opener

KEPT = Retention(events=timedelta(days=90), runs=timedelta(days=365), tombstones=timedelta(days=30))
SINKS = ("webhook", "command")


def _alert(clock: Clock, fingerprint: str = "f00", kind: Any = "opened", **data: Any) -> Alert:
    named = {"tenants": ["northwind"], "integrations": ["northwind/roster"], "message": "no answer", **data}
    body = {"id": f"msg_{fingerprint}_{kind}_{clock.time.timestamp()}", "type": f"alert.{kind}", "data": named}
    return Alert(fingerprint=fingerprint, kind=kind, at=clock.now(), body=body)


def _claim(store: Store, clock: Clock, sinks: tuple[str, ...] = SINKS, limit: int = 20) -> list[AlertMessage]:
    until = clock.now() + timedelta(minutes=1)
    return store.claim_alerts(sinks, now=clock.now(), until=until, most=3, limit=limit)


def _kinds(messages: list[AlertMessage]) -> list[tuple[str, str]]:
    return [(message.sink, message.body["type"]) for message in messages]


def test_a_cause_that_began_is_a_message_to_each_sink(store: Store, clock: Clock) -> None:
    alert = _alert(clock)
    store.record_alerts([alert], SINKS, clock.now())
    assert store.open_alerts() == [alert]
    assert _kinds(_claim(store, clock)) == [("command", "alert.opened"), ("webhook", "alert.opened")]


def test_what_two_processes_find_is_told_once(open_store: Opener, clock: Clock) -> None:
    stores = [open_store() for _ in range(4)]
    claimed: list[AlertMessage] = []

    def look(store: Store) -> None:
        store.record_alerts([_alert(clock, f"f{number}") for number in range(10)], ["webhook"], clock.now())
        for message in _claim(store, clock):
            claimed.append(message)
            store.settle_alert(message)

    threads = [threading.Thread(target=look, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(message.fingerprint for message in claimed) == sorted(f"f{number}" for number in range(10))


def test_a_message_that_was_sent_is_not_sent_again(store: Store, clock: Clock) -> None:
    store.record_alerts([_alert(clock)], ["webhook"], clock.now())
    (message,) = _claim(store, clock)
    store.settle_alert(message)
    clock.pass_by(days=1)
    assert _claim(store, clock) == []
    assert store.unsent_alerts() == []


def test_a_message_whose_sender_died_is_taken_over_after_a_while(store: Store, clock: Clock) -> None:
    store.record_alerts([_alert(clock)], ["webhook"], clock.now())
    (first,) = _claim(store, clock)
    clock.pass_by(seconds=59)
    assert _claim(store, clock) == []
    clock.pass_by(seconds=1)
    (second,) = _claim(store, clock)
    assert (second.id, second.tries) == (first.id, 2)


def test_a_sender_that_was_overtaken_settles_nothing(store: Store, clock: Clock) -> None:
    store.record_alerts([_alert(clock)], ["webhook"], clock.now())
    (late,) = _claim(store, clock)
    clock.pass_by(minutes=1)
    _claim(store, clock)
    store.settle_alert(late, error="no answer", retry_at=None)
    assert [message.given_up for message in store.unsent_alerts()] == [False]


def test_senders_that_always_die_end_the_tries(store: Store, clock: Clock) -> None:
    store.record_alerts([_alert(clock)], ["webhook"], clock.now())
    for _ in range(3):
        assert len(_claim(store, clock)) == 1
        clock.pass_by(minutes=1)
    assert _claim(store, clock) == []
    (message,) = store.unsent_alerts()
    assert message.given_up
    assert "ended before it was sent" in message.error


def test_a_message_that_failed_waits_for_its_next_try_and_is_given_up_without_one(store: Store, clock: Clock) -> None:
    store.record_alerts([_alert(clock)], ["webhook"], clock.now())
    (message,) = _claim(store, clock)
    store.settle_alert(message, error="it answered 500", retry_at=clock.now() + timedelta(minutes=5))
    clock.pass_by(minutes=4)
    assert _claim(store, clock) == []
    clock.pass_by(minutes=1)
    (message,) = _claim(store, clock)
    store.settle_alert(message, error="it answered 500")
    clock.pass_by(days=1)
    assert _claim(store, clock) == []
    assert [(m.given_up, m.error) for m in store.unsent_alerts()] == [(True, "it answered 500")]


def test_a_message_that_there_was_no_time_for_is_due_again_and_not_tried(store: Store, clock: Clock) -> None:
    store.record_alerts([_alert(clock)], ["webhook"], clock.now())
    (message,) = _claim(store, clock)
    store.release_alert(message, clock.now())
    assert [again.tries for again in _claim(store, clock)] == [1]


def test_that_a_cause_ended_is_not_said_before_that_it_began(store: Store, clock: Clock) -> None:
    store.record_alerts([_alert(clock)], ["webhook"], clock.now())
    clock.pass_by(minutes=1)
    store.record_alerts([_alert(clock, kind="ended")], ["webhook"], clock.now())
    assert store.open_alerts() == []
    (began,) = _claim(store, clock)
    assert began.body["type"] == "alert.opened"
    store.settle_alert(began)
    assert _kinds(_claim(store, clock)) == [("webhook", "alert.ended")]


def test_what_was_not_open_does_not_end(store: Store, clock: Clock) -> None:
    store.record_alerts([_alert(clock, kind="ended")], ["webhook"], clock.now())
    assert _claim(store, clock) == []


def test_an_older_look_changes_nothing(store: Store, clock: Clock) -> None:
    early = clock.now()
    clock.pass_by(seconds=10)
    store.record_alerts([_alert(clock)], ["webhook"], clock.now())
    store.record_alerts([_alert(clock, kind="ended")], ["webhook"], early)
    assert len(store.open_alerts()) == 1


def test_a_clock_that_was_set_back_by_hours_does_not_silence_the_alerts(store: Store, clock: Clock) -> None:
    store.record_alerts([_alert(clock, "f01")], ["webhook"], clock.now())
    clock.pass_by(hours=-3)
    store.record_alerts([_alert(clock, "f02")], ["webhook"], clock.now())
    assert {alert.fingerprint for alert in store.open_alerts()} == {"f01", "f02"}


def test_messages_of_a_sink_that_is_no_longer_set_wait(store: Store, clock: Clock) -> None:
    store.record_alerts([_alert(clock)], SINKS, clock.now())
    assert _kinds(_claim(store, clock, ("command",))) == [("command", "alert.opened")]


def test_no_more_are_claimed_than_asked_for(store: Store, clock: Clock) -> None:
    store.record_alerts([_alert(clock, f"f{number}") for number in range(5)], ["webhook"], clock.now())
    assert [m.fingerprint for m in _claim(store, clock, limit=3)] == ["f0", "f1", "f2"]


def test_what_waits_for_one_sink_takes_no_place_of_another(store: Store, clock: Clock) -> None:
    store.record_alerts([_alert(clock, f"f{number}") for number in range(5)], SINKS, clock.now())
    for message in _claim(store, clock, ("command",)):
        store.settle_alert(message)
    store.record_alerts([_alert(clock, "f9")], SINKS, clock.now())
    claimed = _claim(store, clock, limit=3)
    assert sorted((m.sink, m.fingerprint) for m in claimed) == [
        ("command", "f9"),
        ("webhook", "f0"),
        ("webhook", "f1"),
        ("webhook", "f2"),
    ]


def test_old_messages_are_forgotten_and_open_alerts_are_not(store: Store, clock: Clock) -> None:
    store.record_alerts([_alert(clock)], ["webhook"], clock.now())
    clock.pass_by(days=91)
    store.prune(KEPT, clock.now())
    assert store.unsent_alerts() == []
    assert len(store.open_alerts()) == 1


def test_a_purged_tenant_is_in_no_alert_and_in_no_message(store: Store, clock: Clock) -> None:
    shared = _alert(
        clock,
        tenants=["contoso", "northwind", "northwind-2"],
        integrations=["contoso/roster", "northwind/roster", "northwind-2/roster"],
        message="secret of northwind/roster is missing; northwind: no",
    )
    store.record_alerts([shared], ["webhook"], clock.now())
    store.purge("northwind")
    (alert,) = store.open_alerts()
    assert alert.body["data"] == {
        "tenants": ["contoso", "northwind-2"],
        "integrations": ["contoso/roster", "northwind-2/roster"],
        "message": "secret of (purged) is missing; (purged): no",
    }
    assert store.unsent_alerts()[0].body == alert.body


@pytest.mark.parametrize("tenant", ["alert", "opened", "held", "guard", "mkt", "us", "triage", "f00"])
def test_a_purged_tenant_whose_name_is_a_word_of_ours_tears_up_no_message(
    store: Store, clock: Clock, tenant: str
) -> None:
    words = {"state": "held", "code": "guard.held", "actor": "us", "next_command": "mkt triage f00"}
    free = dict.fromkeys(("summary", "message", "remedy"), f"look at {tenant}/roster")
    named = {"tenants": [tenant], "integrations": [f"{tenant}/roster"]}
    store.record_alerts([_alert(clock, **words, **free, **named)], ["webhook"], clock.now())
    before = store.open_alerts()[0].body
    store.purge(tenant)
    (alert,) = store.open_alerts()
    assert {**alert.body, "data": {}} == {**before, "data": {}}
    purged = dict.fromkeys(free, "look at (purged)")
    assert alert.data == {**words, **purged, "tenants": [], "integrations": []}


def test_a_purge_takes_the_tenant_out_of_the_command_too(store: Store, clock: Clock) -> None:
    store.record_alerts([_alert(clock, next_command="mkt verify northwind/roster")], [], clock.now())
    store.purge("northwind")
    assert store.open_alerts()[0].data["next_command"] == "mkt status"


def test_a_purge_stands_a_message_that_was_stored_with_other_keys(store: Store, clock: Clock) -> None:
    store.record_alerts([Alert(fingerprint="f00", kind="opened", at=clock.now(), body={"id": "m"})], [], clock.now())
    store.purge("northwind")
    assert [alert.fingerprint for alert in store.open_alerts()] == ["f00"]


def _fail(store: Store, clock: Clock, run_id: str, fingerprint: str, key: Key = KEY, **state: Any) -> None:
    error = {"fingerprint": fingerprint}
    run = Run(id=run_id, command="sync", key=key, connector="x", started_at=clock.now(), finished_at=clock.now())
    failed = replace(run, outcome="failed", error=error)
    store.finish_run(failed, IntegrationState(key=key, last_run_id=run_id, last_error=error, **state))


def test_failing_since_counts_from_the_last_sync_that_was_ok(store: Store, clock: Clock) -> None:
    _fail(store, clock, "r1", "f00")
    clock.pass_by(hours=1)
    ok = clock.now()
    clock.pass_by(hours=1)
    _fail(store, clock, "r2", "f00", last_ok_at=ok)
    second = clock.now()
    clock.pass_by(hours=1)
    _fail(store, clock, "r3", "f00", last_ok_at=ok)
    third = clock.now()
    _fail(store, clock, "r4", "f11", last_ok_at=ok)
    assert store.failing_since() == {(KEY, "f00"): second, (KEY, "f11"): third}


def test_what_works_again_fails_since_no_time(store: Store, clock: Clock) -> None:
    _fail(store, clock, "r1", "f00")
    clock.pass_by(hours=1)
    run = Run(id="r2", command="sync", key=KEY, connector="x", started_at=clock.now(), finished_at=clock.now())
    store.finish_run(run, IntegrationState(key=KEY, last_run_id="r2", last_ok_at=clock.now()))
    assert store.failing_since() == {}


@pytest.mark.parametrize("sink", SINKS)
def test_a_message_says_what_it_is_and_for_whom(store: Store, clock: Clock, sink: str) -> None:
    alert = _alert(clock)
    store.record_alerts([alert], [sink], clock.now())
    (message,) = store.unsent_alerts()
    assert (message.sink, message.fingerprint, message.body, message.tries, message.error) == (
        sink,
        "f00",
        alert.body,
        0,
        "",
    )
    assert message.id == alert.body["id"]
    assert message.created_at == clock.now()
