"""`--since` and `--until`: a part of time is brought over, and everything else stays as it was."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.engine.rig import Context, Rig, configuration, people

from mkt.contract import (
    AuthError,
    Change,
    Checkpoint,
    Complete,
    Deleted,
    Guard,
    Json,
    PartnerError,
    Record,
    Schedule,
    TransientError,
    Window,
)
from mkt.engine.sync.holds import approve
from mkt.errors import StartError

SINCE = datetime(2026, 11, 15, tzinfo=UTC)
UNTIL = datetime(2026, 11, 16, 8, 30, tzinfo=UTC)
WINDOW = Window(since=SINCE, until=UNTIL)


def cursors(rig: Rig) -> dict[str, object]:
    (state,) = rig.store.states().values()
    return {stream: (known.cursor, known.as_of) for stream, known in state.streams.items()}


def test_the_connector_is_told_and_cursors_and_absent_records_stay(rig: Rig) -> None:
    rig.yields(*people("anna", "ben", cursor="first"))
    rig.sync_one()
    before, windows = cursors(rig), list[object]()

    def changes(context: Context) -> list[Change]:
        windows.append((context.window, context.cursor("people")))
        return [Record("people", "carl", {}), Deleted("people", "ben"), Checkpoint("people", "moved")]

    rig.script.changes = changes
    result = rig.sync_one(window=WINDOW)
    assert windows == [(WINDOW, "first")]
    assert (result.totals.created, result.totals.deleted) == (1, 1), "what is said to be deleted is"
    assert rig.names() == ["anna", "carl"]
    assert cursors(rig) == before
    assert result.note == (
        "asked for what changed since 2026-11-15 00:00 UTC until 2026-11-16 08:30 UTC; cursors stay where they were"
    )


def test_a_connector_that_lists_all_the_same_deletes_nobody_and_it_is_said(rig: Rig) -> None:
    rig.sync_one()
    rig.yields(*people("anna", cursor="moved"))
    result = rig.sync_one(window=WINDOW)
    assert (result.outcome, result.totals.deleted) == ("ok", 0)
    assert rig.names() == ["anna", "ben"]
    assert "the partner was asked for all of people, since no part can be asked for here" in result.note


def test_a_window_without_a_start_may_list_all(rig: Rig) -> None:
    rig.sync_one()
    assert "asked for all" not in rig.sync_one(window=Window(until=UNTIL)).note


def test_a_window_is_no_turn_of_the_schedule(rig: Rig) -> None:
    rig.source.configurations = [configuration(schedule=Schedule("0 * * * *"))]
    rig.sync()
    rig.pass_time(hours=1)
    before = rig.store.states()
    assert rig.sync("acme", window=WINDOW).count("ok") == 1
    assert rig.store.states() == before
    assert rig.sync().count("ok") == 1, "what was due is still due"


def test_a_window_that_fails_is_in_the_history_and_leaves_what_was_known(rig: Rig) -> None:
    rig.sync_one()
    before = rig.store.states()

    def refused(_: Context) -> list[Change]:
        raise PartnerError("no such report", remedy="ask")

    rig.script.changes = refused
    assert rig.sync("acme", window=WINDOW).exit_code == 1
    assert rig.store.states() == before
    assert [run.outcome for run in rig.store.runs(limit=1)] == ["failed"]


def test_before_the_first_load_a_window_brings_its_part_and_the_first_load_all_of_it(rig: Rig) -> None:
    rig.yields(Record("people", "anna", {}), Checkpoint("people", "moved"))
    rig.sync_one(window=WINDOW)
    assert rig.names() == ["anna"]
    starts: list[object] = []

    def changes(context: Context) -> list[Change]:
        starts.append(context.cursor("people"))
        return people("anna", "ben")

    rig.script.changes = changes
    rig.sync_one()
    assert (starts, rig.names()) == ([None], ["anna", "ben"])


def test_the_guard_holds_for_a_window_too(rig: Rig) -> None:
    rig.source.configurations = [configuration(guard=Guard(max_delete_percent=10))]
    rig.yields(*people(*(f"p{number}" for number in range(100))))
    rig.sync_one()
    rig.yields(*(Deleted("people", name) for name in (f"p{number}" for number in range(30))))
    result = rig.sync_one(window=WINDOW)
    assert (result.outcome, len(rig.names())) == ("held", 100)


def test_a_window_that_was_held_moves_no_cursor_when_it_is_approved(rig: Rig) -> None:
    rig.yields(*people(*(f"p{number}" for number in range(100)), cursor="first"))
    rig.sync_one()
    before = cursors(rig)
    gone = [Deleted("people", f"p{number}") for number in range(30)]
    rig.yields(*gone, Checkpoint("people", "moved"))
    rig.sync_one(window=WINDOW)
    (hold,) = rig.store.holds()
    approve(rig.engine, hold.id)
    assert (len(rig.names()), cursors(rig)) == (70, before)


def test_a_dry_run_of_a_window_counts_and_writes_nothing(rig: Rig) -> None:
    rig.sync_one()
    before = (list(rig.store.records()), rig.store.states(), rig.store.runs())
    rig.yields(Record("people", "carl", {}), Complete("people"))
    result = rig.sync_one(window=WINDOW, dry_run=True)
    assert (result.totals.created, result.totals.deleted) == (1, 0)
    assert (list(rig.store.records()), rig.store.states(), rig.store.runs()) == before


def test_a_window_for_everybody_has_to_be_asked_for(rig: Rig) -> None:
    with pytest.raises(StartError, match="--since and --until need a target or a filter"):
        rig.sync(window=WINDOW)
    assert rig.sync(window=WINDOW, all=True).count("ok") == 1


def test_full_starts_the_chosen_streams_from_the_beginning_and_no_other(rig: Rig) -> None:
    starts: list[object] = []

    def changes(context: Context) -> list[Change]:
        starts.append({stream: context.cursor(stream) for stream in sorted(context.streams)})
        return [Checkpoint(stream, f"{stream} {len(starts)}") for stream in sorted(context.streams)]

    rig.script.changes = changes
    rig.sync_one()
    rig.pass_time(minutes=1)
    rig.sync_one(full=True, streams=frozenset({"people"}))
    rig.sync_one()
    assert starts == [
        {"org_units": None, "people": None},
        {"people": None},
        {"org_units": "org_units 1", "people": "people 2"},
    ]


def test_a_window_of_a_run_that_was_killed_leaves_nothing_to_go_on_from(rig: Rig) -> None:
    rig.sync_one()

    def stopped(_: Context) -> list[Change]:
        rig.engine.stop.request("terminated")
        return [Record("people", "carl", {}), Checkpoint("people", "half")]

    rig.script.changes = stopped
    assert rig.sync("acme", window=WINDOW).results[0].outcome == "deferred"
    rig.engine.stop.event.clear()
    rig.engine.stop.reason = None
    rig.clock += timedelta(minutes=1)
    rig.yields(*people("anna", "ben"))
    result = rig.sync_one()
    assert (result.totals.created, rig.names()) == (0, ["anna", "ben"])


def test_a_window_that_fails_in_an_unfinished_first_load_leaves_it_where_it_was(rig: Rig) -> None:
    starts: list[Json] = []

    def broken_off(context: Context) -> Iterator[Change]:
        starts.append(context.cursor("people"))
        yield Record("people", "anna", {})
        yield Checkpoint("people", "page 2")
        yield Record("people", "ben", {})
        raise TransientError("reset")

    def refused(_: Context) -> Iterator[Change]:
        yield from ()
        raise AuthError("no")

    rig.script.changes = broken_off
    rig.sync_one()
    rig.script.changes = refused
    rig.sync_one(window=WINDOW)
    rig.script.changes = broken_off
    rig.sync_one()
    assert starts == [None, "page 2"]
    assert rig.names() == ["anna", "ben"]


def test_a_window_with_other_settings_takes_nothing_out_of_an_unfinished_first_load(rig: Rig) -> None:
    def broken_off(_: Context) -> Iterator[Change]:
        yield Record("people", "anna", {})
        yield Checkpoint("people", "page 2")
        raise TransientError("reset")

    rig.script.changes = broken_off
    rig.sync_one()
    rig.source.configurations = [configuration(settings={"mode": "b"})]
    rig.yields(Record("people", "ben", {}))
    rig.sync_one(window=WINDOW)
    assert rig.names() == ["anna", "ben"]
