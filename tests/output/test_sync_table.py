"""The report of a sync."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mkt.contract import ErrorClass
from mkt.engine.report import Failure, Held, NotDue, Report, Result, StreamCounts, SyncOutcome
from mkt.output.sync_table import not_due_line, sync_page

Render = Callable[..., str]
NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
RUN = "01a204cc-55f4-79cf-8a3f-677b4f31819b"


def _result(name: str, outcome: SyncOutcome, **fields: Any) -> Result:
    return Result(
        tenant="northwind", integration=name, connector="workday-hris", run_id=RUN, outcome=outcome, **fields
    )


def _failed(error_class: ErrorClass, **fields: Any) -> Result:
    failure = Failure(
        error_class=error_class,
        code=error_class,
        message="invalid_client from wd5-services1.workday.com",
        remedy="Send us a new client secret.",
        actor="customer",
        fingerprint="0",
        **fields,
    )
    return _result("roster", "failed", failure=failure)


def _page(render: Render, *results: Result, **fields: Any) -> list[str]:
    return render(sync_page(Report(command="sync", results=results, duration_ms=1500, **fields), NOW)).splitlines()


CHANGED = _result("crm", "ok", streams={"people": StreamCounts(created=3, updated=1, unchanged=1410)})
SAME = [_result(f"same{number}", "ok", streams={"people": StreamCounts(unchanged=10)}) for number in range(40)]


def test_failures_come_first_with_message_remedy_actor_and_next_command(render: Render) -> None:
    lines = _page(render, CHANGED, *SAME, _failed("auth"))
    assert lines[0].startswith("northwind/roster  workday-hris  failed")
    assert lines[1].split() == ["auth", "invalid_client", "from", "wd5-services1.workday.com"]
    assert lines[2].strip() == "acts: customer  Send us a new client secret."
    assert lines[3].strip() == "more            mkt runs show 4f31819b"
    assert lines[-1] == "next: mkt verify northwind/roster"


@pytest.mark.parametrize(
    ("error_class", "command"),
    [
        ("permission", "mkt verify northwind/roster"),
        ("partner", "mkt verify northwind/roster"),
        ("local", "mkt doctor"),
    ],
)
def test_the_next_command_follows_the_class(render: Render, error_class: ErrorClass, command: str) -> None:
    assert _page(render, _failed(error_class))[-1] == f"next: {command}"


def test_counts_stand_per_integration_and_the_unchanged_are_folded(render: Render) -> None:
    lines = _page(render, *SAME, CHANGED)
    assert lines[0].split() == [
        *("integration", "connector", "created", "updated", "deleted", "unchanged", "invalid", "time"),
    ]
    assert lines[1].split()[:7] == ["northwind/crm", "workday-hris", "3", "1", "0", "1,410", "0"]
    assert lines[2:] == [
        "40 integrations without a change (400 records unchanged)",
        "41 ok in 1.5 s",
        "next: mkt status",
    ]


def test_a_long_list_of_changes_ends_in_a_total(render: Render) -> None:
    many = [_result(f"n{number}", "ok", streams={"people": StreamCounts(created=number)}) for number in range(1, 31)]
    lines = _page(render, *many)
    assert lines[1].startswith("northwind/n30")
    assert lines[21].split()[:4] == ["and", "10", "more", "55"]


def test_records_left_out_are_named_by_their_place(render: Render) -> None:
    result = _result(
        "crm",
        "ok",
        streams={"people": StreamCounts(created=3, invalid=2)},
        invalid_places={"people": ("record 17 of this run: no external id",)},
    )
    assert "northwind/crm: 2 records of people left out: record 17 of this run: no external id" in _page(
        render, result
    )


def test_a_deferred_sync_says_when_it_goes_on(render: Render) -> None:
    failure = _failed("rate_limit", retry_at=NOW + timedelta(minutes=20)).failure
    due = NOW + timedelta(minutes=20)
    lines = _page(render, _result("crm", "deferred", failure=failure, next_due_at=due), CHANGED)
    assert any(line.strip().startswith("again") and "in 20 min" in line for line in lines)
    assert "1 deferred, 1 ok in 1.5 s" in lines


def test_without_a_schedule_it_is_for_whoever_asks_next(render: Render) -> None:
    failure = _failed("rate_limit", retry_at=NOW + timedelta(minutes=20)).failure
    lines = _page(render, _result("crm", "deferred", failure=failure))
    assert any(line.strip().startswith("not before") and "in 20 min" in line for line in lines)
    assert not any(line.strip().startswith("again") for line in lines)


def test_where_the_partner_gave_no_time_the_schedule_says_it(render: Render) -> None:
    failure = _failed("rate_limit").failure
    lines = _page(render, _result("crm", "deferred", failure=failure, next_due_at=NOW + timedelta(minutes=5)))
    assert any(line.strip().startswith("again") and "in 5 min" in line for line in lines)


def test_a_dry_run_says_that_nothing_was_stored(render: Render) -> None:
    assert _page(render, CHANGED, dry_run=True)[0] == "dry run: nothing was stored"


@pytest.mark.parametrize(
    ("beside", "then", "next_step"),
    [
        ("", "A sync makes the hold that you then decide about.", "mkt sync northwind/crm --now"),
        ("01933f2c-efa69d8e", "Decide about hold efa69d8e first.", "mkt holds show efa69d8e"),
    ],
)
def test_a_dry_run_that_would_be_held_says_what_comes_first(
    render: Render, beside: str, then: str, next_step: str
) -> None:
    held = Held(reasons=("people: 12 of 650 would be deleted",), beside=beside)
    lines = _page(render, _result("crm", "held", held=held), dry_run=True)
    assert then in " ".join(" ".join(lines).split())
    assert lines[-1] == f"next: {next_step}"


def test_nothing_due_says_when_and_how() -> None:
    soon = NOW + timedelta(hours=8, minutes=17)
    left = (NotDue(target="a/b", next_due_at=None), NotDue(target="a/c", next_due_at=soon))
    report = Report(command="sync", results=(), not_due=left)
    assert not_due_line(report, NOW) == f"0 of 2 due; next {soon.astimezone():%H:%M}; --now runs them"
    assert not_due_line(report, NOW, everything=True).endswith("; --all runs them")
    unscheduled = Report(command="sync", results=(), not_due=left[:1])
    assert not_due_line(unscheduled, NOW) == "0 of 1 due; none has a schedule; --now runs them"


def test_nothing_due_tells_what_now_would_not_run_either() -> None:
    soon = NOW + timedelta(hours=2)
    paused, held = (NotDue(target=why, next_due_at=None, stopped=why) for why in ("paused", "held"))
    free = NotDue(target="free", next_due_at=soon)
    some = Report(command="sync", results=(), not_due=(free, paused, held, paused))
    assert not_due_line(some, NOW) == (
        f"0 of 4 due; next {soon.astimezone():%H:%M}; 1 held, 2 paused (mkt status); --now runs the others"
    )
    assert not_due_line(Report(command="sync", results=(), not_due=(held,)), NOW) == "0 of 1 due; 1 held (mkt status)"


@pytest.mark.parametrize("width", [80, 200])
def test_it_fits_a_terminal(render: Render, width: int) -> None:
    report = Report(command="sync", results=(_failed("auth"), CHANGED, *SAME))
    text = render(sync_page(report, NOW), width)
    assert all(len(line) <= width for line in text.splitlines())
