import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.engine.rig import MANIFEST, Context, Rig, Scripted, ScriptedConnector, configuration, people

from mkt.configs.base import BrokenTenant, Position, Problem
from mkt.contract import (
    AuthError,
    Change,
    Checkpoint,
    Complete,
    Deleted,
    Disabled,
    Guard,
    Json,
    Manifest,
    RateLimited,
    Record,
    Schedule,
    TransientError,
)
from mkt.engine import pool
from mkt.engine.following import after_result
from mkt.errors import StartError
from mkt.registry import ConnectorRegistry
from mkt.store.base import Key


def crowd(count: int) -> tuple[str, ...]:
    return tuple(f"p{number}" for number in range(count))


# what a sync does


def test_the_first_load_creates_and_the_second_finds_all_unchanged(rig: Rig) -> None:
    first, second = rig.sync_one(), rig.sync_one()
    assert (first.outcome, first.totals.created) == ("ok", 2)
    assert (second.totals.created, second.totals.updated, second.totals.unchanged) == (0, 0, 2)
    assert rig.names() == ["anna", "ben"]


def test_who_left_a_snapshot_is_gone_at_once(rig: Rig) -> None:
    rig.sync_one()
    rig.yields(*people("anna"))
    assert rig.sync_one().totals.deleted == 1
    assert rig.names() == ["anna"]


def test_who_left_an_offset_listing_is_gone_at_the_second_look(rig: Rig) -> None:
    rig.sync_one()
    rig.yields(*people("anna", listing="offset"))
    assert rig.sync_one().totals.deleted == 0
    assert rig.names() == ["anna", "ben"]
    assert rig.sync_one().totals.deleted == 1
    assert rig.names() == ["anna"]


def test_the_last_value_of_a_repeated_id_wins_and_counts_once(rig: Rig) -> None:
    rig.sync_one()
    twice = [Record("people", "anna", {"title": title}) for title in ("Head", "Dean")]
    rig.yields(*twice, Record("people", "ben", {"given_name": "ben"}), Complete("people"), Checkpoint("people", None))
    assert rig.sync_one().totals.updated == 1
    assert next(rig.store.records(deleted=False, since_seq=2)).data == {"title": "Dean"}


def test_two_streams_of_one_listing_of_which_one_is_empty_lose_nothing(rig: Rig) -> None:
    unit = Record("org_units", "u1", {"name": "Sales"})
    rig.yields(unit, Complete("org_units"), Checkpoint("org_units", None), *people("anna"))
    rig.sync_one()
    rig.yields(Complete("org_units"), Checkpoint("org_units", None), *people("anna", "ben"))
    result = rig.sync_one()
    assert result.outcome == "held"
    assert result.held is not None
    assert result.held.reasons == ("org_units: the partner listed none, 1 are stored",)
    assert rig.names("org_units") == ["u1"]
    assert rig.names() == ["anna"], "all streams are applied together or none"


def test_over_the_delete_limit_nothing_is_applied(rig: Rig) -> None:
    rig.yields(*people(*crowd(100)))
    rig.sync_one()
    rig.yields(*people(*crowd(80), "new"))
    result = rig.sync_one()
    assert result.held is not None
    assert result.held.reasons == ("people: 20 of 100 would be deleted (20 %, limit 10 %)",)
    assert len(rig.names()) == 100


def test_a_raised_limit_lets_it_through(rig: Rig) -> None:
    rig.yields(*people(*crowd(100)))
    rig.sync_one()
    rig.source.configurations = [configuration(guard=Guard(max_delete_percent=50))]
    rig.yields(*people(*crowd(80)))
    assert rig.sync_one().totals.deleted == 20


def test_changed_settings_waive_the_change_limit_once_and_say_so(rig: Rig) -> None:
    rig.yields(*people(*crowd(50)))
    rig.sync_one()
    changed = [Record("people", name, {"title": "x"}) for name in crowd(50)]
    rig.yields(*changed, Complete("people"), Checkpoint("people", None))
    assert rig.sync_one(dry_run=True).outcome == "held"
    rig.source.configurations = [configuration(settings={"mode": "b"})]
    result = rig.sync_one()
    assert (result.outcome, result.totals.updated) == ("ok", 50)
    assert "the change limit was waived once" in result.note


