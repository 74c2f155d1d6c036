"""What a verify that failed a moment ago has told."""

from dataclasses import replace
from typing import Any

import pytest
from tests.engine.rig import Rig, configuration

from mkt.contract import AuthError
from mkt.engine.report import Report
from mkt.engine.selection import Selection
from mkt.engine.verify.asked import identifiers, told
from mkt.engine.verify.for_customer import verify_for_customer
from mkt.secrets.chain import SecretChain
from mkt.secrets.env import EnvBackend


@pytest.fixture
def refused(rig: Rig) -> Rig:
    """The partner has refused us, and everybody who asks again is counted."""
    rig.calls = 0  # type: ignore[attr-defined]

    def climb(context: Any) -> None:
        rig.calls += 1  # type: ignore[attr-defined]
        with context.step("first") as step:
            step.evidence("asked as isu")
        with context.step("second"):
            raise AuthError("the password is not accepted", remedy="Unlock the user.", code="scripted.refused")

    rig.script.climb = climb
    rig.verify()
    return rig


def _for_customer(rig: Rig) -> Report:
    return verify_for_customer(rig.engine, Selection(), concurrency=1).report


def test_the_stored_ladder_is_the_one_that_was_climbed(refused: Rig) -> None:
    [again] = _for_customer(refused).results
    [asked] = refused.verify().results
    assert refused.calls == 2  # type: ignore[attr-defined]
    assert [replace(step, ms=0) for step in again.steps] == [replace(step, ms=0) for step in asked.steps]
    assert (again.failure, again.outcome) == (asked.failure, "fail")


def _pass_time(rig: Rig) -> None:
    rig.pass_time(minutes=16)


def _turn_back_the_clock(rig: Rig) -> None:
    rig.pass_time(minutes=-1)


def _change_the_file(rig: Rig) -> None:
    rig.source.configurations = [configuration(settings={"mode": "b"})]


def _change_the_secret(rig: Rig) -> None:
    rig.engine = replace(rig.engine, secrets=SecretChain([EnvBackend({"TOKEN": "an0ther-t0ken"})]))


def _sync(rig: Rig) -> None:
    assert rig.sync_one().outcome == "ok"


def _another_version(rig: Rig) -> None:
    [run] = rig.store.runs()
    rig.store.finish_run(replace(run, details={**run.details, "ladder": [{"rung": 1}]}))


@pytest.mark.parametrize(
    "change",
    [_pass_time, _turn_back_the_clock, _change_the_file, _change_the_secret, _sync, _another_version],
)
def test_the_partner_is_asked_where_something_may_be_another(refused: Rig, change: Any) -> None:
    change(refused)
    assert told(refused.engine, refused.source.configurations[0]) is None
    _for_customer(refused)
    assert refused.calls == 2  # type: ignore[attr-defined]


def test_what_passed_is_asked_anew(rig: Rig) -> None:
    rig.verify()
    assert told(rig.engine, rig.source.configurations[0]) is None


def test_the_secret_stands_in_no_form_that_can_be_read(refused: Rig) -> None:
    [run] = refused.store.runs()
    assert "s3cret" not in repr(run)
    assert len(str(run.details["asked_with"])) == 32


def test_of_the_secrets_only_identifiers_are_given(rig: Rig) -> None:
    assert identifiers(rig.engine, rig.source.configurations[0]) == {}
