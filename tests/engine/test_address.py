"""Whose an address is where nothing ever came through."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.engine.rig import Rig, configuration

from mkt.contract import ConnectorConfiguration, Origin, PartnerError, TransientError
from mkt.engine.address import put_address_first

ADDRESS = "https://HR.partner.example:443/api"
ORIGIN = Origin(place="configs/acme.yaml:4", lines={"settings.pages": "configs/acme.yaml:9"})


def _configured(**settings: Any) -> ConnectorConfiguration:
    return configuration(settings=settings, origin=ORIGIN)


def _refused(place: str = "GET https://hr.partner.example/api/people") -> TransientError:
    return TransientError(f"{place}: the connection was refused", remedy="Nothing to do yet.", code="network.refused")


def _climbing(rig: Rig, error: Exception) -> None:
    def climb(context: Any) -> None:
        with context.step("first"):
            raise error

    rig.script.climb = climb


def _syncing(rig: Rig, error: Exception) -> None:
    def changes(_: Any) -> Iterator[Any]:
        raise error
        yield

    rig.script.changes = changes


@pytest.mark.parametrize(
    "settings", [{"pages": ADDRESS}, {"mode": "a", "pages": ["https://other.example/", ADDRESS]}]
)
def test_an_address_of_ours_that_never_worked_is_ours_to_look_at(rig: Rig, settings: dict[str, Any]) -> None:
    rig.source.configurations = [_configured(**settings)]
    error = _refused()
    put_address_first(rig.store, rig.source.configurations[0], error)
    assert error.actor == "us"
    assert error.remedy.startswith("First check pages at configs/acme.yaml:9: no run of acme/roster has ever come")


def test_a_web_page_instead_of_data_is_too(rig: Rig) -> None:
    rig.source.configurations = [_configured(pages=ADDRESS)]
    error = TransientError("GET https://hr.partner.example/api answered a web page", code="partner.html")
    put_address_first(rig.store, rig.source.configurations[0], error)
    assert (error.actor, "ask the partner with this line" in error.remedy) == ("us", True)


@pytest.mark.parametrize(
    "error",
    [
        _refused("GET https://elsewhere.example/api"),
        _refused("GET https://hr.partner.example:8443/api"),
        PartnerError("GET https://hr.partner.example/api answered no complete JSON", code="partner.json"),
    ],
)
def test_another_address_and_another_fault_are_as_the_connector_says(rig: Rig, error: TransientError) -> None:
    rig.source.configurations = [_configured(pages=ADDRESS)]
    before = error.remedy
    put_address_first(rig.store, rig.source.configurations[0], error)
    assert (error.actor, error.remedy) == ("partner", before)


@pytest.mark.parametrize("worked", ["sync", "verify"])
def test_once_it_has_worked_it_is_the_partner(rig: Rig, worked: str) -> None:
    if worked == "sync":
        assert rig.sync_one().outcome == "ok"
    else:
        assert rig.verify().results[0].outcome == "pass"
    rig.source.configurations = [_configured(pages=ADDRESS)]
    error = _refused()
    put_address_first(rig.store, rig.source.configurations[0], error)
    assert error.actor == "partner"


def test_the_ladder_and_the_failure_say_the_same(rig: Rig) -> None:
    rig.source.configurations = [configuration(settings={"mode": "https://hr.partner.example"}, origin=ORIGIN)]
    _climbing(rig, _refused())
    [result] = rig.verify().results
    assert result.failure is not None
    assert (result.steps[0].actor, result.steps[0].remedy) == (result.failure.actor, result.failure.remedy)
    assert result.failure.actor == "us"
    _syncing(rig, _refused())
    synced = rig.sync_one()
    assert synced.failure is not None
    assert synced.failure.actor == "us"
