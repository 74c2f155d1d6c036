"""Which secrets are lacking."""

from pathlib import Path

from mkt.contract import ConnectorConfiguration
from mkt.engine.secret_states import SecretState, secret_states
from mkt.registry import ConnectorRegistry
from mkt.secrets.chain import SecretChain
from mkt.secrets.env import EnvBackend
from mkt.secrets.file import FileBackend

ISU = {"WORKDAY_ISU_USERNAME": "env:USER", "WORKDAY_ISU_PASSWORD": "env:PASSWORD"}


def states(
    environ: dict[str, str], secrets: dict[str, str], connector: str = "workday-hris"
) -> dict[str, SecretState]:
    configuration = ConnectorConfiguration(tenant="northwind", name="roster", connector=connector, secrets=secrets)
    chain = SecretChain([EnvBackend(environ), FileBackend(Path("/nowhere"))])
    found = secret_states([configuration], ConnectorRegistry.discover(), chain)
    return {state.place.declaration.name: state for state in found}


def lacking(found: dict[str, SecretState]) -> set[str]:
    return {name for name, state in found.items() if state.lacking}


def test_one_complete_set_is_enough() -> None:
    found = states({"USER": "isu", "PASSWORD": "s3cret"}, ISU)
    assert lacking(found) == set()
    assert found["WORKDAY_ISU_PASSWORD"].place.place == "env:PASSWORD"
    assert found["WORKDAY_ISU_PASSWORD"].need == "alternative"


def test_of_several_incomplete_sets_the_one_that_was_begun_is_lacking() -> None:
    found = states({"USER": "isu"}, {"WORKDAY_ISU_USERNAME": "env:USER"})
    assert lacking(found) == {"WORKDAY_ISU_PASSWORD"}
    assert "MKT_SECRET__NORTHWIND__ROSTER__WORKDAY_ISU_PASSWORD (not there)" in found["WORKDAY_ISU_PASSWORD"].why


def test_a_reference_that_leads_nowhere_is_lacking_even_where_another_set_is_complete() -> None:
    found = states({"USER": "isu", "PASSWORD": "s3cret"}, {**ISU, "WORKDAY_BEARER_TOKEN": "env:TYPO"})
    assert lacking(found) == {"WORKDAY_BEARER_TOKEN"}
    assert "env:TYPO" in found["WORKDAY_BEARER_TOKEN"].why


def test_an_unknown_connector_has_no_secrets() -> None:
    assert states({}, {}, connector="acme") == {}
