"""What a partner's limits and refusals make of a run: the connector says what is permanent."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from tests.engine.rig import MANIFEST, Context, Rig, ScriptedConnector, configuration, people
from tests.runtime.conftest import Partner, partner, serve

from mkt.contract import (
    AuthError,
    Change,
    ConnectorError,
    Explain,
    Manifest,
    RateLimited,
    Response,
    Schedule,
    TransientError,
)
from mkt.engine.pace import rate_limit_of
from mkt.registry import ConnectorRegistry
from mkt.runtime.factory import Runtimes
from mkt.settings import AllDefaults, ProjectSettings

__all__ = ["partner", "serve"]
DAILY = {"errorType": "RATE_LIMIT", "policyName": "DAILY", "message": "You have reached your daily limit."}
FAULT = b"<faultcode>SOAP-ENV:Client.authenticationError</faultcode>"
MIDNIGHT = datetime.fromisoformat("2026-11-23T05:00:00Z")
"""The next one where the account is: New York."""


def hubspot(response: Response) -> ConnectorError | None:
    if response.status == HTTPStatus.TOO_MANY_REQUESTS and response.json()["policyName"] == "DAILY":
        return RateLimited("the account's requests of the day are spent", retry_at=MIDNIGHT)
    return None


def salesforce(response: Response) -> ConnectorError | None:
    if response.status == HTTPStatus.FORBIDDEN and response.json()[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED":
        return RateLimited("the org's requests of 24 hours are spent", retry_at=MIDNIGHT)
    return None


def workday(response: Response) -> ConnectorError | None:
    if response.status == HTTPStatus.INTERNAL_SERVER_ERROR and ":Client." in response.text:
        return AuthError("Workday does not accept the user's name and password")
    return None


@pytest.fixture
def fleet(rig: Rig, tmp_path: Path, partner: Partner) -> Callable[[Explain | None], Rig]:
    """Give a rig of two integrations of one account, whose connector asks once and then has two people."""
    manifest = Manifest.model_validate({**MANIFEST, "rate_limit": {"requests": 50, "seconds": 1, "per": "account"}})
    runtimes = Runtimes(
        tmp_path,
        allowed_hosts=["127.0.0.1"],
        budgets=rig.store.budgets,
        now=lambda: rig.clock,
        wait=lambda _seconds: None,
    )
    registered = ScriptedConnector("scripted", "tests", manifest, scripted=rig.script)
    registry = ConnectorRegistry({"scripted": registered})
    rig.engine = replace(rig.engine, runtimes=runtimes, registry=registry)
    schedule = Schedule("@hourly")
    rig.source.configurations = [configuration("acme", schedule=schedule), configuration("globex", schedule=schedule)]

    def explained_by(explain: Explain | None) -> Rig:
        def changes(context: Context) -> Iterator[Change]:
            context.runtime.http.get(partner.url, explain=explain)
            yield from people("anna", "ben")

        def climb(context: Context) -> None:
            with context.step("first"):
                context.runtime.http.get(partner.url, explain=explain)

        rig.script.changes, rig.script.climb = changes, climb
        return rig

    return explained_by


@pytest.mark.parametrize(
    ("explain", "status", "body"),
    [(hubspot, 429, DAILY), (salesforce, 403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED"}])],
    ids=["HubSpot", "Salesforce"],
)
def test_a_spent_day_defers_all_of_the_account_until_the_next_and_asks_once(
    fleet: Any, partner: Partner, explain: Explain, status: int, body: Any
) -> None:
    rig: Rig = fleet(explain)
    partner.says(body, status=status)
    first, second = rig.sync("acme"), rig.sync("globex")
    assert len(partner.requests) == 1
    for report in (first, second):
        assert (report.results[0].outcome, report.exit_code) == ("deferred", 75)
        failure = report.results[0].failure
        assert failure is not None
        assert failure.retry_at == MIDNIGHT
    assert "the partner asked all that share the budget of this account to wait until 2026-11-23 05:00:00 UTC" in (
        second.results[0].failure.message if second.results[0].failure else ""
    )
    rig.clock = MIDNIGHT - timedelta(minutes=1)
    assert rig.sync().results == ()
    rig.clock = MIDNIGHT
    assert [result.outcome for result in rig.sync().results] == ["ok", "ok"]
    assert len(partner.requests) == 3


def test_a_passing_limit_is_tried_again_within_the_run(fleet: Any, partner: Partner) -> None:
    rig: Rig = fleet(hubspot)
    partner.says({**DAILY, "policyName": "TEN_SECONDLY_ROLLING"}, status=429)
    assert rig.sync("acme").results[0].outcome == "ok"
    assert len(partner.requests) == 2


def test_a_500_that_the_connector_calls_permanent_is_asked_once_and_fails(fleet: Any, partner: Partner) -> None:
    rig: Rig = fleet(workday)
    partner.says(FAULT, status=500)
    report = rig.sync("acme")
    assert len(partner.requests) == 1
    assert (report.results[0].outcome, report.exit_code) == ("failed", 1)
    assert report.results[0].failure is not None
    assert report.results[0].failure.error_class == "auth"
    rig.pass_time(minutes=30)
    assert not [result for result in rig.sync().results if result.tenant == "acme"], "not before its next slot"


def test_another_500_is_tried_again_within_the_run(fleet: Any, partner: Partner) -> None:
    rig: Rig = fleet(workday)
    partner.says(b"<faultcode>SOAP-ENV:Server</faultcode>", status=500)
    assert rig.sync("acme").results[0].outcome == "ok"
    assert len(partner.requests) == 2


def test_an_error_that_the_connector_calls_passing_is_tried_again_whatever_its_status(
    fleet: Any, partner: Partner
) -> None:
    rig: Rig = fleet(lambda _: TransientError("locked for a moment"))
    partner.says(status=423)
    assert rig.sync("acme").results[0].outcome == "ok"
    assert len(partner.requests) == 2


def test_verify_under_a_spent_budget_is_a_step_that_says_so(fleet: Any, partner: Partner) -> None:
    rig: Rig = fleet(hubspot)
    partner.says(DAILY, status=429)
    rig.sync("acme")
    report = rig.verify("globex")
    assert len(partner.requests) == 1
    step = report.results[0].steps[0]
    assert (step.step, step.outcome, step.actor) == ("first", "skip", "partner")
    assert step.evidence == (
        "nothing was sent to 127.0.0.1: the partner asked all that share the budget of this account to wait until"
        " 2026-11-23 05:00:00 UTC"
    )
    assert step.remedy.startswith("Nothing to do: from then on it works again;")


def test_what_the_operator_agreed_on_stands_in_for_the_manifests_numbers() -> None:
    declared = Manifest.model_validate({**MANIFEST, "rate_limit": {"requests": 5, "seconds": 1, "per": "tenant"}})
    settings = ProjectSettings.model_construct(
        defaults=AllDefaults.model_validate({"scripted": {"rate_limit": {"requests": 300, "seconds": 60}}})
    )
    agreed = rate_limit_of(declared, settings)
    assert agreed is not None
    assert (agreed.requests, agreed.seconds, agreed.per) == (300, 60, "tenant")
    assert rate_limit_of(declared, ProjectSettings.model_construct()) == declared.rate_limit
    assert rate_limit_of(Manifest.model_validate(MANIFEST), ProjectSettings.model_construct()) is None
