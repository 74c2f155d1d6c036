from typing import Any

import pytest
from pydantic import ValidationError

from mkt.connectors.workday_hris.settings import Settings

ROOT = {"base_url": "https://wd5-services1.workday.com", "tenant": "northwind_dpt1"}


def settings(**more: Any) -> Settings:
    return Settings.model_validate({**ROOT, **more})


@pytest.mark.parametrize(
    ("given", "surface"),
    [
        ({}, "rest"),
        ({"report": "isu/Roster"}, "raas"),
        ({"report": "isu/Roster", "mode": "rest"}, "rest"),
        ({"report": "isu/Roster", "mode": "raas"}, "raas"),
        ({"report": "isu/Roster", "mode": "soap", "page_size": 999}, "soap"),
    ],
)
def test_auto_reads_a_report_where_there_is_one(given: dict[str, Any], surface: str) -> None:
    assert settings(**given).surface == surface


def test_addresses_are_those_of_workday() -> None:
    made = settings(base_url="https://wd5-services1.workday.com/", report="isu_mkt/Learner Roster")
    assert made.token_url == "https://wd5-services1.workday.com/ccx/oauth2/northwind_dpt1/token"
    assert made.workers_url == "https://wd5-services1.workday.com/ccx/api/v1/northwind_dpt1/workers"
    report = "https://wd5-services1.workday.com/ccx/service/customreport2/northwind_dpt1/isu_mkt/Learner%20Roster"
    assert made.report_url == report
    service = "https://wd5-services1.workday.com/ccx/service/northwind_dpt1/Human_Resources/v43.0"
    assert made.service_url == service


def test_the_path_of_the_workers_resource_can_be_another() -> None:
    made = settings(api_path="/ccx/api/staffing/v6/{tenant}/workers")
    assert made.workers_url.endswith("workday.com/ccx/api/staffing/v6/northwind_dpt1/workers")


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"mode": "raas"}, "give it as `report: OWNER/REPORT`"),
        ({"mode": "odata"}, "'auto', 'raas', 'rest' or 'soap'"),
        ({"mode": "soap", "soap_version": "43"}, "soap_version"),
        ({"report": "Learner_Roster"}, "report"),
        ({"report": "isu/Roster?format=csv"}, "report"),
        ({"base_url": "http://wd5-services1.workday.com"}, "must be https"),
        ({"base_url": "wd5-services1.workday.com"}, "is not a URL"),
        ({"base_url": "https://host:port"}, "Port"),
        ({"base_url": "https://wd5-services1.workday.com/?a=1"}, "more than scheme and host"),
        ({"tenant": "north/wind"}, "tenant"),
        ({"page_size": 101}, "page_size is at most 100 in mode rest"),
        ({"page_size": 1000, "mode": "soap"}, "less than or equal to 999"),
        ({"columns": {"emial": "Email"}}, "did you mean email?"),
        ({"columns": {"social_security_number": "SSN"}}, "is not a record field"),
        ({"columns": {"email": " "}}, "email has no column alias"),
        ({"params": {"From": "{sinse}"}}, "only {since} and {until} are replaced"),
        ({"params": {"format": "csv"}}, "format is not a prompt"),
        ({"reports": "isu/Roster"}, "reports"),
    ],
)
def test_what_is_wrong_is_said(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**given)
    assert complaint in str(caught.value)


def test_credentials_in_the_url_are_refused_and_not_repeated() -> None:
    with pytest.raises(ValidationError, match="has credentials in it") as caught:
        settings(base_url="https://isu:hunter2secret@wd5-services1.workday.com")
    assert "hunter2secret" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "[::1]"])
def test_plain_http_is_for_loopback(host: str) -> None:
    assert settings(base_url=f"http://{host}:8080").base_url == f"http://{host}:8080"
