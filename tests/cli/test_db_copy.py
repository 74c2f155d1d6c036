"""`mkt db copy` by the front door."""

import io
import json
import random
import signal
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.cli.front import Mkt, Project
from tests.cli.process import SECONDS, ended, start
from tests.supalocal.stack import LocalSupabase

from mkt.contract import ConnectorEvent
from mkt.simulation import Simulator
from mkt.store.base import Key
from mkt.store.sqlite import SqliteStore

HERE, THERE, BACK = "sqlite:.mkt/mkt.db", "supabase", "sqlite:.mkt/back.db"
COPY = ("db", "copy", "--from", HERE, "--to", THERE)
Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def sql(supabase: LocalSupabase, monkeypatch: pytest.MonkeyPatch) -> Sql:
    for name, value in supabase.environment.items():
        monkeypatch.setenv(name, value)
    return supabase.sql


@pytest.fixture
def synced(partner: Simulator, mkt: Mkt, sql: Sql) -> Simulator:
    """A project whose SQLite store has one sync."""
    assert mkt("sync", "northwind", "--now").code == 0
    assert sql("select count(*) from public.integration_records") == [(0,)]
    return partner


def exported(mkt: Mkt, store: str) -> list[dict[str, Any]]:
    answer = mkt("records", "export", "--stream", "people", "--store", store)
    assert answer.code == 0, answer.err
    return answer.lines


def many_events(count: int) -> None:
    now = datetime.now(UTC)
    with closing(SqliteStore.open(Path(".mkt/mkt.db"))) as store:
        store.add_events(
            [
                ConnectorEvent(event="sync.progress", message=f"{number}" * 20, timestamp=now, tenant="northwind")
                for number in range(count)
            ]
        )


@pytest.mark.usefixtures("synced")
def test_after_the_copy_the_next_sync_finds_everything_unchanged(mkt: Mkt) -> None:
    answer = mkt(*COPY)
    assert answer.code == 0, answer.err
    assert 'write into mkt.toml, above its first section:  store = "supabase"' in answer.out
    assert answer.out.endswith("next: mkt status --store supabase\n")
    before = exported(mkt, HERE)
    assert exported(mkt, THERE) == before != []
    synced = mkt("sync", "northwind", "--now", "--store", THERE, "-o", "jsonl")
    assert synced.code == 0, synced.err
    (done,) = [each["details"] for each in synced.lines if each["event"] == "sync.completed"]
    assert (done["created"], done["updated"], done["deleted"]) == (0, 0, 0)
    assert done["unchanged"] > 0
    assert exported(mkt, THERE) == before


@pytest.mark.usefixtures("synced")
def test_a_copy_comes_back_whole(mkt: Mkt, project: Project) -> None:
    assert mkt(*COPY).code == 0
    answer = mkt("db", "copy", "--from", THERE, "--to", BACK, "-o", "json")
    assert answer.code == 0, answer.err
    assert (answer.document["from"], answer.document["to"], answer.document["resumed"]) == (THERE, BACK, False)
    assert exported(mkt, BACK) == exported(mkt, HERE)
    assert (project.root / ".mkt" / "back.db").stat().st_mode & 0o777 == 0o600
    assert not list((project.root / ".mkt").glob(".back.db*"))


@pytest.mark.usefixtures("synced")
def test_who_copied_it_is_recorded_in_the_new_store(mkt: Mkt) -> None:
    mkt(*COPY)
    answer = mkt("events", "--store", THERE, "-o", "json")
    (action,) = [each for each in answer.document if each["event"] == "operator.action"]
    assert (action["details"]["what"], action["details"]["reason"]) == ("copy", f"from {HERE}")


@pytest.mark.usefixtures("synced")
def test_a_dry_run_counts_and_copies_nothing(mkt: Mkt, sql: Sql) -> None:
    answer = mkt(*COPY, "--dry-run")
    assert answer.code == 0
    assert answer.out.startswith("dry run: nothing was copied\n")
    assert answer.out.endswith(f"next: mkt db copy --from {HERE} --to {THERE}\n")
    assert sql("select count(*) from public.integration_records") == [(0,)]


@pytest.mark.usefixtures("synced")
def test_a_copy_that_has_ended_is_told_from_rows_of_somebody_else(mkt: Mkt) -> None:
    mkt(*COPY)
    answer = mkt(*COPY)
    assert answer.code == 1
    assert "was made already, to its end, on 20" in answer.err
    assert "Nothing is left to do." in answer.err


