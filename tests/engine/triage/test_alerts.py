import json
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from tests.engine.failing import Fleet
from tests.engine.receiver import Receiver
from tests.engine.rig import Rig, people
from tests.engine.triage.test_triage import BROKEN

from mkt.contract import AuthError, Complete, PartnerError, RateLimited, TransientError
from mkt.engine.base import Engine
from mkt.engine.triage import couriers
from mkt.engine.triage.alerts import TRIES, alert
from mkt.engine.triage.couriers import try_sinks
from mkt.engine.triage.triage import triage
from mkt.runtime.masking import PROCESS
from mkt.settings import Alerts, ProjectSettings
from mkt.store.alerts import Alert

FAULT = PartnerError("no data", remedy="ask them")


@pytest.fixture
def fleet(rig: Rig) -> Fleet:
    return Fleet(rig)


@pytest.fixture
def receiver(rig: Rig) -> Iterator[Receiver]:
    with Receiver() as receiver:
        _set(rig, webhook=SecretStr(receiver.url))
        yield receiver


def _set(rig: Rig, **alerts: Any) -> None:
    settings = ProjectSettings.model_construct(alerts=Alerts(**alerts))
    rig.engine = replace(rig.engine, settings=settings)


def _got(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in receiver.requests]


def _told(receiver: Receiver) -> list[tuple[str, list[str]]]:
    return [(message["type"], message["data"]["tenants"]) for message in _got(receiver)]


def test_nobody_is_told_where_all_is_well(fleet: Fleet, receiver: Receiver) -> None:
    fleet.turn()
    assert receiver.requests == []


def test_a_cause_of_many_tenants_is_one_message(rig: Rig, fleet: Fleet, receiver: Receiver) -> None:
    fleet.fail(FAULT)
    fleet.turn()
    (message,) = _got(receiver)
    (cause,) = triage(rig.engine)
    assert message["type"] == "alert.opened"
    assert message["timestamp"] == rig.clock.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert message["data"] == {
        "fingerprint": cause.fingerprint,
        "state": "failing",
        "summary": "3 tenants failing for one cause, for example acme/roster: no data",
        "connector": "scripted",
        "class": "partner",
        "code": "partner",
        "message": "no data",
        "remedy": "ask them",
        "actor": "partner",
        "tenant_count": 3,
        "integration_count": 3,
        "tenants": ["acme", "contoso", "globex"],
        "integrations": ["acme/roster", "contoso/roster", "globex/roster"],
        "example_run_id": cause.example.run_id,
        "first_seen": message["timestamp"],
        "opened_at": message["timestamp"],
        "ended_at": None,
        "next_command": f"mkt triage {cause.fingerprint}",
    }
    assert receiver.requests[0].headers["webhook-id"] == message["id"]


def test_an_alert_of_one_integration_names_the_command_for_it(fleet: Fleet, receiver: Receiver) -> None:
    fleet.fail(FAULT, "acme")
    fleet.turn()
    (message,) = _got(receiver)
    assert message["data"]["next_command"] == "mkt verify acme/roster"
    assert message["data"]["summary"] == "acme/roster failing: no data"


def test_a_cause_that_stays_or_spreads_is_told_once(fleet: Fleet, receiver: Receiver) -> None:
    fleet.fail(FAULT, "acme")
    fleet.turn()
    fleet.fail(FAULT)
    fleet.turn()
    fleet.turn()
    assert _told(receiver) == [("alert.opened", ["acme"])]


def test_two_causes_are_two_messages(fleet: Fleet, receiver: Receiver) -> None:
    fleet.fail(FAULT, "acme")
    fleet.fail(AuthError("wrong password"), "globex")
    fleet.turn()
    assert sorted(_told(receiver)) == [("alert.opened", ["acme"]), ("alert.opened", ["globex"])]


