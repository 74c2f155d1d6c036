"""`mkt db`, and the housekeeping that a sync does by itself."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.cli.front import Mkt, Project

from mkt.contract import ConnectorEvent
from mkt.store.sqlite import SqliteStore


@pytest.fixture
def old(project: Project) -> Project:
    """A project whose store has two events that are a hundred days old."""
    project.write("northwind")
    moment = datetime.now(UTC) - timedelta(days=100)
    with SqliteStore.open(project.root / ".mkt" / "mkt.db") as store:
        store.add_events(
            [ConnectorEvent(event="connector.message", message=word, timestamp=moment) for word in ("one", "two")]
        )
    return project


@pytest.mark.usefixtures("old")
def test_a_dry_run_counts_what_is_too_old_and_forgets_nothing(mkt: Mkt) -> None:
    answer = mkt("db", "prune", "--dry-run", "-o", "json")
    assert answer.code == 0
    assert answer.document == {
        "events": 2,
        "runs": 0,
        "tombstones": 0,
        "stagings": 0,
        "holds": 0,
        "deliveries": 0,
        "dry_run": True,
    }
    lines = mkt("db", "prune", "--dry-run").out.splitlines()
    assert lines[0] == "dry run: nothing was forgotten"
    assert lines[2].split() == ["events", "90", "d", "2"]
    assert lines[-1] == "next: mkt db prune"
    assert [event["message"] for event in mkt("events").lines] == ["one", "two"]


@pytest.mark.usefixtures("old")
def test_a_prune_forgets_and_says_who_did_it(mkt: Mkt) -> None:
    assert mkt("db", "prune", "-o", "json").document["events"] == 2
    [event] = mkt("events").lines
    assert (event["event"], event["details"]["what"]) == ("operator.action", "prune")
    assert mkt("db", "prune").out.splitlines()[-1] == "next: mkt status"


def test_how_long_history_is_kept_is_the_operators_choice(mkt: Mkt, old: Project) -> None:
    (old.root / "mkt.toml").write_text("[retention]\nevents = 101\n")
    assert mkt("db", "prune", "-o", "json").document["events"] == 0


@pytest.mark.parametrize("days", [0, -1, 10**12])
def test_a_retention_that_is_no_span_is_refused(mkt: Mkt, old: Project, days: int) -> None:
    (old.root / "mkt.toml").write_text(f"[retention]\nevents = {days}\n")
    answer = mkt("db", "prune")
    assert answer.code == 2
    assert "mkt.toml: retention.events" in answer.err


@pytest.mark.usefixtures("partner", "old")
def test_a_sync_forgets_what_is_too_old(mkt: Mkt) -> None:
    assert mkt("sync").code == 0
    assert not {"one", "two"} & {event["message"] for event in mkt("events").lines}


@pytest.mark.usefixtures("partner")
def test_a_backup_is_a_whole_store(mkt: Mkt, project: Project) -> None:
    mkt("sync")
    answer = mkt("db", "backup", "copy.db")
    assert answer.code == 0
    assert answer.out.splitlines()[-1] == f"next: mkt status --store sqlite:{project.root / 'copy.db'}"
    assert mkt("records", "export", "--store", "sqlite:copy.db").out == mkt("records", "export").out
    assert mkt("events", "-n", "9", "-o", "table").out.count("operator.action") == 2


def test_a_backup_overwrites_nothing(mkt: Mkt, old: Project) -> None:
    precious = old.root / "precious"
    precious.write_text("x")
    answer = mkt("db", "backup", "precious")
    assert (answer.code, precious.read_text()) == (1, "x")
    assert answer.err.endswith("exists, and a backup overwrites nothing\n  -> Name a new file.\n")
    assert mkt("events").out.count("operator.action") == 0


def test_a_backup_for_scripts_says_where_it_is(mkt: Mkt, old: Project) -> None:
    document = mkt("db", "backup", "copy.db", "-o", "json").document
    assert document == {
        "path": str(old.root / "copy.db"),
        "bytes": Path("copy.db").stat().st_size,
        "integrity": "ok",
    }
    with closing(sqlite3.connect("copy.db")) as copy:
        assert copy.execute("pragma integrity_check").fetchone() == ("ok",)
