"""Looking at what was: `mkt status`, `runs`, `events` and `records`."""

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
from tests.cli.front import Answer, Mkt, Project
from tests.cli.process import SECONDS, start

from mkt.cli.events import followed
from mkt.contract import ConnectorEvent
from mkt.store.base import EventQuery
from mkt.store.sqlite import SqliteStore

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)


@pytest.fixture
def synced(mkt: Mkt, partner: object) -> Answer:
    """A sync of northwind/roster, which went well."""
    del partner
    return mkt("sync", "-o", "json")


@pytest.fixture
def failed(mkt: Mkt, partner: object, monkeypatch: pytest.MonkeyPatch) -> Answer:
    """A sync of northwind/roster with the wrong password."""
    del partner
    with monkeypatch.context() as patch:
        patch.setenv("MKT_SECRET__NORTHWIND__ROSTER__WORKDAY_ISU_PASSWORD", "hunter2-hunter2")
        return mkt("sync", "-o", "json")


@pytest.mark.usefixtures("synced")
def test_status_is_a_table_and_one_target_is_shown_in_detail(mkt: Mkt, project: Project) -> None:
    detail = mkt("status").out
    assert detail.startswith("northwind/roster  workday-hris  ok\n")
    assert "people" in detail
    project.write("acme")
    lines = mkt("status").out.splitlines()
    assert lines[1].split()[:3] == ["acme/roster", "workday-hris", "never"]
    assert lines[-2:] == ["2 integrations: 1 never, 1 ok", "next: mkt verify acme/roster"]
    assert not any(line.startswith("northwind") for line in lines)
    assert any(line.startswith("northwind") for line in mkt("status", "--all").out.splitlines())


@pytest.mark.usefixtures("failed")
def test_status_check_exits_1_when_one_is_failing(mkt: Mkt) -> None:
    assert mkt("status").code == 0
    answer = mkt("status", "--check", "-q")
    assert answer.code == 1
    assert "acts: customer" in answer.out


@pytest.mark.usefixtures("synced")
def test_status_check_exits_0_and_quiet_says_nothing_when_all_is_well(mkt: Mkt) -> None:
    answer = mkt("status", "--check", "-q")
    assert (answer.code, answer.out) == (0, "")


@pytest.mark.usefixtures("synced")
def test_status_for_scripts_is_a_list(mkt: Mkt) -> None:
    [found] = mkt("status", "-o", "json").document
    assert (found["tenant"], found["health"], found["streams"][0]["deleted"]) == ("northwind", "ok", 0)
    assert [found] == mkt("status", "-o", "jsonl").lines


def test_runs_are_listed_and_shown_by_any_unique_part_of_their_id(mkt: Mkt, synced: Answer) -> None:
    run_id = synced.document["results"][0]["run_id"]
    assert [run["id"] for run in mkt("runs", "list", "-o", "jsonl").lines] == [run_id]
    assert mkt("runs", "list").out.splitlines()[-1] == f"next: mkt runs show {run_id[-8:]}"
    shown = mkt("runs", "show", run_id[-8:], "-o", "json").document
    assert (shown["id"], shown["outcome"]) == (run_id, "ok")
    assert [event["event"] for event in shown["events"]][-1] == "sync.completed"
    assert mkt("runs", "show", run_id[-8:]).out.startswith("sync northwind/roster  workday-hris  ok\n")


@pytest.mark.usefixtures("synced")
def test_a_run_id_that_is_none_or_many_is_refused(mkt: Mkt) -> None:
    mkt("verify")
    missing, several = mkt("runs", "show", "zzz"), mkt("runs", "show", "-")
    assert (missing.code, missing.err.splitlines()[0]) == (1, "mkt: there is no run whose id contains zzz")
    assert several.code == 1
    assert "- is part of 2 ids" in several.err


def test_no_runs_yet_is_said(mkt: Mkt, project: Project) -> None:
    project.write("northwind")
    assert mkt("runs", "list").out == "no runs yet\nnext: mkt sync\n"
    assert mkt("runs", "list", "-o", "json").document == []


