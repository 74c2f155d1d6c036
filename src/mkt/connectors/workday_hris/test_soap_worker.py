import json
from datetime import date
from importlib import resources
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkt.connectors.workday_hris.roster import Named, Worker
from mkt.connectors.workday_hris.soap_worker import read_worker
from mkt.connectors.workday_hris.soap_xml import WD, Reader, parse
from mkt.connectors.workday_hris.workforce import recruit
from mkt.connectors.workday_hris.workforce_soap import from_soap, make, worker
from mkt.contract import FIELDS

TODAY = date(2026, 11, 22)
NAMES = [
    "Worker_Reference",
    "Worker_Data",
    "Worker_ID",
    "Personal_Data",
    "Name_Data",
    "Legal_Name_Data",
    "Name_Detail_Data",
    "First_Name",
    "Contact_Data",
    "Email_Address_Data",
    "Email_Address",
    "Usage_Data",
    "Type_Data",
    "Type_Reference",
    "ID",
    "Employment_Data",
    "Worker_Status_Data",
    "Active",
    "Hire_Date",
    "Termination_Date",
    "Worker_Job_Data",
    "Position_Data",
    "Job_Profile_Summary_Data",
    "Job_Profile_Reference",
    "Organization_Data",
    "Worker_Organization_Data",
    "Organization_Reference_ID",
]
trees = st.recursive(
    st.builds(make, st.sampled_from(NAMES), st.text(max_size=6)),
    lambda inner: st.builds(
        lambda name, parts: make(name, *parts), st.sampled_from(NAMES), st.lists(inner, max_size=4)
    ),
    max_leaves=25,
)


def fixture() -> list[Worker]:
    content = resources.files(__package__).joinpath("fixtures", "get_workers.xml").read_bytes()
    found: list[Worker] = []
    parse(content, Reader(f"{WD}Worker", lambda element: found.append(read_worker(element, TODAY))))
    return found


def employed(**status: str) -> Worker:
    data = make("Worker_Status_Data", *(make(name, value) for name, value in status.items()))
    return read_worker(make("Worker", make("Worker_Data", make("Employment_Data", data))), TODAY)


def test_a_worker_of_get_workers_becomes_a_person_with_a_reports_ids() -> None:
    ada, _ = fixture()
    assert ada.external_id == "000123"
    assert ada.data == {
        "employee_number": "000123",
        "user_name": "aokafor",
        "given_name": "Ada",
        "family_name": "Okafor",
        "formatted_name": "Ada Okafor",
        "email": "ada.okafor@northwind.example",
        "title": "Payroll Analyst",
        "user_type": "Employee",
        "manager_id": "000045",
        "org_unit_id": "SUP: 012",
        "org_unit": "Payroll (Sam Lee)",
        "job_role_id": "ANALYST_PAYROLL",
        "job_role": "Analyst, Payroll",
        "cost_center": "41000 Payroll",
        "location": "Leeds",
        "hire_date": "2024-01-31",
        "active": True,
        "status": "On Leave",
    }


def test_the_primary_job_counts_wherever_it_stands_and_the_others_are_memberships() -> None:
    ada, _ = fixture()
    assert ada.org_units == (Named("SUP: 012", "Payroll (Sam Lee)"), Named("SUP: 077", "Safety (Kim Berg)"))
    assert ada.job_roles == (Named("ANALYST_PAYROLL", "Analyst, Payroll"), Named("FIRE_WARDEN", "Fire Warden"))


def test_a_contingent_worker_who_has_left_keeps_id_name_and_organization() -> None:
    _, kofi = fixture()
    assert (kofi.external_id, kofi.data["user_type"], kofi.data["formatted_name"]) == (
        "C-00077",
        "Contingent Worker",
        "Kofi Silva",
    )
    assert (kofi.data["active"], kofi.data["status"], kofi.data["termination_date"]) == (
        False,
        "Terminated",
        "2025-03-31",
    )
    assert kofi.org_units == (Named("SUP: 012", "Payroll (Sam Lee)"),)
    assert "email" not in kofi.data


def test_nothing_private_is_read() -> None:
    text = json.dumps([worker.data for worker in fixture()])
    for private in ("1960", "000000000", "private.example", "Adaeze"):
        assert private not in text


@pytest.mark.parametrize(
    ("status", "active", "word"),
    [
        ({"Active": "true"}, True, "Active"),
        ({"Active": "1", "Hire_Date": "2026-12-01-08:00"}, False, "Active"),
        ({"Active": "0", "Hire_Date": "2026-12-01-08:00"}, False, "Inactive"),
        (
            {"Active": "0", "Hire_Date": "2020-01-01", "Termination_Date": "2026-12-31", "Terminated": "1"},
            True,
            "Terminated",
        ),
        (
            {"Active": "0", "Hire_Date": "2020-01-01", "Termination_Date": "2026-11-22", "Terminated": "1"},
            False,
            "Terminated",
        ),
        ({"Active": "1", "Hire_Date": "2026-01-01", "Termination_Date": "2019-01-01", "Rehire": "1"}, True, "Active"),
        ({"Active": "1", "Hire_Date": "2026-01-01", "Hire_Rescinded": "true"}, False, "Hire Rescinded"),
    ],
)
def test_nobody_is_active_before_hire_or_inactive_before_termination(
    status: dict[str, str], word: str, *, active: bool
) -> None:
    data = employed(**status).data
    assert (data["active"], data["status"]) == (active, word)


def test_without_a_status_nobody_is_said_to_be_active_or_not() -> None:
    assert employed().data == {"user_type": "Employee"}


def test_a_date_that_cannot_be_read_is_counted_and_left_out() -> None:
    found = employed(Active="1", Hire_Date="31.01.2024")
    assert found.unreadable == 1
    assert "hire_date" not in found.data


@given(trees)
def test_any_elements_become_a_worker_of_known_fields(tree: Element) -> None:
    found = read_worker(make("Worker", tree), TODAY)
    assert set(found.data) <= set(FIELDS["people"])
    assert "" not in found.data.values()


@given(st.integers(1, 500))
def test_what_the_simulator_gives_is_read_as_it_expects(number: int) -> None:
    person = recruit(number)
    found, expected = read_worker(worker(person, TODAY), TODAY), from_soap(person)
    assert (found.external_id, found.data, found.org_units) == (expected.id, expected.data, expected.units)