def test_a_dry_run_counts_and_writes_nothing(rig: Rig) -> None:
    rig.sync_one()
    before = (list(rig.store.records()), rig.store.states(), rig.store.runs())
    rig.yields(*people("anna", "carl"))
    result = rig.sync_one(dry_run=True)
    assert (result.totals.created, result.totals.deleted) == (1, 1)
    assert (list(rig.store.records()), rig.store.states(), rig.store.runs()) == before


def test_only_the_streams_that_were_asked_for(rig: Rig) -> None:
    seen: list[frozenset[str]] = []

    def changes(context: Context) -> list[Change]:
        seen.append(context.streams)
        return people("anna")

    rig.script.changes = changes
    rig.sync_one(streams=frozenset({"people"}))
    assert seen == [frozenset({"people"})]


def test_a_stream_that_no_selected_connector_has_starts_nothing(rig: Rig) -> None:
    with pytest.raises(StartError, match="scripted: no stream memberships") as raised:
        rig.sync("acme", now=True, streams=frozenset({"memberships", "people"}))
    assert raised.value.remedy == "There is org_units, people."
    assert rig.events() == []


def test_a_stream_that_another_selected_connector_has_is_skipped_here(rig: Rig) -> None:
    manifest = {**MANIFEST, "id": "other", "streams": ["accounts"]}
    other = ScriptedConnector("other", "tests", Manifest.model_validate(manifest), scripted=Scripted())
    known = {**dict(rig.engine.registry.items()), "other": other}
    rig.engine = replace(rig.engine, registry=ConnectorRegistry(known))
    rig.source.configurations.append(replace(configuration("globex"), connector="other"))
    found = {result.target: result for result in rig.sync(all=True, streams=frozenset({"people"})).results}
    assert (found["globex/roster"].outcome, found["globex/roster"].note) == ("skipped", "other has no stream people")
    assert found["acme/roster"].outcome == "ok"


def test_a_run_that_our_own_limit_ends_is_ours_and_says_how_to_set_it(rig: Rig) -> None:
    rig.script.changes = lambda _: iter(people("anna"))
    result = rig.sync_one(timeout=timedelta(0))
    assert result.failure is not None
    assert (result.failure.code, result.failure.actor) == ("transient.deadline", "us")
    assert "stopped by our own limit of 0 s" in result.failure.message
    assert "--timeout 2h" in result.failure.remedy
    assert after_result(result) == "mkt sync acme/roster --now --timeout 2h"
    assert rig.store.states()[Key("acme", "roster")].connection is None, "the line to the partner is not to blame"


def test_a_cursor_is_where_the_next_sync_starts_and_full_starts_anew(rig: Rig) -> None:
    starts: list[object] = []

    def changes(context: Context) -> list[Change]:
        starts.append(context.cursor("people"))
        return [Record("people", "anna", {}), Checkpoint("people", {"since": 7})]

    rig.script.changes = changes
    rig.sync_one()
    rig.sync_one()
    rig.sync_one(full=True)
    assert starts == [None, {"since": 7}, None]


# what goes wrong


def fails_after(error: Exception, *changes: Change) -> Iterator[Change]:
    yield from changes
    raise error


@pytest.mark.parametrize("error", [TransientError("gone", remedy="wait"), AuthError("no", remedy="new key")])
def test_a_failed_sync_applies_nothing(rig: Rig, error: Exception) -> None:
    rig.sync_one()
    rig.script.changes = lambda _: fails_after(error, *people("carl"))
    assert rig.sync_one().outcome == "failed"
    assert rig.names() == ["anna", "ben"]