def test_that_a_cause_ended_is_told_once(rig: Rig, fleet: Fleet, receiver: Receiver) -> None:
    fleet.fail(FAULT)
    fleet.turn()
    fleet.mend("acme")
    fleet.turn()
    assert len(receiver.requests) == 1
    fleet.mend()
    fleet.turn()
    fleet.turn()
    began, ended = _got(receiver)
    assert ended["type"] == "alert.ended"
    assert ended["id"] != began["id"]
    assert ended["data"]["fingerprint"] == began["data"]["fingerprint"]
    assert ended["data"]["opened_at"] == began["data"]["opened_at"]
    assert ended["data"]["ended_at"] == ended["timestamp"]
    assert ended["data"]["summary"].startswith("ended: ")
    assert rig.store.open_alerts() == []


def test_a_cause_that_comes_back_is_told_again(fleet: Fleet, receiver: Receiver) -> None:
    for _ in range(2):
        fleet.fail(FAULT)
        fleet.turn()
        fleet.mend()
        fleet.turn()
    assert [kind for kind, _ in _told(receiver)] == ["alert.opened", "alert.ended"] * 2


def test_what_fails_for_another_reason_meanwhile_has_not_recovered(fleet: Fleet, receiver: Receiver) -> None:
    fleet.fail(FAULT)
    fleet.turn()
    fleet.fail(PartnerError("another fault"))
    fleet.turn()
    fleet.fail(FAULT)
    fleet.turn()
    assert [kind for kind, _ in _told(receiver)] == ["alert.opened", "alert.opened"]
    fleet.mend()
    fleet.turn()
    assert [kind for kind, _ in _told(receiver)][2:] == ["alert.ended", "alert.ended"]


def test_what_was_only_put_off_has_not_recovered(rig: Rig, fleet: Fleet, receiver: Receiver) -> None:
    fleet.fail(FAULT)
    fleet.turn()
    fleet.fail(_put_off(rig))
    fleet.turn()
    fleet.fail(FAULT)
    fleet.turn()
    assert [kind for kind, _ in _told(receiver)] == ["alert.opened"]
    fleet.mend()
    fleet.turn()
    assert [kind for kind, _ in _told(receiver)] == ["alert.opened", "alert.ended"]


def test_what_worked_once_since_and_is_put_off_now_has_recovered(rig: Rig, fleet: Fleet, receiver: Receiver) -> None:
    fleet.fail(FAULT)
    fleet.turn()
    fleet.mend("acme")
    fleet.turn()
    fleet.mend()
    fleet.fail(_put_off(rig), "acme")
    fleet.turn()
    assert [kind for kind, _ in _told(receiver)] == ["alert.opened", "alert.ended"]


def test_what_was_put_off_and_is_taken_out_ends_its_cause(rig: Rig, fleet: Fleet, receiver: Receiver) -> None:
    fleet.fail(FAULT, "acme")
    fleet.turn()
    fleet.fail(_put_off(rig), "acme")
    fleet.turn()
    rig.source.configurations = [replace(c, enabled=c.tenant != "acme") for c in rig.source.configurations]
    fleet.turn()
    assert [kind for kind, _ in _told(receiver)] == ["alert.opened", "alert.ended"]


def _put_off(rig: Rig) -> RateLimited:
    return RateLimited("slow down", remedy="", retry_at=rig.clock + timedelta(hours=1, minutes=30))


def test_a_file_that_breaks_is_told_and_is_no_recovery_of_what_it_hides(
    rig: Rig, fleet: Fleet, receiver: Receiver
) -> None:
    fleet.fail(FAULT, "acme")
    fleet.turn()
    kept = rig.source.configurations
    rig.source.configurations = [c for c in kept if c.tenant != "acme"]
    rig.source.broken = [replace(BROKEN, tenant="acme")]
    fleet.turn()
    assert _told(receiver) == [("alert.opened", ["acme"]), ("alert.opened", ["acme"])]
    rig.source.configurations, rig.source.broken = kept, []
    fleet.mend()
    fleet.turn()
    assert [kind for kind, _ in _told(receiver)][2:] == ["alert.ended", "alert.ended"]


