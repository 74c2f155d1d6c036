"""`mkt --store supabase` as a person meets it: what is remembered, and what cannot be."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.front import Mkt, Project
from tests.supalocal.relay import Relay, relay_to
from tests.supalocal.stack import LocalSupabase

from mkt.errors import StoreError
from mkt.store.base import SyncWriter
from mkt.store.supabase.calls import Calls
from mkt.store.supabase.store import SupabaseStore

pytestmark = pytest.mark.usefixtures("partner")


@pytest.fixture
def stored(project: Project, supabase: LocalSupabase, monkeypatch: pytest.MonkeyPatch) -> LocalSupabase:
    """A project whose store is Supabase."""
    for name, value in supabase.environment.items():
        monkeypatch.setenv(name, value)
    (project.root / "mkt.toml").write_text('store = "supabase"\n')
    return supabase


@pytest.fixture
def nowhere(stored: LocalSupabase, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same, while Supabase cannot be reached."""
    assert stored.url
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
        monkeypatch.setenv("SUPABASE_URL", f"http://{host}")
        return host


@pytest.fixture
def relay(stored: LocalSupabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """A way to Supabase that can be cut."""
    monkeypatch.setattr("mkt.runtime.retry._BASE", 0.0)
    with relay_to(stored.url) as relay:
        monkeypatch.setenv("SUPABASE_URL", relay.url)
        yield relay


def _files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_verify_leaves_its_run_and_its_events(stored: LocalSupabase, mkt: Mkt) -> None:
    assert mkt("verify", "northwind").code == 0
    (run,) = mkt("runs", "list", "-o", "json").document
    assert (run["tenant"], run["integration"], run["outcome"]) == ("northwind", "roster", "pass")
    events = mkt("events", "northwind", "-o", "json").document
    assert (events[0]["event"], events[-1]["event"]) == ("verify.started", "verify.completed")
    assert mkt("status", "northwind").code == 0
    assert stored.sql("select count(*) > 3 from integration_events") == [(True,)]
    assert [path for path in _files(Path()) if ".db" in path] == []


@pytest.mark.usefixtures("stored")
def test_events_that_supabase_did_not_take_wait_for_the_next_command(
    mkt: Mkt, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = Calls.call

    def call_unless_events(calls: Calls, function: str, *given: Any, **how: Any) -> Any:
        if function == "mkt_add_events":
            raise StoreError("the store in Supabase failed: no answer in time")
        return call(calls, function, *given, **how)

    with monkeypatch.context() as away:
        away.setattr(Calls, "call", call_unless_events)
        answer = mkt("verify", "northwind")
    assert answer.code == 0
    spool = Path(".mkt/spool").absolute()
    assert re.search(
        rf"^mkt: the store .* no answer in time; \d+ events wait in {spool} until", answer.err, re.MULTILINE
    )
    for _ in range(2):
        events = [event["event"] for event in mkt("events", "-o", "json").document]
        assert (events[0], events[-1]) == ("verify.started", "run.summary")
        assert events.count("verify.completed") == 1
        assert list(spool.glob("*.jsonl")) == []


def test_after_an_outage_in_the_middle_of_a_sync_the_next_goes_on_and_all_events_are_there(
    relay: Relay, mkt: Mkt, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = SupabaseStore.open_sync

    def cut_after(store: SupabaseStore, *given: Any, **how: Any) -> SyncWriter:
        writer = opened(store, *given, **how)
        relay.cut()
        return writer

    with monkeypatch.context() as outage:
        outage.setattr(SupabaseStore, "open_sync", cut_after)
        answer = mkt("sync", "northwind", "--now")
    assert answer.code == 1
    assert re.search(r"\d+ events? waits? in", answer.err)
    assert mkt("sync", "northwind", "--now").code == 2
    relay.mend()
    assert mkt("sync", "northwind", "--now").code == 0
    events = [event["event"] for event in mkt("events", "-o", "json").document]
    told = ["sync.started", "sync.failed", "run.summary", "sync.started", "sync.completed", "run.summary"]
    assert [event for event in events if event in told] == told
    runs = mkt("runs", "list", "-o", "json").document
    assert sorted(run["outcome"] for run in runs) == ["failed", "ok"]


def test_doctor_says_which_project_it_is(stored: LocalSupabase, mkt: Mkt) -> None:
    checks = {check["name"]: check for check in mkt("doctor", "-o", "json").document}
    assert (
        checks["supabase"]["found"] == f"{stored.url} (variable SUPABASE_URL), key from variable SUPABASE_SECRET_KEY"
    )
    assert checks["store"]["found"] == "supabase opens; 0 integrations known"


@pytest.mark.parametrize("command", [("status",), ("sync", "--all"), ("verify",), ("events",), ("runs", "list")])
def test_nothing_starts_while_supabase_is_away(
    nowhere: str, mkt: Mkt, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mkt.runtime.retry._BASE", 0.0)
    answer = mkt(*command)
    assert (answer.code, answer.out) == (2, "")
    assert f"the store in Supabase failed: {nowhere}, mkt_open: the connection was refused" in answer.err
    assert "SUPABASE_URL" in answer.err
    assert not Path(".mkt").exists()


@pytest.mark.usefixtures("nowhere")
def test_doctor_says_that_supabase_is_away(mkt: Mkt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mkt.runtime.retry._BASE", 0.0)
    answer = mkt("doctor", "-o", "json")
    (store,) = [check for check in answer.document if check["name"] == "store"]
    assert (answer.code, store["ok"]) == (1, False)
    assert "the connection was refused" in store["found"]


@pytest.mark.parametrize("store", ["supabase:other", "supabas", "postgres://x"])
def test_a_store_that_is_not_known_is_told(mkt: Mkt, store: str) -> None:
    answer = mkt("status", "--store", store)
    assert (answer.code, answer.out) == (2, "")
    assert "there is no store" in answer.err


@pytest.mark.usefixtures("stored")
def test_a_project_without_a_key_is_told_before_anything_starts(mkt: Mkt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUPABASE_SECRET_KEY")
    answer = mkt("status")
    assert (answer.code, answer.out) == (2, "")
    assert "SUPABASE_SECRET_KEY is not set" in answer.err