def test_a_transient_failure_is_resumed_from_its_checkpoint(rig: Rig) -> None:
    rig.sync_one()
    starts: list[object] = []

    def broken(_: Context) -> Iterator[Change]:
        yield Record("people", "anna", {"title": "Dean"})
        yield Checkpoint("people", 1)
        for number in range(1200):
            yield Record("people", f"q{number}", {})
        yield Checkpoint("people", 2)
        raise TransientError("reset")

    def rest(context: Context) -> Iterator[Change]:
        starts.append(context.cursor("people"))
        yield from people("ben")

    rig.script.changes = broken
    rig.sync_one()
    rig.script.changes = rest
    result = rig.sync_one()
    assert starts == [2]
    assert (result.outcome, result.totals.created, result.totals.updated) == ("ok", 1200, 1)
    assert len(rig.names()) == 1202


@pytest.mark.parametrize("error", [TransientError("reset"), RateLimited("too fast")])
def test_what_was_read_before_such_an_end_is_kept_however_little_it_is(rig: Rig, error: Exception) -> None:
    rig.sync_one()
    starts: list[object] = []

    def page(context: Context) -> Iterator[Change]:
        start = context.cursor("people")
        starts.append(start)
        yield Record("people", f"q{start}", {})
        yield Checkpoint("people", (start if isinstance(start, int) else 0) + 1)
        raise error

    rig.script.changes = page
    for _ in range(3):
        rig.sync_one()
    assert starts == [None, 1, 2]


def test_a_permanent_failure_discards_what_was_staged(rig: Rig) -> None:
    rig.sync_one()
    starts: list[object] = []
    rig.script.changes = lambda _: fails_after(AuthError("no"), Record("people", "x", {}), Checkpoint("people", 9))
    rig.sync_one()

    def changes(context: Context) -> list[Change]:
        starts.append(context.cursor("people"))
        return people("anna", "ben")

    rig.script.changes = changes
    assert rig.sync_one().totals.created == 0
    assert starts == [None]


def test_a_rate_limit_defers_until_the_partner_said(rig: Rig) -> None:
    rig.source.configurations = [configuration(schedule=Schedule("@daily"))]
    later = rig.clock + timedelta(hours=2)
    rig.script.changes = lambda _: fails_after(RateLimited("too fast", retry_at=later))
    report = rig.sync()
    assert (report.results[0].outcome, report.exit_code) == ("deferred", 75)
    assert rig.sync().results == ()
    rig.pass_time(hours=2)
    rig.yields(*people("anna"))
    assert rig.sync().results[0].outcome == "ok"


@pytest.mark.parametrize(
    ("error", "minutes"), [(RateLimited("too fast"), 5), (TransientError("reset"), 5), (AuthError("no"), 14 * 60)]
)
def test_what_comes_to_no_good_end_knows_when_it_is_tried_again(rig: Rig, error: Exception, minutes: int) -> None:
    rig.source.configurations = [configuration(schedule=Schedule("0 2 * * *"))]
    rig.clock = rig.clock.replace(hour=12, minute=0, second=0, microsecond=0)
    rig.script.changes = lambda _: fails_after(error)
    assert rig.sync_one().next_due_at == rig.clock + timedelta(minutes=minutes)


@pytest.mark.parametrize("schedule", [None, Schedule("0 2 * * *")])
def test_a_good_end_and_one_without_a_schedule_have_no_next_try(rig: Rig, schedule: Schedule | None) -> None:
    rig.source.configurations = [configuration(schedule=schedule)]
    if schedule is None:
        rig.script.changes = lambda _: fails_after(RateLimited("too fast"))
    assert rig.sync_one().next_due_at is None


def test_a_run_that_cannot_be_stored_leads_to_no_command_that_looks_for_it(rig: Rig, tmp_path: Path) -> None:
    def taken_away(_: Context) -> Iterator[Change]:
        (store,) = tmp_path.rglob("mkt.db")
        store.unlink()
        yield from people("anna")

    rig.script.changes = taken_away
    result = rig.sync_one()
    assert (result.outcome, result.next_command) == ("failed", "mkt doctor")
    assert result.failure is not None
    assert result.failure.code == "local.store"


