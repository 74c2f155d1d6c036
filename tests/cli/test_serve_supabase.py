"""`mkt serve` and `mkt webhooks` over Supabase, which can be away for a while."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.cli.front import Project
from tests.cli.process import run
from tests.cli.test_serve import FILE, PLUGIN, SECRET, Process, serving, until, verdicts
from tests.supalocal.relay import Relay, relay_to
from tests.supalocal.stack import LocalSupabase

_PEOPLE = "select external_id, data ->> 'given_name' from integration_records order by external_id"


@pytest.fixture(autouse=True)
def relay(project: Project, supabase: LocalSupabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """A project whose store is the local Supabase, behind a relay."""
    monkeypatch.setenv("PYTHONPATH", str(PLUGIN))
    monkeypatch.setenv("MKT_SECRET__ACME__HOOK__HOOK_SECRET", SECRET)
    (project.root / "configs" / "acme.yaml").write_text(FILE)
    (project.root / "mkt.toml").write_text('store = "supabase"\n')
    with relay_to(supabase.url) as opened:
        for name, value in {**supabase.environment, "SUPABASE_URL": opened.url}.items():
            monkeypatch.setenv(name, value)
        yield opened


def people(supabase: LocalSupabase) -> list[tuple[Any, ...]]:
    return supabase.sql(_PEOPLE)


def all_handled() -> bool:
    return set(verdicts().values()) == {"handled"}


def test_a_delivery_becomes_a_record_and_an_entry(supabase: LocalSupabase) -> None:
    with serving() as server:
        answer = server.deliver("m1", {"people": [{"id": "1", "given_name": "Ann"}]})
        assert answer.status_code == 202
        assert server.deliver("m1", {"people": [{"id": "1", "given_name": "Bob"}]}).status_code == 202
        assert server.deliver("m2", {}, secret="whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").status_code == 403
        until(lambda: len(verdicts()) >= 2 and "handled" in verdicts().values())
        assert server.end().code == 143
    assert people(supabase) == [("1", "Ann")]
    shown = run("webhooks", "show", answer.json()["delivery"], "-o", "json").document
    assert (shown["verdict"], shown["details"]["changes"]["created"]) == ("handled", 1)
    assert [line["event"] for line in run("events", "-o", "jsonl").lines].count("webhook.handled") == 1


def test_a_delivery_is_replayed(supabase: LocalSupabase) -> None:
    with serving() as server:
        name = server.deliver("m1", {"people": [{"id": "1", "given_name": "Ann"}]}).json()["delivery"]
        until(all_handled)
        server.end()
    supabase.sql("update integration_records set data = '{}', hash = ''")
    replayed = run("webhooks", "replay", name, "-o", "jsonl")
    assert (replayed.code, replayed.err) == (0, "")
    assert people(supabase) == [("1", "Ann")]
    assert verdicts() == {name: "handled"}


def test_while_supabase_is_away_nothing_is_accepted_and_nothing_lost(supabase: LocalSupabase, relay: Relay) -> None:
    with serving() as server:
        assert server.deliver("m1", {"people": [{"id": "1"}]}).status_code == 202
        assert server.client.get(f"http://127.0.0.1:{server.port}/readyz").status_code == 200
        relay.cut()
        answer = server.deliver("m2", {"people": [{"id": "2"}]})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        inline = server.post("/hooks/acme/inline/x", content=b"{}")
        assert (inline.status_code, inline.headers["retry-after"]) == (503, "30")
        until(lambda: server.client.get(f"http://127.0.0.1:{server.port}/readyz").status_code == 503)
        relay.mend()
        until(lambda: server.client.get(f"http://127.0.0.1:{server.port}/readyz").status_code == 200)
        assert server.deliver("m2", {"people": [{"id": "2"}]}).status_code == 202
        until(lambda: len(people(supabase)) == 2)
        until(all_handled)
        done = server.end()
    assert done.code == 143
    assert "Traceback" not in done.err
    assert len(verdicts()) == 2


def test_what_was_answered_is_in_the_ledger_after_a_kill_and_is_handled_once(supabase: LocalSupabase) -> None:
    accepted = []
    with serving() as server:
        for number in range(30):
            answer = server.deliver(f"m{number}", {"people": [{"id": str(number)}]})
            accepted.append(answer.json()["delivery"])
        server.process.kill()
    assert set(accepted) == set(verdicts())
    supabase.sql("update integration_deliveries set next_try_at = received_at where next_try_at is not null")
    with serving() as server:
        until(all_handled)
        server.end()
    assert len(people(supabase)) == 30
    assert supabase.sql("select count(distinct seq), max(seq) from integration_records") == [(30, 30)]


def test_two_servers_share_the_work(supabase: LocalSupabase) -> None:
    def send(server: Process, first: int) -> None:
        for number in range(first, first + 15):
            assert server.deliver(f"m{number}", {"people": [{"id": str(number)}]}).status_code == 202
            assert server.deliver("same", {"people": [{"id": "same"}]}).status_code == 202

    with serving() as one, serving() as other:
        send(one, 0)
        send(other, 15)
        until(lambda: list(verdicts().values()).count("handled") == 31)
        ended = [one.end(), other.end()]
    events = [line["event"] for each in ended for line in each.lines]
    assert events.count("webhook.handled") == 31
    assert len(people(supabase)) == 31


def test_a_server_does_not_start_without_its_supabase(relay: Relay) -> None:
    relay.cut()
    began = time.monotonic()
    answer = run("serve", "--port", "0")
    assert answer.code == 2
    assert "Supabase" in answer.err
    assert "Traceback" not in answer.err
    assert time.monotonic() - began < 30