def test_an_integration_that_is_taken_out_ends_its_cause(rig: Rig, fleet: Fleet, receiver: Receiver) -> None:
    fleet.fail(FAULT, "acme")
    fleet.turn()
    rig.source.configurations = rig.source.configurations[1:]
    fleet.turn()
    assert [kind for kind, _ in _told(receiver)] == ["alert.opened", "alert.ended"]


def test_a_fault_that_may_pass_is_told_when_its_tries_are_used_up(rig: Rig, fleet: Fleet, receiver: Receiver) -> None:
    fleet.fail(TransientError("no answer"), "acme")
    fleet.turn()
    for minutes in (5, 15):
        rig.pass_time(minutes=minutes)
        rig.sync()
    assert receiver.requests == []
    fleet.turn()
    assert _told(receiver) == [("alert.opened", ["acme"])]


def test_a_fault_that_passes_is_never_told(rig: Rig, fleet: Fleet, receiver: Receiver) -> None:
    fleet.fail(TransientError("no answer"))
    fleet.turn()
    fleet.mend()
    rig.pass_time(minutes=5)
    rig.sync()
    assert receiver.requests == []


def test_a_fault_that_may_pass_is_told_where_nothing_tries_again(rig: Rig, fleet: Fleet, receiver: Receiver) -> None:
    rig.source.configurations = [replace(c, schedule=None) for c in rig.source.configurations]
    fleet.fail(TransientError("no answer"), "acme")
    rig.sync("acme", now=True)
    assert receiver.requests == []
    rig.sync()
    assert _told(receiver) == [("alert.opened", ["acme"])]


def test_a_hold_is_told(rig: Rig, fleet: Fleet, receiver: Receiver) -> None:
    names = [f"p{number}" for number in range(40)]
    rig.yields(*people(*names))
    fleet.turn()
    rig.yields(*people(*names[:5]))
    fleet.turn()
    (message,) = _got(receiver)
    assert (message["data"]["state"], message["data"]["tenant_count"]) == ("held", 3)


def test_a_sync_that_a_person_runs_tells_nobody(rig: Rig, fleet: Fleet, receiver: Receiver) -> None:
    fleet.fail(FAULT)
    rig.sync(all=True)
    rig.sync("acme", now=True)
    rig.sync(dry_run=True)
    assert receiver.requests == []


def test_what_cannot_be_sent_is_sent_by_a_later_sync(rig: Rig, fleet: Fleet, receiver: Receiver) -> None:
    receiver.status = 500
    fleet.fail(FAULT)
    fleet.turn()
    rig.sync()
    assert len(receiver.requests) == 1
    assert "an alert could not be sent to the webhook: it answered 500" in rig.recorder.events[-2].message
    receiver.status = 200
    rig.pass_time(minutes=1)
    rig.sync()
    rig.pass_time(minutes=10)
    rig.sync()
    first, second = receiver.requests
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert rig.store.unsent_alerts() == []


def test_a_receiver_that_stays_away_is_given_up_after_a_day_or_so(rig: Rig, fleet: Fleet, receiver: Receiver) -> None:
    receiver.status = 500
    fleet.fail(FAULT)
    for _ in range(48):
        fleet.turn()
    assert len(receiver.requests) == TRIES
    assert [message.given_up for message in rig.store.unsent_alerts()] == [True]