def test_a_bug_in_a_connector_fails_it_alone_and_repeats_no_text(rig: Rig) -> None:
    rig.source.configurations = [configuration("acme"), configuration("globex")]

    def changes(context: Context) -> Iterator[Change]:
        if context.configuration.tenant == "acme":
            raise KeyError("anna@example.com")
        yield from people("ben")

    rig.script.changes = changes
    report = rig.sync(all=True)
    assert {r.tenant: r.outcome for r in report.results} == {"acme": "failed", "globex": "ok"}
    assert report.exit_code == 3
    failure = next(r.failure for r in report.results if r.tenant == "acme")
    assert failure is not None
    assert failure.error_class == "bug"
    assert "anna" not in str([event.as_dict() for event in rig.recorder.events])


def test_a_change_of_an_undeclared_stream_is_a_bug(rig: Rig) -> None:
    rig.yields(Record("accounts", "1", {}))
    failure = rig.sync_one().failure
    assert failure is not None
    assert failure.error_class == "bug"


def test_one_that_hangs_is_failed_and_its_late_commits_are_refused(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "GRACE_SECONDS", 0.0)
    rig.sync_one()
    hang, ended = threading.Event(), threading.Event()

    def hangs(_: Context) -> Iterator[Change]:
        try:
            hang.wait()
            yield from people("late")
        finally:
            ended.set()

    rig.script.changes = hangs
    result = rig.sync_one(timeout=timedelta(0))
    assert result.failure is not None
    assert result.failure.code == "transient.deadline"
    hang.set()
    assert ended.wait(5)
    rig.yields(*people("anna", "ben"))
    assert rig.sync_one().outcome == "ok"
    assert rig.names() == ["anna", "ben"]


def test_one_bad_record_among_thousands_is_left_out_with_its_place_and_nothing_is_deleted(rig: Rig) -> None:
    rig.yields(*people(*crowd(500)))
    rig.sync_one()
    bad = Record("people", "", {})
    rig.yields(bad, *people(*crowd(499)))
    result = rig.sync_one()
    assert (result.outcome, result.totals.invalid, result.totals.deleted) == ("ok", 1, 0)
    assert result.invalid_places == {"people": ("record 1 of this run: no external id",)}
    assert result.note == (
        "a record of people could not be read, so what is no longer listed is kept: ask the partner to mend that"
    )
    assert len(rig.names()) == 500


def test_a_bad_record_is_noted_beside_what_the_partner_itself_deletes(rig: Rig) -> None:
    rig.yields(*people(*crowd(500)))
    rig.sync_one()
    rig.yields(Record("people", "", {}), Deleted("people", crowd(500)[-1]), *people(*crowd(490)))
    result = rig.sync_one()
    assert (result.totals.deleted, len(rig.names())) == (1, 499)
    assert result.note.startswith("a record of people could not be read, so what is no longer listed is kept")


def test_two_percent_bad_records_fail_the_run(rig: Rig) -> None:
    rig.yields(*people(*crowd(100)))
    rig.sync_one()
    rig.yields(Record("people", "", {}), Record("people", "x", {"active": "?"}), *people(*crowd(100)))
    result = rig.sync_one()
    assert result.failure is not None
    assert result.failure.code == "partner.bad_records"
    assert len(rig.names()) == 100


def test_deleted_wins_over_a_record_before_it(rig: Rig) -> None:
    rig.sync_one()
    rig.yields(Record("people", "anna", {"title": "x"}), Deleted("people", "anna"), Checkpoint("people", None))
    result = rig.sync_one()
    assert (result.totals.deleted, result.totals.updated) == (1, 0)
    assert rig.names() == ["ben"]


# what is due


def test_a_scheduled_sync_runs_what_is_due_and_tells_when_the_rest_is(rig: Rig) -> None:
    rig.source.configurations = [configuration(schedule=Schedule("0 * * * *"))]
    assert rig.sync().count("ok") == 1
    report = rig.sync()
    assert (report.results, report.exit_code) == ((), 0)
    assert report.not_due[0].next_due_at == rig.clock + timedelta(hours=1)
    rig.pass_time(hours=1)
    assert rig.sync().count("ok") == 1


def test_a_scheduled_sync_with_nothing_due_says_nothing(rig: Rig) -> None:
    rig.sync()
    assert rig.events() == []


def test_the_last_event_is_the_summary(rig: Rig) -> None:
    rig.sync(all=True)
    assert rig.events() == ["sync.started", "sync.completed", "run.summary"]
    assert rig.recorder.events[-1].details["ok"] == 1