@pytest.mark.usefixtures("synced")
def test_a_project_that_has_rows_is_not_copied_into(mkt: Mkt, sql: Sql) -> None:
    mkt(*COPY)
    sql("update mkt_private.copies set source = 'sqlite:/elsewhere.db'")
    answer = mkt(*COPY)
    assert answer.code == 1
    assert "has rows already: integration_records" in answer.err
    assert "mkt tenants remove NAME --purge --source yaml --store supabase" in answer.err


@pytest.mark.usefixtures("synced")
def test_once_every_tenant_is_erased_it_is_copied_into_again(mkt: Mkt, project: Project) -> None:
    config = project.root / "configs" / "northwind.yaml"
    kept = config.read_text()
    assert mkt(*COPY).code == 0
    assert mkt("sync", "northwind", "--now", "--store", THERE).code == 0
    assert mkt("tenants", "remove", "northwind", "--purge", "--yes", "--store", THERE).code == 0
    config.write_text(kept)
    answer = mkt(*COPY)
    assert answer.code == 0, answer.err
    assert exported(mkt, THERE) == exported(mkt, HERE)


@pytest.mark.usefixtures("synced")
def test_a_half_copy_whose_source_is_gone_is_given_up(mkt: Mkt, sql: Sql, project: Project) -> None:
    config = project.root / "configs" / "northwind.yaml"
    kept = config.read_text()
    mkt(*COPY)
    sql("update mkt_private.copies set source = 'sqlite:/gone.db', finished_at = null")
    for answer in (mkt(*COPY), mkt("status", "--store", THERE)):
        assert answer.code in (1, 2)
        assert "`delete from mkt_private.copies` in the dashboard's SQL editor" in answer.err
    sql("delete from mkt_private.copies")
    assert mkt("tenants", "remove", "northwind", "--purge", "--yes", "--store", THERE).code == 0
    config.write_text(kept)
    assert mkt(*COPY).code == 0
    assert exported(mkt, THERE) == exported(mkt, HERE)


@pytest.mark.usefixtures("synced")
def test_while_an_integration_runs_it_is_refused(mkt: Mkt) -> None:
    with closing(SqliteStore.open(Path(".mkt/mkt.db"))) as store:
        lease = store.acquire(Key("northwind", "roster"))
        answer = mkt(*COPY)
        assert lease is not None
        store.release(lease)
    assert answer.code == 1
    assert "northwind/roster of sqlite:" in answer.err
    assert "Stop cron, workers and `mkt serve`" in answer.err


@pytest.mark.parametrize(
    ("origin", "to", "why"),
    [
        ("sqlite:nowhere.db", THERE, "there is no store"),
        (HERE, "sqlite:.mkt/other.db", "are stores of one kind"),
        (THERE, THERE, "are stores of one kind"),
        ("postgres:x", THERE, "there is no store 'postgres'"),
        (HERE, "redis", "there is no store 'redis'"),
    ],
)
@pytest.mark.usefixtures("synced")
def test_a_pair_that_is_no_way_to_go_is_said(mkt: Mkt, origin: str, to: str, why: str, project: Project) -> None:
    answer = mkt("db", "copy", "--from", origin, "--to", to)
    assert answer.code == 2
    assert why in answer.err
    assert not (project.root / "nowhere.db").exists()


@pytest.mark.usefixtures("synced")
def test_a_terminal_shows_how_far_it_is(mkt: Mkt, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("mkt.cli.db_copy.sys", SimpleNamespace(stderr=terminal))
    assert mkt(*COPY).code == 0
    assert "\rintegration_events " in terminal.getvalue()
    assert terminal.getvalue().endswith(" \r")


@pytest.mark.usefixtures("synced")
def test_killed_on_its_way_the_same_command_goes_on(mkt: Mkt, sql: Sql) -> None:
    many_events(9000)
    delays = random.Random(7)  # noqa: S311 - any number will do
    for _ in range(3):
        process = start(*COPY)
        deadline = time.monotonic() + SECONDS
        while not sql("select exists (select from public.integration_events)")[0][0]:
            assert time.monotonic() < deadline
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        time.sleep(delays.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=SECONDS)
    half = mkt("sync", "northwind", "--now", "--store", THERE)
    unfinished = sql("select count(*) from mkt_private.copies where finished_at is null") == [(1,)]
    assert (half.code == 2 and "half a copy of sqlite:" in half.err) == unfinished
    answer = ended(start(*COPY, "-o", "json"))
    if unfinished:
        assert answer.code == 0, answer.err
        assert json.loads(answer.out)["resumed"] is True
    assert exported(mkt, THERE) == exported(mkt, HERE)
    assert sql("select count(*) from public.integration_events where event = 'sync.progress'") == [(9000,)]