def test_a_silent_receiver_holds_a_sync_up_for_seconds_only(
    rig: Rig, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(couriers, "SECONDS", 1.0)
    with Receiver(silent=True) as receiver:
        _set(rig, webhook=SecretStr(receiver.url))
        fleet.fail(FAULT, "acme")
        fleet.fail(AuthError("wrong password"), "globex")
        rig.pass_time(hours=1)
        started = time.monotonic()
        report = rig.sync()
        assert time.monotonic() - started < 10
    assert report.exit_code == 3
    assert sorted(message.tries for message in rig.store.unsent_alerts()) == [0, 1]


def test_a_sync_is_not_failed_by_a_sink_that_cannot_be_used(rig: Rig, fleet: Fleet) -> None:
    _set(rig, webhook=SecretStr("http://127.0.0.1:9/x"), webhook_secret="env:NO_SUCH_NAME", command="no-such-program")
    fleet.fail(FAULT, "acme")
    rig.pass_time(hours=1)
    assert rig.sync().exit_code == 3
    said = {message.sink: message.error for message in rig.store.unsent_alerts()}
    assert said["webhook"] == "the key of the webhook's signatures is not in env:NO_SUCH_NAME: not there"
    assert said["command"].startswith("it cannot be started")


def test_webhook_and_command_get_the_same(rig: Rig, fleet: Fleet, receiver: Receiver, tmp_path: Path) -> None:
    script = tmp_path / "page"
    script.write_text(f"#!/bin/sh\ncat > {tmp_path}/got\n")
    script.chmod(stat.S_IRWXU)
    _set(rig, webhook=SecretStr(receiver.url), command=(str(script),))
    fleet.fail(FAULT)
    fleet.turn()
    assert (tmp_path / "got").read_bytes() == receiver.requests[0].body


def test_no_secret_is_told(rig: Rig, fleet: Fleet, receiver: Receiver) -> None:
    def leak(context: Any) -> Any:
        token = context.secret("TOKEN")
        raise PartnerError(f"the token {token} is no good", remedy=f"renew {token}")

    rig.script.changes = leak
    fleet.turn()
    assert receiver.requests
    assert b"s3cret-t0ken" not in receiver.requests[0].body
    assert "the token *** is no good" in receiver.requests[0].body.decode()


@pytest.fixture
def ordinary_secret() -> Iterator[str]:
    """A secret that is a part of many words of ours; no other test is to see it masked."""
    kept = dict(PROCESS._forms)
    PROCESS.add("tenant")
    yield "tenant"
    PROCESS._forms.clear()
    PROCESS._forms.update(kept)


def test_a_secret_that_is_a_word_of_ours_is_masked_in_the_free_texts_alone(
    fleet: Fleet, receiver: Receiver, ordinary_secret: str
) -> None:
    fleet.fail(PartnerError(f"{ordinary_secret} is no password", remedy=f"replace {ordinary_secret}"))
    fleet.turn()
    fleet.mend()
    fleet.turn()
    began, ended = (message["data"] for message in _got(receiver))
    assert (began["message"], began["remedy"]) == ("*** is no password", "replace ***")
    assert ended["summary"] == "ended: 3 ***s failing for one cause, for example acme/roster: *** is no password"
    assert (ended["tenant_count"], ended["tenants"]) == (3, ["acme", "contoso", "globex"])


def test_an_alert_that_was_stored_with_other_keys_ends_as_any_other(
    rig: Rig, fleet: Fleet, receiver: Receiver
) -> None:
    for number, body in enumerate(({"id": "msg_1"}, {"id": "msg_2", "data": {"***s": ["acme"]}})):
        told = Alert(fingerprint=f"f0{number}", kind="opened", at=rig.clock, body=body)
        rig.store.record_alerts([told], [], rig.clock)
    fleet.turn()
    assert [message["data"]["summary"] for message in _got(receiver)] == ["ended: f00", "ended: f01"]
    assert rig.store.open_alerts() == []


def test_a_message_names_twenty_tenants_and_counts_all(rig: Rig, receiver: Receiver) -> None:
    fleet = Fleet(rig, *(f"t{number:02}" for number in range(30)))
    fleet.fail(FAULT)
    fleet.turn()
    (message,) = _got(receiver)
    assert (message["data"]["tenant_count"], len(message["data"]["tenants"])) == (30, 20)


def test_a_receiver_that_stays_away_delays_no_message_to_the_command(
    rig: Rig, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.status = 500
    fleet = Fleet(rig, *(f"t{number:02}" for number in range(30)))
    script = tmp_path / "page"
    script.write_text(f"#!/bin/sh\ncat >> {tmp_path}/got; echo >> {tmp_path}/got\n")
    script.chmod(stat.S_IRWXU)
    _set(rig, webhook=SecretStr(receiver.url), command=(str(script),))
    for name in fleet.tenants:
        fleet.fail(PartnerError(f"no data of {name}", code=f"partner.{name}"), name)
    fleet.turn()
    rig.sync()
    got = [json.loads(line) for line in (tmp_path / "got").read_text().splitlines()]
    assert sorted(message["data"]["tenants"][0] for message in got) == list(fleet.tenants)


def test_of_syncs_that_end_at_the_same_time_one_tells(rig: Rig, fleet: Fleet, receiver: Receiver) -> None:
    fleet.fail(FAULT)
    rig.pass_time(hours=1)
    rig.sync(all=True)
    configs = rig.source.load()
    threads = [threading.Thread(target=alert, args=(rig.engine, configs)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiver.requests) == 1


def test_a_bug_while_alerting_is_said_and_is_no_failure_of_the_sync(
    rig: Rig, fleet: Fleet, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("anna@example.com")

    monkeypatch.setattr(type(rig.store), "open_alerts", fail)
    fleet.turn()
    assert rig.recorder.events[-2].message == "alerts could not be sent: ValueError; see `mkt alerts list`"
    assert receiver.requests == []


def test_a_sample_goes_to_each_sink_and_leaves_nothing_behind(rig: Rig, receiver: Receiver) -> None:
    _set(rig, webhook=SecretStr(f"{receiver.url}/T0/abcdefghij"), command=("false",))
    tested = try_sinks(rig.engine)
    assert [(t.sink, t.place, t.error) for t in tested] == [
        ("webhook", receiver.url, ""),
        ("command", "false", "it ended with 1"),
    ]
    (message,) = _got(receiver)
    assert message["type"] == "alert.test"
    assert rig.store.unsent_alerts() == []


def test_a_sample_has_the_fields_of_a_real_message(rig: Rig, fleet: Fleet, receiver: Receiver) -> None:
    try_sinks(rig.engine)
    fleet.fail(FAULT)
    fleet.turn()
    sample, real = _got(receiver)
    assert sample.keys() == real.keys()
    assert sample["data"].keys() == real["data"].keys()


def test_the_same_set_of_changes_that_is_held_again_is_not_told_again(
    rig: Rig, fleet: Fleet, receiver: Receiver
) -> None:
    assert isinstance(rig.engine, Engine)
    names = [f"p{number}" for number in range(40)]
    rig.source.configurations = rig.source.configurations[:1]
    rig.yields(*people(*names))
    fleet.turn()
    rig.yields(*people(*names[:5]))
    fleet.turn()
    (hold,) = rig.store.holds(closed=False)
    lease = rig.store.acquire(hold.key)
    assert lease
    rig.store.reject(lease, hold.id)
    rig.store.release(lease)
    fleet.turn()
    fleet.turn()
    assert [kind for kind, _ in _told(receiver)] == ["alert.opened"]


def test_an_empty_listing_counts_as_one_cause(rig: Rig, fleet: Fleet, receiver: Receiver) -> None:
    fleet.turn()
    rig.yields(Complete("people", listing="snapshot"))
    fleet.turn()
    assert [message["data"]["state"] for message in _got(receiver)] == ["held"]


def test_the_readme_shows_the_fields_of_a_message(fleet: Fleet, receiver: Receiver) -> None:
    text = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    shown = json.loads(text.partition("<!-- alert -->\n```json\n")[2].partition("```")[0])
    fleet.fail(FAULT)
    fleet.turn()
    (real,) = _got(receiver)
    assert list(shown) == ["id", "type", "timestamp", "data"]
    assert shown.keys() == real.keys()
    assert shown["data"].keys() == real["data"].keys()