def test_now_needs_a_target(rig: Rig) -> None:
    with pytest.raises(StartError, match="--now needs a target or a filter"):
        rig.sync(now=True)


def test_a_disabled_integration_is_not_synced_by_all_and_skipped_by_now(rig: Rig) -> None:
    until = Disabled(until=date(2027, 1, 7), reason="school holidays")
    rig.source.configurations = [configuration(disabled=until)]
    assert rig.sync(all=True).results == ()
    (result,) = rig.sync("acme", now=True).results
    assert (result.outcome, result.note) == (
        "skipped",
        "acme/roster is disabled until 2027-01-07: school holidays",
    )


def test_a_disabled_integration_comes_back_by_itself(rig: Rig) -> None:
    rig.source.configurations = [configuration(disabled=Disabled(until=date(2026, 11, 22)))]
    assert rig.sync(all=True).count("ok") == 1


def test_now_on_an_integration_that_another_run_has_is_deferred_and_a_scheduled_run_says_nothing(rig: Rig) -> None:
    rig.source.configurations = [configuration(schedule=Schedule("@hourly"))]
    lease = rig.store.acquire(("acme", "roster"))  # type: ignore[arg-type]
    assert lease is not None
    report = rig.sync("acme", now=True)
    assert (report.results[0].outcome, report.exit_code) == ("deferred", 75)
    assert rig.sync().results == ()
    rig.store.release(lease)


def test_a_stop_keeps_what_was_staged_and_the_next_sync_goes_on(rig: Rig) -> None:
    rig.sync_one()

    def stopped(_: Context) -> Iterator[Change]:
        yield Record("people", "carl", {})
        yield Checkpoint("people", "half")
        rig.engine.stop.request("terminated")
        yield Record("people", "dora", {})

    rig.script.changes = stopped
    report = rig.sync(all=True)
    assert (report.exit_code, report.results[0].outcome) == (143, "deferred")
    rig.engine.stop.event.clear()
    rig.engine.stop.reason = None
    rig.script.changes = lambda context: (
        people("anna", "ben") if context.cursor("people") == "half" else people("lost")
    )
    assert rig.sync_one().outcome == "ok"
    assert rig.names() == ["anna", "ben", "carl", "dora"]


# a broken tenant


def broken(digest: str = "1") -> BrokenTenant:
    problem = Problem("MKT101", "unexpected end", Position("configs/globex.yaml", 3, 5), tenant="globex")
    return BrokenTenant("globex", (problem,), digest)


def test_a_broken_file_is_one_failed_result_and_the_others_run(rig: Rig) -> None:
    rig.source.broken = [broken()]
    report = rig.sync(all=True)
    assert {r.target: r.outcome for r in report.results} == {"globex": "failed", "acme/roster": "ok"}
    assert report.exit_code == 3
    assert report.results[0].failure is not None
    assert report.results[0].failure.message == "configs/globex.yaml:3:5: unexpected end"


def test_a_scheduled_sync_reports_a_broken_file_once_a_day_and_when_it_changes(rig: Rig) -> None:
    rig.source.broken = [broken()]
    assert rig.sync().exit_code == 1
    assert rig.sync().exit_code == 0
    rig.source.broken = [broken("2")]
    assert rig.sync().exit_code == 1
    rig.pass_time(hours=25)
    assert rig.sync().exit_code == 1


def test_a_dry_run_hides_no_broken_file_from_cron(rig: Rig) -> None:
    rig.source.broken = [broken()]
    assert rig.sync(dry_run=True).exit_code == 1
    assert rig.sync().exit_code == 1


def test_a_dry_run_takes_nothing_out_of_the_connectors_state(rig: Rig) -> None:
    rig.sync_one()
    rig.store.memory_put(Key("acme", "roster"), "nonce", "n", None)
    taken: list[Json] = []

    def changes(context: Context) -> list[Change]:
        taken.extend(context.state.take("nonce") for _ in range(2))
        return []

    rig.script.changes = changes
    rig.sync_one(dry_run=True)
    rig.sync_one()
    assert taken == ["n", None, "n", None]