@pytest.mark.usefixtures("failed")
def test_events_are_lines_in_order_of_time_and_can_be_narrowed(mkt: Mkt) -> None:
    every = mkt("events").lines
    assert [event["timestamp"] for event in every] == sorted(event["timestamp"] for event in every)
    assert [event["event"] for event in mkt("events", "-n", "1").lines] == ["run.summary"]
    assert {event["level"] for event in mkt("events", "--level", "error").lines} == {"error"}
    assert {event["tenant"] for event in mkt("events", "northwind").lines} == {"northwind"}
    assert len(mkt("events", "-o", "table").out.splitlines()) == len(every)
    assert mkt("events", "-o", "json").document == every


def test_events_of_one_run_alone(mkt: Mkt, synced: Answer) -> None:
    run_id = synced.document["results"][0]["run_id"]
    mkt("verify")
    assert {event["run_id"] for event in mkt("events", "--run", run_id[-8:]).lines} == {run_id}
    missing = mkt("events", "--run", "zzz")
    assert (missing.code, missing.err.splitlines()[0]) == (1, "mkt: there is no run whose id contains zzz")


@pytest.mark.usefixtures("synced")
def test_following_ends_as_soon_as_the_reader_has_left() -> None:
    with start("events", "--follow", "-n", "1") as followed_by_head:
        assert followed_by_head.stdout is not None
        followed_by_head.stdout.readline()
        followed_by_head.stdout.close()
        assert followed_by_head.wait(SECONDS / 4) == 0, "no further event comes"


def test_a_failed_run_is_shown_with_cause_remedy_earlier_tries_and_what_to_type(mkt: Mkt, failed: Answer) -> None:
    run_id = failed.document["results"][0]["run_id"]
    shown = mkt("runs", "show", run_id[-8:])
    assert "\n  acts: customer  Workday's administrator checks the user" in shown.out
    assert re.search(r"\n  code +workday\.isu_refused\n  cause +[0-9a-f]{12}\n", shown.out)
    assert shown.out.endswith("next: mkt verify northwind/roster\n")
    mkt("sync", "northwind", "--now")
    again = mkt("runs", "show", run_id[-8:])
    assert again.out.splitlines()[-1] == "next: mkt status northwind/roster", "a later one was ok"
    assert re.search(r"other sync runs of northwind/roster\n.*\n  [0-9a-f]{8}  ok ", again.out)
    document = mkt("runs", "show", run_id[-8:], "-o", "json").document
    assert [other["outcome"] for other in document["others"]] == ["ok"]


@pytest.mark.usefixtures("partner")
def test_a_verify_is_shown_step_by_step_and_a_sync_stream_by_stream(mkt: Mkt) -> None:
    mkt("verify")
    mkt("sync")
    sync, verify = (run["id"] for run in mkt("runs", "list", "-o", "json").document)
    assert re.search(r"\n  pass +credentials present +integration system user", mkt("runs", "show", verify).out)
    assert re.search(r"\n  people +25 +0 ", mkt("runs", "show", sync).out)


