"""Holding, reading, forgetting and erasing by the front door, with the store in Supabase."""

from dataclasses import replace

import pytest
from tests.cli.front import Mkt, Project
from tests.supalocal.stack import LocalSupabase

from mkt.connectors.workday_hris.simulator import WorkdaySimulator

TARGET = "northwind/roster"


@pytest.fixture
def shrunk(
    mkt: Mkt, partner: WorkdaySimulator, supabase: LocalSupabase, monkeypatch: pytest.MonkeyPatch
) -> WorkdaySimulator:
    """Northwind is synced into Supabase, and then two fifths of its people are gone and one has a new title."""
    for name, value in {**supabase.environment, "MKT_STORE": "supabase"}.items():
        monkeypatch.setenv(name, value)
    assert mkt("sync").code == 0
    partner.employ([replace(partner.people[0], title="Boss"), *partner.people[1:15]])
    return partner


def _hold(mkt: Mkt) -> str:
    assert mkt("sync", TARGET, "--now").code == 1
    [hold] = mkt("holds", "list", "-o", "json").document
    return str(hold["id"])


@pytest.mark.usefixtures("shrunk")
def test_what_the_guard_stopped_is_shown_and_approved(mkt: Mkt) -> None:
    last = max(each["seq"] for each in mkt("records", "export").lines)
    hold_id = _hold(mkt)
    assert mkt("records", "export", "--since-seq", str(last)).out == ""
    shown = mkt("holds", "show", hold_id[-8:], "-o", "json").document
    assert shown["id"] == hold_id
    approved = mkt("holds", "approve", hold_id[-8:], "--reason", "they left")
    assert approved.code == 0, approved.err
    changed = [
        each for each in mkt("records", "export", "--since-seq", str(last)).lines if each["stream"] == "people"
    ]
    assert sorted(each["deleted"] for each in changed) == [False, *[True] * 10]
    [people] = [each for each in mkt("records", "list", "-o", "json").document if each["stream"] == "people"]
    assert (people["live"], people["deleted"]) == (15, 10)
    again = mkt("holds", "approve", hold_id[-8:])
    assert (again.code, "was approved already" in again.err) == (1, True)


@pytest.mark.usefixtures("shrunk")
def test_a_part_is_approved_and_the_rest_rejected(mkt: Mkt) -> None:
    hold_id = _hold(mkt)
    assert mkt("holds", "approve", hold_id, "--only", "update").code == 0
    assert mkt("holds", "reject", hold_id).code == 0
    titles = [each["data"]["title"] for each in mkt("records", "export", "--stream", "people").lines]
    assert (len(titles), titles.count("Boss")) == (25, 1)
    assert mkt("holds", "list", "-o", "json").document[0]["state"] == "rejected"


@pytest.mark.usefixtures("shrunk")
def test_a_prune_tells_what_it_forgot(mkt: Mkt, supabase: LocalSupabase) -> None:
    supabase.sql("""update public.integration_events set "timestamp" = '2020-01-01'""")
    old = mkt("db", "prune", "--dry-run", "-o", "json").document["events"]
    assert old > 0
    assert mkt("db", "prune", "-o", "json").document == {
        "events": old, "runs": 0, "tombstones": 0, "stagings": 0, "holds": 0, "deliveries": 0, "dry_run": False,
    }  # fmt: skip


@pytest.mark.usefixtures("shrunk")
def test_a_backup_is_supabases_and_the_way_to_a_file_is_named(mkt: Mkt, project: Project) -> None:
    answer = mkt("db", "backup", "copy.db")
    assert answer.code == 1
    assert f"`mkt db copy --from supabase --to sqlite:{project.root / 'copy.db'}`" in answer.err


@pytest.mark.usefixtures("shrunk")
def test_a_tenant_is_removed_with_all_that_supabase_has_of_it(mkt: Mkt, supabase: LocalSupabase) -> None:
    supabase.sql(
        "insert into public.integration_secrets (tenant_id, name, ciphertext, key_id)"
        " values ('northwind', 'roster/TOKEN', 'x', 'k'), ('hooli', 'roster/TOKEN', 'x', 'k')"
    )
    _hold(mkt)
    asked = mkt("tenants", "remove", "northwind", "--purge")
    assert asked.code == 2
    assert "everything in the store, with the secrets that are sealed in Supabase, of tenant northwind" in asked.err
    answer = mkt("tenants", "remove", "northwind", "--purge", "--yes")
    assert answer.out.splitlines()[:3] == [
        "removed configs/northwind.yaml",
        "erased the records, runs, states and events of northwind",
        "erased its secrets in Supabase (supabase:NAME); those elsewhere stay where they are",
    ]
    assert supabase.sql("select tenant_id from public.integration_secrets") == [("hooli",)]
    for command in ("records list", "runs list", "holds list"):
        assert mkt(*command.split(), "-o", "json").document == []
    told = [(each["tenant"], each["details"]["what"]) for each in mkt("events").lines if each["tenant"]]
    assert told == [("northwind", "remove"), ("northwind", "purge")]


def test_what_is_still_configured_in_supabase_is_not_purged(
    mkt: Mkt, shrunk: WorkdaySimulator, project: Project
) -> None:
    project.write("hooli", settings=shrunk.settings())
    (project.root / "mkt.toml").write_text('[hosts]\nallow = ["127.0.0.1"]\n')
    assert mkt("config", "push", "--yes").code == 0
    answer = mkt("tenants", "remove", "northwind", "--purge", "--yes")
    assert answer.code == 1
    assert "configs/northwind.yaml is removed, but its data is not: northwind still has integrations" in answer.err
    assert "`mkt config push northwind --delete`" in answer.err
    pushed = mkt("config", "push", "northwind", "--delete", "--yes")
    assert pushed.code == 0, pushed.err
    assert mkt("tenants", "remove", "northwind", "--purge", "--yes").code == 0
    assert mkt("records", "list", "-o", "json").document == []
