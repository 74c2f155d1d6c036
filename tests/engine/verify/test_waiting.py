"""Verifying again and again until everything works."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from tests.engine.rig import Context, Rig, configuration

from mkt.configs.base import BrokenTenant, Position, Problem
from mkt.contract import AuthError, TransientError
from mkt.engine.base import Engine
from mkt.engine.report import Report, Result
from mkt.engine.selection import Selection
from mkt.engine.verify.verify import TIMEOUT
from mkt.engine.verify.waiting import verify_until_green

BROKEN = BrokenTenant("acme", (Problem("MKT201", "shedule is not known", Position("configs/acme.yaml", 6)),), "1")


class Wait:
    """Stands for the time between two tries: what happens meanwhile is told as a script."""

    def __init__(self, rig: Rig, *meanwhile: Callable[[], object]) -> None:
        self.seconds: list[float] = []
        self.told: list[tuple[str, str]] = []
        self._rig = rig
        self._meanwhile: Iterator[Callable[[], object]] = iter(meanwhile)

    def __call__(self, engine: Engine, seconds: float) -> None:
        del engine
        self.seconds.append(seconds)
        next(self._meanwhile)()

    def tell(self, result: Result) -> None:
        self.told.append((result.target, result.outcome))

    def run(self, **selected: tuple[str, ...]) -> Report:
        return verify_until_green(
            self._rig.engine,
            Selection(**selected),
            concurrency=4,
            tell=self.tell,
            pause=self,
            timeout=TIMEOUT,
        )


@pytest.fixture
def failing(rig: Rig) -> dict[str, Exception]:
    """What each tenant's first step raises; both fail for now."""
    rig.source.configurations = [configuration("acme"), configuration("globex")]
    errors: dict[str, Exception] = {tenant: TransientError("no answer") for tenant in ("acme", "globex")}

    def climb(context: Context) -> None:
        with context.step("first"):
            error = errors.get(context.configuration.tenant)
            if error:
                raise error

    rig.script.climb = climb
    return errors


def nothing() -> None:
    """Nothing happens meanwhile."""


def test_what_is_green_ends_at_once(rig: Rig) -> None:
    wait = Wait(rig)
    assert wait.run().exit_code == 0
    assert (wait.seconds, wait.told) == ([], [])


def test_it_repeats_what_fails_until_nothing_does(rig: Rig, failing: dict[str, Exception]) -> None:
    wait = Wait(rig, lambda: failing.pop("acme"), nothing, lambda: failing.pop("globex"))
    report = wait.run()
    assert (report.exit_code, report.count("pass")) == (0, 2)
    assert wait.told == [
        *sorted([("acme/roster", "fail"), ("globex/roster", "fail")], key=wait.told.index),
        ("acme/roster", "pass"),
        ("globex/roster", "pass"),
    ]
    verified = [e.tenant for e in rig.recorder.events if e.event == "verify.completed"]
    assert (verified.count("acme"), verified.count("globex")) == (2, 4)
    assert rig.events().count("run.summary") == 1


def test_the_pauses_grow_and_start_over_when_something_changes(rig: Rig, failing: dict[str, Exception]) -> None:
    del failing["globex"]
    patient = [nothing] * 6
    wait = Wait(
        rig, *patient, lambda: failing.update(acme=TransientError("another")), nothing, lambda: failing.pop("acme")
    )
    wait.run()
    assert wait.seconds == [5, 10, 20, 40, 60, 60, 60, 5, 10]
    assert wait.told == [("acme/roster", "fail"), ("acme/roster", "fail"), ("acme/roster", "pass")]


def test_a_refused_password_is_not_tried_in_a_hurry(rig: Rig, failing: dict[str, Exception]) -> None:
    failing["acme"] = AuthError("wrong password")
    wait = Wait(rig, nothing, lambda: failing.pop("acme"), lambda: failing.pop("globex"))
    wait.run()
    assert wait.seconds == [60, 60, 5]


def test_a_stop_ends_the_wait_and_what_failed_still_counts(rig: Rig, failing: dict[str, Exception]) -> None:
    wait = Wait(rig, lambda: rig.engine.stop.request("interrupted"))
    report = wait.run()
    assert (report.exit_code, report.stopped, report.count("fail")) == (130, "interrupted", 2)
    assert failing


def test_a_mended_file_is_seen(rig: Rig) -> None:
    rig.source.configurations = [configuration("globex")]
    rig.source.broken = [BROKEN]

    def mend() -> None:
        rig.source.broken = []
        rig.source.configurations = [configuration("acme"), configuration("globex")]

    report = Wait(rig, mend).run()
    assert (report.exit_code, sorted(result.target for result in report.results)) == (
        0,
        ["acme/roster", "globex/roster"],
    )


def test_a_file_that_is_broken_meanwhile_is_waited_for(rig: Rig, failing: dict[str, Exception]) -> None:
    configurations = list(rig.source.configurations)

    def spoil() -> None:
        rig.source.broken, rig.source.configurations = [BROKEN], configurations[1:]

    def mend() -> None:
        failing.clear()
        rig.source.broken, rig.source.configurations = [], configurations

    wait = Wait(rig, spoil, mend)
    report = wait.run(targets=("acme",))
    assert [(result.target, result.outcome) for result in report.results] == [("acme/roster", "pass")]
    assert wait.told == [("acme/roster", "fail"), ("acme", "fail"), ("acme/roster", "pass")]


def test_an_integration_that_is_taken_out_is_no_longer_waited_for(rig: Rig, failing: dict[str, Exception]) -> None:
    del failing["acme"]

    def take_out() -> None:
        rig.source.configurations = rig.source.configurations[:1]

    report = Wait(rig, take_out).run()
    assert [result.target for result in report.results] == ["acme/roster"]


def test_an_integration_that_is_disabled_is_no_longer_waited_for(rig: Rig, failing: dict[str, Exception]) -> None:
    del failing["acme"]

    def disable() -> None:
        rig.source.configurations = [
            replace(each, enabled=each.tenant == "acme") for each in rig.source.configurations
        ]

    assert Wait(rig, disable).run().exit_code == 0
