"""The report of a verify."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mkt.contract import Actor, StepOutcome
from mkt.engine.report import Failure, Report, Result, StepResult, VerifyOutcome
from mkt.output.verify_table import verify_page

Render = Callable[..., str]
LONG = "the report has no column called Employee_ID, but has " + ", ".join(f"Column_{n}" for n in range(30))


def _step(name: str, outcome: StepOutcome = "pass", **fields: Any) -> StepResult:
    return StepResult(step=name, title=f"{name} is fine", outcome=outcome, **fields)


def _result(name: str, outcome: VerifyOutcome, *steps: StepResult, **fields: Any) -> Result:
    return Result(
        tenant="northwind", integration=name, connector="workday-hris", outcome=outcome, steps=steps, **fields
    )


def _failure() -> Failure:
    return Failure(
        error_class="config",
        code="config.unknown_connector",
        message="there is no connector wrkday",
        remedy="Choose one of `mkt connectors list`.",
        actor="us",
        fingerprint="0",
    )


def _failed(actor: Actor) -> Result:
    return _result("roster", "fail", _step("token", "fail"), failure=replace(_failure(), actor=actor))


FAILED = _result(
    "roster",
    "fail",
    _step("token"),
    _step("columns", "fail", evidence=LONG, remedy="Add the column to the report.", actor="customer"),
    _step("leavers", "skip", evidence="not reached"),
)
WARNED = _result("crm", "warn", _step("scopes", "warn", evidence="may write too", remedy="Narrow it.", actor="us"))
PASSED = [_result(f"good{number}", "pass", _step("token"), _step("page")) for number in range(12)]


def test_problems_come_first_and_healthy_ladders_are_a_count(render: Render) -> None:
    report = Report(command="verify", results=(*PASSED, WARNED, FAILED), duration_ms=3200)
    lines = render(verify_page(report)).splitlines()
    assert lines[0].startswith("northwind/roster  workday-hris  fail")
    assert any(line.startswith("northwind/crm") for line in lines[1:])
    assert lines[-3:] == [
        "12 integrations passed (24 steps)",
        "1 failed, 1 warned, 12 passed in 3.2 s",
        "next: mkt verify northwind/roster",
    ]
    assert not any("good" in line for line in lines)


def test_a_failed_step_says_what_was_seen_what_to_do_and_who_acts(render: Render) -> None:
    text = render(verify_page(Report(command="verify", results=(FAILED, *PASSED))))
    assert LONG in text
    assert "acts: customer Add the column to the report." in " ".join(text.split())
    assert "1 step passed, 1 skipped" in text
    assert "token is fine" not in text


def test_a_single_integration_shows_its_whole_ladder(render: Render) -> None:
    text = render(verify_page(Report(command="verify", results=(FAILED,))))
    assert "token is fine" in text
    assert "not reached" in text


def test_a_failure_before_the_first_step_is_shown_too(render: Render) -> None:
    result = _result("roster", "fail", failure=_failure())
    text = render(verify_page(Report(command="verify", results=(result, *PASSED))))
    assert "config.unknown_connector" in text
    assert "there is no connector wrkday" in text
    assert "acts: us" in text


def test_a_broken_file_leads_to_lint(render: Render) -> None:
    broken = Result(tenant="acme", integration=None, outcome="fail", failure=_failure())
    lines = render(verify_page(Report(command="verify", results=(broken, *PASSED)))).splitlines()
    assert lines[0].startswith("acme  config file  fail")
    assert lines[-1] == "next: mkt lint"


def test_an_interrupted_verify_says_so(render: Render) -> None:
    text = render(verify_page(Report(command="verify", results=tuple(PASSED), stopped="interrupted")))
    assert "interrupted before the rest" in text


@pytest.mark.parametrize("width", [80, 200])
def test_a_terminal_folds_long_cells_and_cuts_none(render: Render, width: int) -> None:
    text = render(verify_page(Report(command="verify", results=(FAILED, *PASSED))), width)
    assert all(len(line) <= width for line in text.splitlines())
    assert "".join(LONG.split()) in "".join(text.split())


@pytest.mark.parametrize(
    ("result", "following"),
    [
        (_failed("customer"), "mkt verify northwind/roster --for-customer"),
        (_failed("partner"), "mkt verify northwind/roster --wait"),
        (_failed("us"), "mkt verify northwind/roster"),
        (_result("roster", "pass", _step("token")), "mkt sync northwind/roster --now"),
        (replace(_result("roster", "pass", _step("token")), disabled=True), "mkt enable northwind/roster"),
    ],
)
def test_the_last_line_says_what_comes_after_a_ladder(render: Render, result: Result, following: str) -> None:
    lines = render(verify_page(Report(command="verify", results=(result,)))).splitlines()
    assert lines[-1] == f"next: {following}"
