import threading
from datetime import timedelta

import pytest
from tests.engine.rig import Context, Rig, configuration

from mkt.contract import AuthError, Disabled
from mkt.engine import pool
from mkt.engine.selection import Selection
from mkt.engine.verify.verify import verify
from mkt.errors import Interrupted


def test_every_declared_step_passes_in_order(rig: Rig) -> None:
    def climb(context: Context) -> None:
        with context.step("first") as step:
            step.evidence("seen")
        with context.step("second"):
            pass

    rig.script.climb = climb
    report = rig.verify()
    assert (report.exit_code, report.results[0].outcome) == (0, "pass")
    assert [(s.step, s.outcome, s.evidence) for s in report.results[0].steps] == [
        ("first", "pass", "seen"),
        ("second", "pass", ""),
    ]
    assert rig.events() == ["verify.started", "verify.step", "verify.step", "verify.completed", "run.summary"]


def test_a_failed_step_ends_the_ladder_and_says_who_acts(rig: Rig) -> None:
    def climb(context: Context) -> None:
        with context.step("first"):
            raise AuthError("refused", remedy="Send a new key.")

    rig.script.climb = climb
    report = rig.verify()
    first, second = report.results[0].steps
    assert report.exit_code == 1
    assert (first.outcome, first.evidence, first.remedy, first.actor) == (
        "fail",
        "refused",
        "Send a new key.",
        "customer",
    )
    assert (second.outcome, second.evidence) == ("skip", "not reached")


def test_an_optional_step_fails_and_the_ladder_goes_on(rig: Rig) -> None:
    def climb(context: Context) -> None:
        with context.optional_step("first"):
            raise AuthError("refused")
        with context.step("second"):
            pass

    rig.script.climb = climb
    result = rig.verify().results[0]
    assert result.outcome == "fail"
    assert [step.outcome for step in result.steps] == ["fail", "pass"]


def test_a_warning_is_not_a_failure(rig: Rig) -> None:
    def climb(context: Context) -> None:
        with context.step("first") as step:
            step.warn("few rights", remedy="Ask for more.")
        with context.step("second") as step:
            step.skip("not here")

    rig.script.climb = climb
    report = rig.verify()
    assert (report.exit_code, report.results[0].outcome) == (0, "warn")
    assert [step.outcome for step in report.results[0].steps] == ["warn", "skip"]


def test_a_stop_says_nothing_of_an_integration(rig: Rig) -> None:
    def climb(_: Context) -> None:
        rig.engine.stop.request("interrupted")
        raise Interrupted

    rig.script.climb = climb
    report = rig.verify()
    assert (report.exit_code, report.results) == (130, ())
    assert [run.outcome for run in rig.store.runs()] == ["interrupted"]


def test_an_undeclared_step_is_a_bug(rig: Rig) -> None:
    def climb(context: Context) -> None:
        with context.step("third"):
            pass

    rig.script.climb = climb
    failure = rig.verify().results[0].failure
    assert failure is not None
    assert failure.error_class == "bug"


def test_a_secret_in_evidence_is_masked_everywhere(rig: Rig) -> None:
    def climb(context: Context) -> None:
        with context.step("first") as step:
            step.evidence(f"the partner said {context.secret('TOKEN')}")
        context.runtime.emit(f"hello {context.secret('TOKEN')}", detail=context.secret("TOKEN"))
        raise AuthError(f"bad {context.secret('TOKEN')}", remedy=context.secret("TOKEN"))

    rig.script.climb = climb
    report = rig.verify()
    shown = repr(report) + repr([event.as_dict() for event in rig.recorder.events])
    assert "s3cret-t0ken" not in shown
    assert "***" in shown


def test_wrong_settings_fail_with_their_place_before_anything_is_called(rig: Rig) -> None:
    rig.source.configurations = [configuration(settings={"mode": 7})]
    result = rig.verify().results[0]
    assert result.failure is not None
    assert result.failure.error_class == "config"
    assert [step.outcome for step in result.steps] == ["skip", "skip"]


def test_an_unknown_connector_fails_its_own_integration_only(rig: Rig) -> None:
    unknown = configuration("globex")
    object.__setattr__(unknown, "connector", "nothing")
    rig.source.configurations = [configuration(), unknown]
    report = rig.verify()
    assert {r.tenant: r.outcome for r in report.results} == {"acme": "pass", "globex": "fail"}


def test_a_disabled_integration_is_verified_only_when_it_is_named(rig: Rig) -> None:
    rig.source.configurations = [configuration(disabled=Disabled(reason="moving"))]
    assert rig.verify().results == ()
    assert rig.verify("acme").results[0].outcome == "pass"
    assert rig.verify("acme/roster").results[0].outcome == "pass"


def test_one_that_hangs_is_reported_as_far_as_it_came(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "GRACE_SECONDS", 0.0)
    hang = threading.Event()

    def climb(context: Context) -> None:
        with context.step("first"):
            pass
        hang.wait()

    rig.script.climb = climb
    report = verify(rig.engine, Selection(), concurrency=1, timeout=timedelta())
    hang.set()
    assert report.results[0].failure is not None
    assert report.results[0].failure.code == "transient.deadline"
    assert [step.outcome for step in report.results[0].steps][:1] == ["pass"]


def test_a_verify_is_a_run_that_can_be_looked_up(rig: Rig) -> None:
    rig.verify()
    (run,) = rig.store.runs()
    assert (run.command, run.outcome, run.details["steps"]) == ("verify", "pass", {"first": "skip", "second": "skip"})
