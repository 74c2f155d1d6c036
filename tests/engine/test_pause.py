"""What is refused again and again is left alone until somebody has mended it; how the line stands meanwhile."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.engine.rig import NOW, Context, Rig, configuration, people

from mkt.contract import AccessDenied, AuthError, ConfigError, PartnerError, RateLimited, Schedule, TransientError
from mkt.engine.pause import PAUSED_AFTER
from mkt.engine.selection import Selection
from mkt.engine.status import PROBLEMS, IntegrationStatus, status
from mkt.errors import StoreError
from mkt.store.base import IntegrationState, Key

HOURLY = configuration(schedule=Schedule("@hourly"))
REFUSED = AuthError("the partner refuses the password", remedy="Send a new one.")


@pytest.fixture(autouse=True)
def _hourly(rig: Rig) -> None:
    rig.source.configurations = [HOURLY]


def _fails(rig: Rig, error: Exception) -> None:
    def raising(_: Context) -> Any:
        raise error

    rig.script.changes = raising
    rig.script.climb = raising


def _works(rig: Rig) -> None:
    rig.yields(*people("anna"))
    rig.script.climb = lambda _: None


def _hours(rig: Rig, count: int) -> int:
    """Let cron look once an hour; return how many syncs ran."""
    ran = 0
    for _ in range(count):
        ran += len(rig.sync().results)
        rig.pass_time(hours=1)
    return ran


def _state(rig: Rig) -> IntegrationState:
    return rig.store.states()[Key("acme", "roster")]


def _status(rig: Rig) -> IntegrationStatus:
    (found,) = status(rig.engine, Selection())
    return found


def _pause(rig: Rig) -> None:
    _fails(rig, REFUSED)
    assert _hours(rig, PAUSED_AFTER) == PAUSED_AFTER


@pytest.mark.parametrize("error", [REFUSED, AccessDenied("not yours"), ConfigError("wrong")], ids=lambda e: e.code)
def test_five_refusals_in_a_row_pause_it_and_it_is_said_once(rig: Rig, error: Exception) -> None:
    _fails(rig, error)
    assert _hours(rig, 48) == PAUSED_AFTER
    assert rig.events().count("integration.paused") == 1
    (paused,) = [event for event in rig.recorder.events if event.event == "integration.paused"]
    assert (paused.level, paused.details["next_command"]) == ("error", "mkt verify acme/roster")
    notes = [e.details.get("note", "") for e in rig.recorder.events if e.event == "sync.failed"]
    assert [("`mkt verify acme/roster` ends the pause" in note) for note in notes] == [False] * 4 + [True]


def test_a_status_says_that_it_is_paused_since_when_why_and_what_to_type(rig: Rig) -> None:
    _pause(rig)
    found = _status(rig)
    assert (found.health, found.paused_at, found.next_due_at) == ("paused", NOW + timedelta(hours=4), None)
    assert (found.why, found.actor, found.next_command) == (REFUSED.message, "customer", "mkt verify acme/roster")
    assert found.remedy == (
        "Send a new one. No sync asks again until `mkt verify acme/roster` passes,"
        " `mkt enable acme/roster` is typed, or its settings or secret references change in its file."
    )
    assert found.health in PROBLEMS
    rig.pass_time(days=30)
    assert _status(rig).overdue_by is None


@pytest.mark.parametrize("options", [{"now": True}, {"all": True}, {"now": True, "dry_run": True}])
def test_no_option_passes_a_pause(rig: Rig, options: dict[str, bool]) -> None:
    _pause(rig)
    asked = len(rig.events())
    report = rig.sync("acme", **options)
    (result,) = report.results
    assert (result.outcome, report.exit_code) == ("skipped", 0)
    assert result.note == (
        "acme/roster is paused since 2026-11-22 16:00 UTC: the partner refuses the password;"
        " when it is mended, `mkt verify acme/roster` ends the pause"
    )
    assert rig.events()[asked:] == ["sync.skipped", "run.summary"], "the partner is not asked"


def test_nothing_due_tells_that_one_is_paused(rig: Rig) -> None:
    _pause(rig)
    assert [(left.next_due_at, left.stopped) for left in rig.sync().not_due] == [(None, "paused")]


def test_a_verify_that_passes_ends_the_pause_and_the_next_cron_runs_it(rig: Rig) -> None:
    _pause(rig)
    rig.verify()
    assert "integration.resumed" not in rig.events(), "it fails, as before"
    _works(rig)
    rig.verify()
    rig.verify()
    assert rig.events().count("integration.resumed") == 1
    assert rig.sync().count("ok") == 1


@pytest.mark.parametrize("mended", [{"settings": {"mode": "b"}}, {"secrets": {"TOKEN": "env:NEW_TOKEN"}}])
def test_a_change_of_its_file_ends_the_pause_and_counts_anew(rig: Rig, mended: dict[str, Any]) -> None:
    _pause(rig)
    rig.source.configurations = [configuration(schedule=Schedule("@hourly"), **mended)]
    assert _status(rig).health == "failing"
    assert _hours(rig, 48) == PAUSED_AFTER
    assert [name for name in rig.events() if name.startswith("integration.")] == [
        "integration.paused",
        "integration.resumed",
        "integration.paused",
    ]


@pytest.mark.parametrize("value", [2**70, {1: "a", "b": 2}, "\ud800", float("nan")], ids=repr)
def test_whatever_a_file_says_instead_stops_nobody(rig: Rig, value: object) -> None:
    _pause(rig)
    odd = configuration(schedule=Schedule("@hourly"), settings={"mode": value})
    rig.source.configurations = [odd, configuration("globex", schedule=Schedule("@hourly"))]
    _works(rig)
    outcomes = {result.tenant: result.outcome for result in rig.sync().results}
    assert outcomes["globex"] == "ok"
    assert "acme" in outcomes, "the pause has ended with the change"


def test_another_schedule_mends_nothing(rig: Rig) -> None:
    _pause(rig)
    rig.source.configurations = [configuration(schedule=Schedule("*/5 * * * *"))]
    assert _hours(rig, 5) == 0


def test_what_passes_neither_pauses_nor_starts_the_count_anew(rig: Rig) -> None:
    for error in (TransientError("down"), PartnerError("odd"), RateLimited("later"), ValueError("bug")):
        _fails(rig, error)
        _hours(rig, 10)
    assert "integration.paused" not in rig.events()
    _fails(rig, REFUSED)
    _hours(rig, 4)
    _fails(rig, TransientError("down"))
    _hours(rig, 1)
    _fails(rig, REFUSED)
    _hours(rig, 1)
    assert rig.events().count("integration.paused") == 1


@pytest.mark.parametrize("mend", [lambda rig: rig.sync(all=True), lambda rig: rig.verify()])
def test_success_starts_the_count_anew(rig: Rig, mend: Callable[[Rig], object]) -> None:
    _fails(rig, REFUSED)
    _hours(rig, PAUSED_AFTER - 1)
    _works(rig)
    mend(rig)
    rig.pass_time(hours=1)
    _fails(rig, REFUSED)
    _hours(rig, PAUSED_AFTER - 1)
    assert _state(rig).refusals == PAUSED_AFTER - 1
    assert "integration.paused" not in rig.events()


def test_a_dry_run_counts_for_nothing(rig: Rig) -> None:
    _fails(rig, REFUSED)
    for _ in range(PAUSED_AFTER + 1):
        rig.sync("acme", now=True, dry_run=True)
    assert rig.store.states() == {}


def _changes(rig: Rig) -> list[tuple[str | None, str, str]]:
    changed = [event for event in rig.recorder.events if event.event == "connection.changed"]
    return [(event.details["before"], event.details["after"], event.level) for event in changed]


def test_that_a_new_integration_works_is_no_change_of_its_connection(rig: Rig) -> None:
    rig.sync()
    assert (_state(rig).connection, _state(rig).connection_since) == ("connected", NOW)
    assert _changes(rig) == []


@pytest.mark.parametrize(
    ("error", "after", "level"),
    [
        (REFUSED, "reauth", "error"),
        (AccessDenied("not yours"), "degraded", "warning"),
        (PartnerError("odd"), "degraded", "warning"),
        (ConfigError("wrong"), "disconnected", "error"),
    ],
    ids=lambda given: getattr(given, "code", given),
)
def test_a_failure_changes_the_connection_once_and_so_does_the_recovery(
    rig: Rig, error: Exception, after: str, level: str
) -> None:
    rig.sync()
    _fails(rig, error)
    rig.pass_time(hours=1)
    since = rig.clock
    _hours(rig, 3)
    found = _status(rig)
    assert (found.connection, found.connection_since) == (after, since)
    _works(rig)
    rig.sync(all=True)
    assert _changes(rig) == [("connected", after, level), (after, "connected", "info")]


@pytest.mark.parametrize("error", [TransientError("down"), RateLimited("later"), ValueError("bug")])
def test_a_hiccup_or_a_fault_of_ours_is_not_the_line(rig: Rig, error: Exception) -> None:
    rig.sync()
    _fails(rig, error)
    for _ in range(3):
        rig.sync(all=True)
    rig.verify()
    assert _changes(rig) == []


def test_a_line_whose_retries_are_used_up_is_degraded(rig: Rig) -> None:
    rig.sync()
    _fails(rig, TransientError("down"))
    for _ in range(6):
        rig.sync(all=True)
    assert _changes(rig) == [("connected", "degraded", "warning")]


def test_verify_knows_the_connection_of_what_has_never_been_synced(rig: Rig) -> None:
    _fails(rig, REFUSED)
    rig.verify()
    assert _changes(rig) == [(None, "reauth", "error")]
    assert _status(rig).health == "never"
    _works(rig)
    rig.verify()
    assert _changes(rig)[1:] == [("reauth", "connected", "info")]
    assert rig.sync().count("ok") == 1, "it is due at once all the same"


def test_what_could_not_be_read_is_not_written_over(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.sync()
    _fails(rig, REFUSED)
    _hours(rig, 2)
    known = rig.store.states()

    def unreadable(_: object) -> None:
        raise StoreError("the lease file cannot be read")

    with monkeypatch.context() as patch:
        patch.setattr(rig.store, "acquire", unreadable)
        assert rig.sync_one().outcome == "failed"
    assert rig.store.states() == known


def test_a_verify_that_is_green_while_a_sync_still_waits_is_not_written_over(rig: Rig) -> None:
    _fails(rig, REFUSED)
    _hours(rig, PAUSED_AFTER - 1)

    def mended_meanwhile(_: Context) -> Any:
        rig.script.climb = lambda _: None
        rig.verify()
        raise REFUSED

    rig.script.changes = mended_meanwhile
    rig.sync_one()
    assert (_state(rig).refusals, _state(rig).paused_at) == (1, None)


def test_a_status_says_how_many_failures_are_left_also_after_a_pause_was_ended(rig: Rig) -> None:
    _fails(rig, REFUSED)
    _hours(rig, 2)
    assert _status(rig).tries_left == PAUSED_AFTER - 2
    _hours(rig, PAUSED_AFTER)
    assert _status(rig).tries_left is None, "it is paused"
    rig.store.resume(Key("acme", "roster"))
    assert (_status(rig).health, _status(rig).tries_left) == ("failing", PAUSED_AFTER)
    _fails(rig, TransientError("down"))
    rig.sync_one()
    assert _status(rig).tries_left is None, "this one may pass by itself"
