from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mkt.connectors.workday_hris.simulator import WorkdaySimulator
from mkt.simulation import faults
from mkt.testing.ladder import failure
from mkt.testing.workbench import Workbench


@contextmanager
def workday(folder: Path, **settings: Any) -> Iterator[tuple[WorkdaySimulator, Workbench]]:
    with WorkdaySimulator() as partner, Workbench(folder, partner, "soap") as bench:
        bench.configure({**bench.configuration.settings, **settings})
        yield partner, bench


def said(bench: Workbench, step: str) -> str:
    (found,) = [result for result in bench.verify().steps if result.step == step]
    return f"{found.outcome}: {found.evidence} -> {found.remedy}"


def test_a_working_service_passes_every_step_without_a_token(tmp_path: Path) -> None:
    with workday(tmp_path, page_size=100) as (partner, bench):
        assert [step.outcome for step in bench.verify().steps] == ["pass", "skip", "pass", "pass", "pass", "pass"]
        assert len(partner.requests) == 1
        assert "integration system user ISU_mkt@northwind_dpt1" in said(bench, "credentials")
        assert "5 of 25 workers are terminated" in said(bench, "leavers")


def test_of_many_pages_the_first_one_is_looked_at_and_all_are_counted(tmp_path: Path) -> None:
    with workday(tmp_path) as (_, bench):
        assert "on the first of 3 pages (25 workers in all)" in said(bench, "columns")


def test_a_user_name_that_has_its_tenant_stays_as_it_is(tmp_path: Path) -> None:
    with workday(tmp_path) as (_, bench):
        bench.environ["WORKDAY_ISU_USERNAME"] = "ISU_mkt@northwind_dpt1"
        assert bench.verify().failure is None


def test_a_wrong_password_is_tried_once_although_workday_says_500(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        bench.environ["WORKDAY_ISU_PASSWORD"] = "something-else"
        assert failure(bench) == ("endpoint", "workday.isu_refused", "customer")
        assert len(partner.requests) == 1


def test_a_user_that_may_not_call_the_service_is_the_customers_to_grant(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        partner.service.authorized = False
        assert failure(bench) == ("endpoint", "workday.get_workers_denied", "customer")
        assert len(partner.requests) == 1
        assert "Worker Data: Public Worker Reports" in said(bench, "endpoint")


def test_an_api_client_alone_does_not_do_for_soap(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        bench.environ.clear()
        bench.environ.update(partner.secrets("rest"))
        bench.configure(partner.settings("soap"))
        assert failure(bench) == ("credentials", "workday.soap_needs_isu", "us")
        assert partner.requests == []
        assert "neither an API client nor a token" in said(bench, "credentials")


def test_the_user_is_taken_where_an_api_client_is_there_as_well(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        bench.environ.update(partner.secrets("rest"))
        bench.configure(partner.settings("soap"))
        assert bench.verify().failure is None
        assert all("authorization" not in request.headers for request in partner.requests)


def test_a_wrong_tenant_has_no_service(tmp_path: Path) -> None:
    with workday(tmp_path, tenant="nortwind") as (_, bench):
        assert failure(bench) == ("endpoint", "workday.no_service", "us")


def test_what_is_not_valid_is_said_in_workdays_words_with_its_place(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        body = (
            '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault>'
            "<faultcode>e:Client.validationError</faultcode><faultstring>Validation error occurred.</faultstring>"
            '<detail xmlns:wd="urn:com.workday/bsvc"><wd:Validation_Fault><wd:Validation_Error>'
            "<wd:Message>Invalid version</wd:Message><wd:Xpath>/bsvc:Get_Workers_Request[1]</wd:Xpath>"
            "</wd:Validation_Error></wd:Validation_Fault></detail></e:Fault></e:Body></e:Envelope>"
        )
        partner.inject(faults.status(500, body=body), times=None)
        assert failure(bench) == ("endpoint", "workday.validation", "us")
        assert "Invalid version (at /bsvc:Get_Workers_Request[1])" in said(bench, "endpoint")


@pytest.mark.parametrize(
    ("hidden", "field", "domain"),
    [
        ("Contact_Data", "email", "Work Email"),
        ("Position_Organizations_Data", "org_unit", "Organization Information"),
    ],
)
def test_fields_that_nobody_has_name_the_domain_that_is_missing(
    tmp_path: Path, hidden: str, field: str, domain: str
) -> None:
    with workday(tmp_path) as (partner, bench):
        partner.service.hidden = frozenset({hidden})
        step = said(bench, "columns")
        assert step.startswith("warn")
        assert f"nobody has {field}" in step
        assert domain in step


def test_nobody_at_all_is_a_warning(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        partner.employ([])
        outcomes = {step.step: step.outcome for step in bench.verify().steps}
        assert (outcomes["page"], outcomes["columns"], outcomes["leavers"]) == ("warn", "warn", "warn")


def test_a_maintenance_page_is_expected_to_pass(tmp_path: Path) -> None:
    with workday(tmp_path) as (partner, bench):
        partner.inject(faults.html(), times=None)
        result = bench.verify()
        assert result.failure is not None
        assert (result.failure.error_class, result.failure.code) == ("transient", "partner.html")


@pytest.mark.parametrize(("before", "warned"), [("raas", False), ("rest", True)])
def test_ids_are_those_of_a_report_and_others_than_those_of_rest(
    tmp_path: Path, before: str, *, warned: bool
) -> None:
    with workday(tmp_path) as (partner, bench):
        bench.environ.update(partner.secrets(before))
        bench.configure(partner.settings(before))
        assert bench.sync().outcome == "ok"
        bench.configure(partner.settings("soap"))
        assert ("would replace them all" in said(bench, "page")) is warned