@pytest.mark.usefixtures("failed")
def test_one_cause_has_one_next_command_wherever_it_is_shown(mkt: Mkt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKT_SECRET__NORTHWIND__ROSTER__WORKDAY_ISU_PASSWORD", "hunter2-hunter2")
    run_id = mkt("runs", "list", "-o", "json").document[0]["id"]
    shown = (("status",), ("runs", "show", run_id), ("triage",), ("sync", "northwind", "--now", "-o", "table"))
    assert {mkt(*command).out.splitlines()[-1] for command in shown} == {"next: mkt verify northwind/roster"}


@pytest.mark.usefixtures("failed")
def test_status_says_how_near_a_pause_is_and_names_the_cause_for_scripts(mkt: Mkt) -> None:
    assert "pause           after 4 more failed syncs like this" in mkt("status").out
    found = mkt("status", "northwind/roster", "-o", "json").document
    assert (found["class"], found["code"], found["tries_left"]) == ("auth", "workday.isu_refused", 4)
    assert found["fingerprint"] == mkt("triage", "-o", "json").document[0]["fingerprint"]


@pytest.mark.usefixtures("synced")
def test_history_reaches_integrations_that_the_configs_no_longer_have(mkt: Mkt, project: Project) -> None:
    (project.root / "configs" / "northwind.yaml").unlink()
    project.write("acme")
    assert mkt("runs", "list", "northwind", "-o", "json").document
    assert mkt("events", "-t", "northwind").lines
    assert mkt("records", "list", "northwind/roster", "-o", "json").document
    nobody = mkt("runs", "list", "nobody")
    assert (nobody.code, nobody.err.splitlines()[0]) == (2, "mkt: there is no tenant nobody")


@pytest.mark.usefixtures("synced")
def test_records_are_counted_by_integration_and_stream(mkt: Mkt) -> None:
    counts = {found["stream"]: found["live"] for found in mkt("records", "list", "-o", "json").document}
    lines = mkt("records", "list").out.splitlines()
    assert counts["people"] > 0
    assert len(lines) == len(counts) + 2
    assert [found["stream"] for found in mkt("records", "list", "--stream", "people", "-o", "jsonl").lines] == [
        "people"
    ]


@pytest.mark.usefixtures("synced")
def test_an_export_is_a_change_feed(mkt: Mkt) -> None:
    every = mkt("records", "export", "--stream", "people").lines
    half = every[len(every) // 2]["seq"]
    assert [record["seq"] for record in every] == sorted(record["seq"] for record in every)
    later = mkt("records", "export", "northwind", "--stream", "people", "--since-seq", str(half)).lines
    assert later == [record for record in every if record["seq"] > half]


@pytest.mark.usefixtures("synced")
def test_csv_says_the_same_as_json_lines(mkt: Mkt) -> None:
    lines = mkt("records", "export", "--stream", "people", "-o", "jsonl").lines
    text = mkt("records", "export", "--stream", "people", "-o", "csv").out
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["external_id"] for row in rows] == [line["external_id"] for line in lines]
    assert [row["email"] for row in rows] == [line["data"].get("email") or "" for line in lines]
    assert json.loads(rows[0]["deleted"]) is False


@pytest.mark.usefixtures("synced")
def test_csv_needs_a_stream_and_the_stream_has_to_exist(mkt: Mkt) -> None:
    assert "--stream" in mkt("records", "export", "-o", "csv").err
    answer = mkt("records", "export", "--stream", "peple")
    assert (answer.code, answer.out) == (2, "")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore.open(tmp_path / "mkt.db")) as opened:
        yield opened


def _event(message: str, at: datetime = NOW) -> ConnectorEvent:
    milliseconds = round(at.timestamp() * 1000)
    text = f"{milliseconds:012x}7{abs(hash(message)) % 16**19:019x}"
    name = "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    return ConnectorEvent(event="connector.message", message=message, timestamp=at, id=name)


def test_following_yields_the_newest_and_then_each_new_one_once(store: SqliteStore) -> None:
    store.add_events([_event(f"old{number}", NOW + timedelta(seconds=number)) for number in range(5)])
    later = iter([[_event("new1", NOW + timedelta(minutes=1))], [], [_event("new2", NOW + timedelta(minutes=2))]])
    found = followed(store, EventQuery(limit=2), wait=lambda _: store.add_events(next(later)))
    assert [event.message for event in islice(found, 4)] == ["old3", "old4", "new1", "new2"]


def test_an_event_that_was_stored_late_is_not_missed(store: SqliteStore) -> None:
    store.add_events([_event("first")])
    later = iter(
        [
            [_event("young", NOW + timedelta(seconds=5))],
            [_event("late", NOW + timedelta(seconds=3))],
            [_event("end", NOW + timedelta(minutes=1))],
        ]
    )
    found = followed(store, EventQuery(), wait=lambda _: store.add_events(next(later)))
    assert [event.message for event in islice(found, 4)] == ["first", "young", "late", "end"]


@pytest.mark.parametrize("late_seconds", [0.0, 10.0])
def test_what_comes_hours_late_is_shown_once(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, late_seconds: float
) -> None:
    monkeypatch.setattr("mkt.cli.events.LATE_SECONDS", late_seconds)
    store.add_events([_event("first")])
    late = [_event(f"late{number}", NOW - timedelta(hours=3 - number)) for number in (1, 2)]
    later = iter([late, [], [], [_event("new")], [], [_event("end", NOW + timedelta(hours=1))]])
    found = followed(store, EventQuery(), wait=lambda _: store.add_events(next(later)))
    assert [event.message for event in islice(found, 5)] == ["first", "late1", "late2", "new", "end"]


def test_following_an_empty_store_waits_for_the_first(store: SqliteStore) -> None:
    later = iter([[], [_event("first")]])
    found = followed(store, EventQuery(limit=5), wait=lambda _: store.add_events(next(later)))
    assert next(found).message == "first"
