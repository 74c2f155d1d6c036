"""Inbound: what is accepted, what is refused and how alike, what is handled, tried again, and given up."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Barrier, Event, Thread

import pytest
from tests.engine.hooks import INLINE, ROOT, SECRET, STANDARD, HookRig, said, until
from tests.engine.rig import Context

from mkt.configs.base import BrokenTenant, Position, Problem
from mkt.contract import (
    Checkpoint,
    Deleted,
    PartnerError,
    RateLimited,
    Record,
    TransientError,
    WebhookRequest,
    WebhookResponse,
)
from mkt.engine.selection import Selection
from mkt.engine.status import status
from mkt.engine.webhooks import lanes
from mkt.engine.webhooks.failing import RETRIES
from mkt.engine.webhooks.inbound import Inbound
from mkt.engine.webhooks.refusals import SAMPLE, UNVERIFIED
from mkt.engine.webhooks.replay import replay
from mkt.engine.webhooks.work import CLAIM
from mkt.errors import ConfigError, ConnectorError, StartError, StoreError
from mkt.secrets.integration import IntegrationSecrets
from mkt.store.base import Key
from mkt.store.deliveries import Delivery


@pytest.fixture
def rig(tmp_path: Path) -> HookRig:
    return HookRig(tmp_path)


@pytest.fixture
def inline(tmp_path: Path) -> HookRig:
    return HookRig(tmp_path, INLINE)


# --- accepted


def test_a_verified_delivery_is_in_the_ledger_when_it_is_answered(rig: HookRig) -> None:
    with rig.inbound() as inbound:
        answer = inbound.receive(rig.signed())
        (entry,) = rig.ledger()
        assert answer.status == 202
        assert said(answer) == {"delivery": entry.id}
        assert (entry.verdict, entry.target, entry.status) == ("received", "acme/roster", 202)
        assert rig.hook.requests == []


def test_an_accepted_delivery_is_handled_and_its_records_are_stored(rig: HookRig) -> None:
    rig.hook.handle = lambda _, __: WebhookResponse(200, changes=[Record("people", "anna", {"given_name": "A"})])
    with rig.inbound(workers=2) as inbound:
        inbound.receive(replace(rig.signed(path=f"{ROOT}/people"), query="a=1&a=2"))
        until(lambda: rig.ledger()[0].verdict == "handled")
    (request,) = rig.hook.requests
    assert (request.path, dict(request.query), request.body) == ("people", {"a": ["1", "2"]}, b"{}")
    assert "webhook-signature" not in request.headers
    assert rig.names() == ["anna"]
    assert rig.events() == ["webhook.received", "webhook.handled"]


def test_deliveries_of_one_integration_are_handled_in_the_order_in_which_they_came(rig: HookRig) -> None:
    with rig.inbound(workers=4) as inbound:
        for number in range(50):
            inbound.receive(rig.signed(f"m{number}", b"%d" % number))
        until(lambda: len(rig.hook.requests) == 50)
    assert [request.body for request in rig.hook.requests] == [b"%d" % number for number in range(50)]


def test_what_comes_while_older_ones_wait_in_the_ledger_does_not_overtake_them(
    rig: HookRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "MOST_OF_ONE", 5)
    gate = Event()
    rig.hook.handle = lambda _, __: WebhookResponse(200 if gate.wait(20) else 500)
    with rig.inbound(workers=1) as inbound:
        for number in range(60):
            rig.pass_time(seconds=0.001)
            inbound.receive(rig.signed(f"m{number}", b"%d" % number))
            if number == 20:
                gate.set()
            if number > 50:
                until(lambda: len(rig.hook.requests) > 6)
        until(lambda: len(rig.hook.requests) == 60)
    assert [request.body for request in rig.hook.requests] == [b"%d" % number for number in range(60)]


def test_one_that_hangs_keeps_no_other_integration_waiting(rig: HookRig) -> None:
    rig.source.configurations.append(replace(rig.source.configurations[0], name="other"))
    stuck = Event()
    rig.hook.handle = lambda _, context: (
        WebhookResponse(200) if context.configuration.name == "other" or stuck.wait(20) else WebhookResponse(500)
    )
    with rig.inbound(workers=2) as inbound:
        for number in range(5):
            inbound.receive(rig.signed(f"m{number}"))
        inbound.receive(rig.signed("n1", path="/hooks/acme/other"))
        until(lambda: [e.verdict for e in rig.ledger() if e.key.integration == "other"] == ["handled"])
        stuck.set()


def test_the_same_delivery_again_is_answered_as_the_first_and_not_handled(rig: HookRig) -> None:
    with rig.inbound(workers=1) as inbound:
        assert inbound.receive(rig.signed()).status == 202
        again = inbound.receive(rig.signed())
        until(lambda: rig.hook.requests)
    duplicate, first = sorted(rig.ledger(), key=lambda entry: entry.verdict != "duplicate")
    assert (again.status, said(again)) == (202, {"delivery": first.id})
    assert (duplicate.verdict, duplicate.details["first"]) == ("duplicate", first.id)
    assert len(rig.hook.requests) == 1
    assert "webhook.duplicate" in rig.events()


def test_deliveries_at_once_are_each_stored_once(rig: HookRig) -> None:
    barrier = Barrier(8)
    with rig.inbound() as inbound:

        def send(number: int) -> None:
            barrier.wait()
            for name in range(10):
                inbound.receive(rig.signed(f"m{name}-{number % 4}"))

        threads = [Thread(target=send, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    counts = Counter[str]()
    for entry in rig.ledger():
        counts[entry.verdict] += entry.count
    assert counts == {"received": 40, "duplicate": 40}


def test_a_delivery_that_is_repeated_without_end_fills_no_ledger(rig: HookRig) -> None:
    with rig.inbound() as inbound:
        for _ in range(200):
            assert inbound.receive(rig.signed()).status == 202
    assert len(rig.ledger()) == 1 + SAMPLE + 1
    assert sum(entry.count for entry in rig.ledger()) == 200


# --- refused, all alike


REFUSALS = {
    "unknown tenant": "/hooks/nobody/roster",
    "unknown integration": "/hooks/acme/nothing",
    "disabled": "/hooks/acme/off",
    "takes no webhooks": "/hooks/acme/plain",
    "wrong signature": ROOT,
    "no names": "/hooks/",
    "odd names": "/hooks/%00/..%2f",
}


@pytest.mark.parametrize("why", REFUSALS)
def test_every_refusal_is_the_same_answer(rig: HookRig, why: str) -> None:
    with rig.inbound() as inbound:
        answer = inbound.receive(replace(rig.signed(path=REFUSALS[why]), body=b"other"))
    assert answer.status == 403
    assert answer.headers == {"content-type": "application/json"}
    assert said(answer) == {"error": "refused", "delivery": rig.ledger()[0].id}


def test_the_ledger_knows_why(rig: HookRig) -> None:
    with rig.inbound() as inbound:
        for path in REFUSALS.values():
            inbound.receive(replace(rig.signed(path=path), body=b"other"))
    reasons = {entry.path: (entry.verdict, entry.target, entry.reason) for entry in rig.ledger()}
    assert reasons == {
        "/hooks/nobody/roster": ("unroutable", "", "there is no such tenant"),
        "/hooks/acme/nothing": ("unroutable", "", "the tenant has no such integration"),
        "/hooks/acme/off": ("rejected", "acme/off", "it is disabled"),
        "/hooks/acme/plain": ("rejected", "acme/plain", "plain takes no webhooks"),
        ROOT: ("rejected", "acme/roster", "wrong signature"),
        "/hooks/": ("unroutable", "", "the path is not /hooks/TENANT/INTEGRATION"),
        "/hooks/%00/..%2f": ("unroutable", "", "there is no such tenant"),
    }
    assert all(entry.body is None for entry in rig.store.find_deliveries("-"))


def test_nothing_that_lets_anybody_in_stands_in_the_ledger(rig: HookRig) -> None:
    headers = {"authorization": "Bearer abc", "cookie": "c=abc", "x-key": "abc", "host": "mkt.example"}
    form = "id_token=abc.def.ghi&iss=https%3A%2F%2Flms.example&login_hint=ann&state=abc"
    headers["content-type"] = "application/x-www-form-urlencoded"
    with rig.inbound() as inbound:
        inbound.receive(rig.arrival(headers=headers, body=form.encode(), query="token=abc&iss=x"))
    (entry,) = rig.ledger()
    assert "abc" not in repr(entry)
    assert "ann" not in repr(entry.request["form"])
    assert entry.request["form"] == {
        "id_token": "***",
        "iss": "https://lms.example",
        "login_hint": "***",
        "state": "***",
    }
    assert entry.request["headers"]["host"] == "mkt.example"


def test_a_body_that_is_called_a_form_and_is_none_shows_nothing(rig: HookRig) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    with rig.inbound() as inbound:
        inbound.receive(rig.arrival(headers=headers, body=b'{"password": "hunter2"}'))
    assert "hunter2" not in repr(rig.ledger())


@pytest.mark.parametrize("secret", ["", "no key"])
def test_a_secret_that_is_ours_to_mend_lets_the_partner_come_again(tmp_path: Path, secret: str) -> None:
    rig = HookRig(tmp_path, secret=secret)
    with rig.inbound() as inbound:
        answer = inbound.receive(rig.signed())
    assert answer.status == 503
    assert answer.headers["retry-after"] == "30"
    assert rig.ledger()[0].verdict == "rejected"
    assert "TOKEN" in rig.ledger()[0].reason or "whsec_" in rig.ledger()[0].reason


def test_a_secret_that_is_where_nobody_answers_lets_the_partner_come_again(
    rig: HookRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> str:
        raise TransientError("Supabase does not answer", remedy="Wait.")

    monkeypatch.setattr(IntegrationSecrets, "get", away)
    with rig.inbound() as inbound:
        assert inbound.receive(rig.signed()).status == 503
    assert [(entry.verdict, entry.reason) for entry in rig.ledger()] == [("rejected", "Supabase does not answer")]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TransientError("away", remedy="Wait."), 202),
        (ConfigError("the keyring is locked", remedy="Unlock it.", code="config.keyring_locked"), 202),
        (ConfigError("gone", remedy="Set it."), 503),
    ],
)
def test_a_secret_that_was_known_is_used_on_while_its_place_is_away(
    rig: HookRig, monkeypatch: pytest.MonkeyPatch, error: ConnectorError, status: int
) -> None:
    def away(*_: object) -> str:
        raise error

    with rig.inbound() as inbound:
        assert inbound.receive(rig.signed("m1")).status == 202
        monkeypatch.setattr(IntegrationSecrets, "get", away)
        for name in ("m2", "m3"):
            rig.ticks += 11
            assert inbound.receive(rig.signed(name)).status == status


def test_a_broken_tenant_lets_the_partner_come_again(rig: HookRig) -> None:
    problem = Problem("E101", "it is broken", Position("configs/acme.yaml", 3, 1))
    rig.source.configurations, rig.source.broken = [], [BrokenTenant("acme", (problem,), "d1")]
    with rig.inbound() as inbound:
        answer = inbound.receive(rig.signed())
    assert answer.status == 503
    assert "configs/acme.yaml:3" in rig.ledger()[0].reason


def test_a_changed_configuration_is_seen_within_a_second(rig: HookRig) -> None:
    with rig.inbound() as inbound:
        assert inbound.receive(rig.signed("m1")).status == 202
        rig.source.configurations = [replace(rig.source.configurations[0], enabled=False)]
        assert inbound.receive(rig.signed("m2")).status == 202
        rig.ticks += 1.1
        assert inbound.receive(rig.signed("m3")).status == 403


# --- failed, tried again, dead


def failing(rig: HookRig, error: Exception) -> Delivery:
    def fail(request: WebhookRequest, context: Context) -> WebhookResponse:
        del request, context
        raise error

    rig.hook.handle = fail
    with rig.inbound(workers=1) as inbound:
        inbound.receive(rig.signed())
        until(lambda: rig.ledger()[0].verdict != "received")
    return rig.ledger()[0]


def test_a_delivery_that_fails_is_tried_again_later_and_later_and_is_dead_at_last(rig: HookRig) -> None:
    entry = failing(rig, TransientError("the partner is away", remedy="Wait."))
    for attempt, delay in enumerate(RETRIES, start=1):
        assert (entry.verdict, entry.attempts) == ("failed", attempt)
        assert entry.next_try_at == rig.clock + delay
        rig.pass_time(seconds=delay.total_seconds())
        with rig.inbound(workers=1):
            until(lambda: len(rig.hook.requests) == attempt + 1)  # noqa: B023 - called here and now
        entry = rig.ledger()[0]
    assert (entry.verdict, entry.reason, entry.next_try_at) == ("dead", "the partner is away", None)
    assert rig.events()[-1] == "webhook.dead"


def test_what_the_partner_sent_wrong_is_dead_at_once(rig: HookRig) -> None:
    assert failing(rig, PartnerError("nonsense")).verdict == "dead"


def test_status_tells_what_is_dead_until_it_is_handled_or_days_have_gone_by(rig: HookRig) -> None:
    entry = failing(rig, PartnerError("nonsense", remedy="Ask it."))
    (found,) = status(rig.engine, Selection(targets=("acme/roster",)))
    assert (found.health, found.why, found.remedy) == ("failing", "a delivery is dead: nonsense", "Ask it.")
    assert found.next_command == "mkt webhooks list acme/roster --only dead"
    rig.hook.handle = lambda _, __: WebhookResponse(200)
    replay(rig.engine, [entry])
    assert status(rig.engine, Selection(targets=("acme/roster",)))[0].health == "never"
    failing(rig, PartnerError("nonsense"))
    rig.pass_time(hours=24 * 4 + 1)
    assert status(rig.engine, Selection(targets=("acme/roster",)))[0].health == "never"


def test_a_partner_that_says_when_is_believed(rig: HookRig) -> None:
    when = rig.clock + timedelta(hours=1)
    assert failing(rig, RateLimited("later", retry_at=when)).next_try_at == when


def test_a_partner_that_says_in_the_year_9999_is_asked_again_after_a_day(rig: HookRig) -> None:
    entry = failing(rig, RateLimited("later", retry_at=datetime(9999, 12, 31, tzinfo=UTC)))
    assert entry.next_try_at == rig.clock + timedelta(hours=24)
    assert "days, and is asked again after 24 h" in entry.reason


def test_a_bug_of_a_connector_is_tried_again_and_tells_nothing_personal(rig: HookRig) -> None:
    entry = failing(rig, ValueError("ann@example.com"))
    assert entry.verdict == "failed"
    assert "ann" not in repr(entry)


@pytest.mark.parametrize(("status", "verdict"), [(200, "handled"), (422, "dead"), (500, "failed")])
def test_a_connectors_status_says_what_follows(rig: HookRig, status: int, verdict: str) -> None:
    rig.hook.handle = lambda _, __: WebhookResponse(status)
    with rig.inbound(workers=1) as inbound:
        inbound.receive(rig.signed())
        until(lambda: rig.ledger()[0].verdict == verdict)


@pytest.mark.parametrize(
    "change", [Record("people", "", {}), Record("people", "1", {"shoe_size": "9"}), Record("accounts", "1", {})]
)
def test_a_record_that_is_not_usable_fails_the_whole_delivery(rig: HookRig, change: Record) -> None:
    rig.hook.handle = lambda _, __: WebhookResponse(200, changes=[Record("people", "good", {}), change])
    with rig.inbound(workers=1) as inbound:
        inbound.receive(rig.signed())
        until(lambda: rig.ledger()[0].verdict in ("failed", "dead"))
    assert rig.names() == []


def test_a_delivery_lists_nothing_to_its_end(rig: HookRig) -> None:
    rig.hook.handle = lambda _, __: WebhookResponse(200, changes=[Checkpoint("people", 1)])
    with rig.inbound(workers=1) as inbound:
        inbound.receive(rig.signed())
        until(lambda: rig.ledger()[0].verdict == "failed")
    assert rig.ledger()[0].details["error"]["class"] == "bug"


def test_what_no_store_can_take_is_a_failure_like_any_other(rig: HookRig) -> None:
    rig.hook.handle = lambda _, context: WebhookResponse(200 if context.state.put("\ud800", 1) else 201)  # type: ignore[func-returns-value]
    with rig.inbound(workers=1) as inbound:
        inbound.receive(rig.signed())
        until(lambda: rig.ledger()[0].verdict == "failed")
    assert rig.ledger()[0].details["error"]["class"] == "bug"


def test_a_failure_that_no_store_can_take_is_named_by_its_place(rig: HookRig) -> None:
    assert "\ud800" not in failing(rig, TransientError("the partner said \ud800", remedy="Wait.")).reason


def test_what_waited_too_long_for_its_turn_is_given_back_without_having_cost_an_attempt(rig: HookRig) -> None:
    with rig.inbound() as inbound:
        inbound.receive(rig.signed("m1"))
        inbound.receive(rig.signed("m2"))
        rig.pass_time(seconds=CLAIM.total_seconds() - 30)
        for delivery in inbound._work.lanes._lanes[Key("acme", "roster")]:
            inbound._work._handle(delivery)
    assert [entry.attempts for entry in rig.ledger()] == [0, 0]
    with rig.inbound(workers=1):
        until(lambda: len(rig.hook.requests) == 2)
    assert [request.headers["webhook-id"] for request in rig.hook.requests] == ["m1", "m2"]


def test_what_waits_for_a_disabled_integration_is_handled_when_it_is_enabled(rig: HookRig) -> None:
    enabled = rig.source.configurations[0]
    with rig.inbound() as inbound:
        inbound.receive(rig.signed())
    rig.source.configurations[0] = replace(enabled, enabled=False)
    with rig.inbound(workers=1):
        until(lambda: rig.ledger()[0].verdict == "failed")
    assert rig.ledger()[0].reason == "acme/roster cannot handle what it has accepted: it is disabled"
    rig.source.configurations[0] = enabled
    rig.pass_time(seconds=RETRIES[0].total_seconds())
    with rig.inbound(workers=1):
        until(lambda: rig.ledger()[0].verdict == "handled")


def test_nothing_of_a_tenant_comes_back_that_was_purged_while_its_deliveries_were_in_work(rig: HookRig) -> None:
    def purged(request: WebhookRequest, context: Context) -> WebhookResponse:
        del request
        context.state.put("seen", 1)
        rig.store.purge("acme")
        return WebhookResponse(200, changes=[Record("people", "anna", {})])

    rig.hook.handle = purged
    with rig.inbound(workers=1) as inbound:
        inbound.receive(rig.signed())
        until(lambda: rig.hook.requests)
    assert (rig.ledger(), rig.names()) == ([], [])
    assert rig.store.memory_get(Key("acme", "roster"), "seen", rig.clock) is None


def test_a_deletion_leaves_a_tombstone(rig: HookRig) -> None:
    rig.sync("acme/roster", now=True)
    rig.hook.handle = lambda _, __: WebhookResponse(200, changes=[Deleted("people", "anna")])
    with rig.inbound(workers=1) as inbound:
        inbound.receive(rig.signed())
        until(lambda: rig.ledger()[0].verdict == "handled")
    assert rig.names() == ["ben"]
    assert [record.deleted for record in rig.store.records()] == [False, True]


def test_what_a_dead_process_had_claimed_is_handled_when_the_claim_has_ended(rig: HookRig) -> None:
    abandoned = Inbound(rig.engine, workers=0)
    abandoned.receive(rig.signed())
    abandoned._work._stopping.set()  # it is gone without giving back
    rig.pass_time(seconds=CLAIM.total_seconds() + 1)
    with rig.inbound(workers=1):
        until(lambda: rig.ledger()[0].verdict == "handled")
    assert rig.ledger()[0].attempts == 2


def test_a_stopped_server_gives_back_what_it_has_not_begun(rig: HookRig) -> None:
    with rig.inbound() as inbound:
        inbound.receive(rig.signed())
    with rig.inbound(workers=1):
        until(lambda: rig.ledger()[0].verdict == "handled")
    assert rig.ledger()[0].attempts == 1


# --- answered by the connector


def test_an_inline_connector_answers_by_itself(inline: HookRig) -> None:
    def handle(request: WebhookRequest, context: Context) -> WebhookResponse:
        context.state.put("seen", 1)
        return WebhookResponse(303, {"Location": "/x"}, request.headers["cookie"].encode())

    inline.hook.handle = handle
    with inline.inbound() as inbound:
        answer = inbound.receive(inline.arrival(f"{ROOT}/launch", headers={"cookie": "a=b"}))
    assert (answer.status, answer.headers, answer.body) == (303, {"Location": "/x"}, b"a=b")
    (entry,) = inline.ledger()
    assert (entry.verdict, entry.status) == ("handled", 303)
    assert inline.store.find_deliveries(entry.id)[0].body is None
    assert inline.store.memory_get(entry.key, "seen", inline.clock) == 1
    assert inline.events() == ["webhook.handled"]


def test_what_a_connector_refuses_is_rejected_in_the_ledger_with_what_it_compared(inline: HookRig) -> None:
    refusal = {"reason": "wrong_issuer", "issuer received": "x", "issuer expected": "y"}
    inline.hook.handle = lambda _, __: WebhookResponse(401, body=b"no", refusal=refusal)
    with inline.inbound() as inbound:
        assert inbound.receive(inline.arrival()).status == 401
    (entry,) = inline.ledger()
    assert (entry.verdict, entry.reason) == ("rejected", "wrong_issuer")
    assert entry.details["refusal"] == {"issuer received": "x", "issuer expected": "y"}
    assert [event.message for event in inline.recorder.events] == [f"POST {ROOT}: wrong_issuer"]


@pytest.mark.parametrize(("error", "status"), [(TransientError("away"), 503), (ValueError("ann@example.com"), 500)])
def test_an_inline_connector_that_fails_says_no_more_than_the_id(
    inline: HookRig, error: Exception, status: int
) -> None:
    def fail(request: WebhookRequest, context: Context) -> WebhookResponse:
        del request
        context.state.put("seen", 1)
        raise error

    inline.hook.handle = fail
    with inline.inbound() as inbound:
        answer = inbound.receive(inline.arrival())
    (entry,) = inline.ledger()
    assert answer.status == entry.status == status
    assert said(answer) == {"error": "not now" if status == 503 else "failed", "delivery": entry.id}
    assert entry.verdict == "failed"
    assert inline.store.memory_get(entry.key, "seen", inline.clock) is None


def test_of_two_that_take_the_same_value_one_finds_none(inline: HookRig) -> None:
    inline.store.memory_put(Key("acme", "roster"), "nonce", "n1", None)
    both, calls = Barrier(2), count()

    def take(request: WebhookRequest, context: Context) -> WebhookResponse:
        del request
        found = context.state.take("nonce")
        if next(calls) < 2:
            both.wait(10)
        return WebhookResponse(200 if found else 409)

    inline.hook.handle = take
    statuses: list[int] = []
    with inline.inbound() as inbound:
        threads = [Thread(target=lambda: statuses.append(inbound.receive(inline.arrival()).status)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(statuses) == [200, 409]


def test_an_inline_integration_that_hangs_leaves_threads_to_the_others(inline: HookRig) -> None:
    stuck, began = Event(), []
    inline.hook.handle = lambda _, __: began.append(1) or (stuck.wait(20) and WebhookResponse(200))  # type: ignore[func-returns-value, return-value]
    with inline.inbound() as inbound:
        threads = [Thread(target=inbound.receive, args=[inline.arrival()]) for _ in range(8)]
        for thread in threads:
            thread.start()
        until(lambda: len(began) == 8)
        assert inbound.receive(inline.arrival()).status == 503
        stuck.set()
        for thread in threads:
            thread.join()


def test_a_flood_of_what_only_the_connector_verifies_does_not_fill_the_ledger(inline: HookRig) -> None:
    with inline.inbound() as inbound:
        for _ in range(UNVERIFIED + 50):
            inbound.receive(inline.arrival())
    entries = inline.ledger()
    assert len(entries) == UNVERIFIED + 1
    assert max(entry.count for entry in entries) == 50


def test_an_inline_delivery_with_a_signature_is_verified_and_answered_once(tmp_path: Path) -> None:
    rig = HookRig(tmp_path, {**STANDARD, "inline": True})
    rig.hook.handle = lambda _, __: WebhookResponse(201, body=b"hello")
    with rig.inbound() as inbound:
        assert inbound.receive(rig.arrival()).status == 403
        assert inbound.receive(rig.signed()).body == b"hello"
        assert inbound.receive(rig.signed()).status == 201
    assert sorted(entry.verdict for entry in rig.ledger()) == ["duplicate", "handled", "rejected"]


# --- ready


def test_it_is_ready_while_the_store_can_be_written(rig: HookRig) -> None:
    with rig.inbound() as inbound:
        assert inbound.not_ready() == ""
        rig.store.close()
        assert inbound.not_ready() == ""
        rig.ticks += 1.1
        assert inbound.not_ready() == "the store cannot be written"
        assert inbound.receive(rig.signed()).status == 503
    assert SECRET not in repr(rig.recorder.events)


def test_a_store_that_is_away_is_said_once_and_its_return_once(rig: HookRig, monkeypatch: pytest.MonkeyPatch) -> None:
    add, failures = rig.store.add_deliveries, [StoreError("the disk is full", remedy="Free it.") for _ in range(3)]

    def added(deliveries: Sequence[Delivery]) -> list[Delivery]:
        if failures:
            raise failures.pop()
        return add(deliveries)

    monkeypatch.setattr(rig.store, "add_deliveries", added)
    with rig.inbound() as inbound:
        answers = [inbound.receive(rig.signed()).status for _ in range(5)]
    assert answers == [503, 503, 503, 202, 202]
    assert messages(rig) == [
        "the store cannot be used: the disk is full. Free it. Webhooks are answered with 503 meanwhile",
        "the store can be used again",
    ]


def test_a_bug_of_ours_is_said_once_by_its_place(rig: HookRig, monkeypatch: pytest.MonkeyPatch) -> None:
    def added(_: object) -> list[Delivery]:
        raise ZeroDivisionError("ann@example.com")

    monkeypatch.setattr(rig.store, "add_deliveries", added)
    with rig.inbound() as inbound:
        assert [inbound.receive(rig.signed()).status for _ in range(2)] == [500, 500]
    (message,) = messages(rig)
    assert message.startswith("mkt serve: a bug in mkt: ZeroDivisionError in test_inbound.py, line ")


def test_another_bug_is_said_too(rig: HookRig, monkeypatch: pytest.MonkeyPatch) -> None:
    add, bugs = rig.store.add_deliveries, [KeyError("b"), ZeroDivisionError("a"), None, ZeroDivisionError("a")]

    def added(deliveries: Sequence[Delivery]) -> list[Delivery]:
        if bug := bugs.pop():
            raise bug
        return add(deliveries)

    monkeypatch.setattr(rig.store, "add_deliveries", added)
    with rig.inbound() as inbound:
        assert [inbound.receive(rig.signed()).status for _ in range(4)] == [500, 202, 500, 500]
    assert [message.split()[6] for message in messages(rig)] == ["ZeroDivisionError", "KeyError"]


def test_what_is_no_bug_is_said_with_what_to_do(rig: HookRig, monkeypatch: pytest.MonkeyPatch) -> None:
    def added(_: object) -> list[Delivery]:
        raise StartError("there is no project", remedy="Look.")

    monkeypatch.setattr(rig.store, "add_deliveries", added)
    with rig.inbound() as inbound:
        assert inbound.receive(rig.signed()).status == 500
    assert messages(rig) == [
        "what a webhook needs cannot be used: there is no project. Look. It is answered with 500"
    ]


def messages(rig: HookRig) -> list[str]:
    return [event.message for event in rig.recorder.events if event.event == "connector.message"]


@pytest.mark.parametrize(
    "response",
    [
        WebhookResponse(200, {"Location": "/x\r\nSet-Cookie: a=b"}),
        WebhookResponse(200, {"Bad Name": "x"}),
        WebhookResponse(200, {"X": "\u20ac"}),
        WebhookResponse(200, {"Transfer-Encoding": "chunked"}),
        WebhookResponse(99),
        WebhookResponse(1000),
    ],
)
def test_an_answer_that_http_cannot_say_is_a_bug_and_stores_nothing(
    inline: HookRig, response: WebhookResponse
) -> None:
    inline.hook.handle = lambda _, __: replace(response, changes=[Record("people", "1", {})])
    with inline.inbound() as inbound:
        assert inbound.receive(inline.arrival()).status == 500
    assert inline.ledger()[0].details["error"]["class"] == "bug"
    assert inline.names() == []


def test_without_a_public_url_hubspots_signature_cannot_be_checked(tmp_path: Path) -> None:
    rig = HookRig(tmp_path, {"scheme": "hubspot_v3", "secret": "TOKEN"})
    with rig.inbound() as inbound:
        assert inbound.receive(rig.arrival()).status == 503
    assert "public_url" in rig.ledger()[0].reason
