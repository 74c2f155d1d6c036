import json
from collections.abc import Iterable
from datetime import date
from importlib import resources
from typing import Any
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from mkt.connectors.workday_hris import raas, rest
from mkt.connectors.workday_hris.columns import CONTRACT, Columns, present_columns
from mkt.connectors.workday_hris.roster import Named, Records, Remembered, Worker
from mkt.contract import FIELDS, STREAMS, Record

TODAY = date(2026, 11, 22)
ALL = frozenset(STREAMS)
names = st.text(max_size=12)
entities = st.fixed_dictionaries({}, optional={"id": names, "descriptor": names})
jobs = st.fixed_dictionaries(
    {}, optional={"businessTitle": names, "jobProfile": entities, "supervisoryOrganization": entities}
)
rest_rows = st.fixed_dictionaries(
    {},
    optional={
        "id": names,
        "descriptor": names | st.none() | st.integers(),
        "primaryWorkEmail": names,
        "primarySupervisoryOrganization": entities | st.none(),
        "primaryJob": jobs | st.none(),
        "additionalJobs": st.lists(jobs, max_size=3) | st.none(),
        "person": st.none() | st.fixed_dictionaries({"email": names}),
    },
)
report_rows = st.dictionaries(st.sampled_from(sorted({a for c in CONTRACT.values() for a in c})), names)


def fixture(name: str) -> Any:
    return json.loads(resources.files(__package__).joinpath("fixtures", name).read_text(encoding="utf-8"))


def report_workers(rows: list[dict[str, Any]], **columns: str) -> list[Worker]:
    mapping, present = Columns(columns), present_columns(rows)
    dated = mapping.has("termination_date", present)
    return [raas.read_worker(mapping.texts(row), today=TODAY, dated=dated) for row in rows]


def records(workers: Iterable[Worker]) -> list[Record]:
    return list(Records(ALL).of(workers))


def test_a_row_of_a_real_report_becomes_a_person() -> None:
    ada, kofi, newcomer = report_workers(fixture("report.json")["Report_Entry"])
    assert ada.external_id == "000123"
    assert ada.data == {
        "employee_number": "000123",
        "email": "ada.okafor@northwind.example",
        "active": True,
        "status": "Active",
        "title": "Payroll Analyst",
        "user_type": "Employee",
        "manager_id": "000045",
        "hire_date": "2024-01-31",
        "location": "Leeds",
    }
    assert (kofi.data["active"], kofi.data["termination_date"]) == (False, "2025-03-31")
    assert newcomer.data["active"] is False, "not before the hire date"
    assert "email" not in newcomer.data, "a column that is missing in one row is left out"
    assert [worker.has_left(TODAY) for worker in (ada, kofi, newcomer)] == [False, True, False]


def test_workers_of_common_v1_and_of_the_legacy_resource_have_a_name_and_one_organization() -> None:
    ada, kofi = map(rest.read_worker, fixture("workers_common.json")["data"])
    assert ada.data == {
        "formatted_name": "Ada Okafor",
        "email": "ada.okafor@northwind.example",
        "title": "Payroll Analyst",
        "org_unit_id": "2e2c1a1f8b7d4c0a9b6c7d8e9f001122",
        "org_unit": "Payroll (Sam Lee)",
    }
    assert kofi == Worker("3aa5550b7fe348b98d7b5741afc65534", {"formatted_name": "Kofi Silva"})


def test_a_staffing_worker_has_job_profiles_and_further_organizations() -> None:
    (ada,) = map(rest.read_worker, fixture("workers_staffing.json")["data"])
    assert ada.data == {
        "employee_number": "000123",
        "formatted_name": "Ada Okafor",
        "email": "ada.okafor@northwind.example",
        "title": "Payroll Analyst",
        "user_type": "Employee",
        "location": "Leeds",
        "org_unit_id": "2e2c1a1f8b7d4c0a9b6c7d8e9f001122",
        "org_unit": "Payroll (Sam Lee)",
        "job_role_id": "c5706b11e28c10a4b1a2c3d4e5f60718",
        "job_role": "Analyst, Payroll",
    }
    memberships = [record.data for record in records([ada]) if record.stream == "memberships"]
    assert [(m["org_unit_id"][:4], m["role_type"], m["primary"]) for m in memberships] == [
        ("2e2c", "primary", True),
        ("9f2c", "secondary", False),
    ]
    assert [record.data["name"] for record in records([ada]) if record.stream == "job_roles"] == [
        "Analyst, Payroll",
        "Fire Warden",
    ]


def test_several_organizations_in_one_column_are_several_memberships() -> None:
    (worker,) = report_workers(
        [{"Employee_ID": "7", "Supervisory_Organization_ID": "S1; S2", "Supervisory_Organization_Name": "Ops; Sales"}]
    )
    assert worker.org_units == (Named("S1", "Ops"), Named("S2", "Sales"))
    assert (worker.data["org_unit_id"], worker.data["org_unit"]) == ("S1", "Ops")


def test_a_name_with_a_semicolon_stays_whole_beside_one_id() -> None:
    (worker,) = report_workers([{"Employee_ID": "7", "Job_Profile_ID": "J1", "Job_Profile": "R&D; Platform"}])
    assert worker.job_roles == (Named("J1", "R&D; Platform"),)


def test_of_several_managers_the_first_counts_and_may_stand_outside_the_report() -> None:
    (worker,) = report_workers([{"Employee_ID": "7", "Manager_Employee_ID": "000900; 000901"}])
    assert worker.data["manager_id"] == "000900"


def test_a_date_that_cannot_be_read_is_left_out_counted_and_proves_nothing() -> None:
    gone, stays = report_workers([{"Employee_ID": "1", "Termination_Date": "03/31/2025"}, {"Employee_ID": "2"}])
    assert "termination_date" not in gone.data
    assert gone.unreadable == 1
    assert "active" not in gone.data
    assert stays.data["active"] is True


def test_the_parts_of_a_membership_id_are_escaped() -> None:
    made = records([Worker("a:b", {}, (Named("SUP: 1/2", "Ops"),))])
    (membership,) = [record for record in made if record.stream == "memberships"]
    assert membership.external_id == "a%3Ab:SUP%3A%201%2F2"


def test_organizations_and_job_profiles_come_once_for_many_workers() -> None:
    made = records(Worker(str(n), {}, (Named("S1", "Ops"),), (Named("J1", "Analyst"),)) for n in range(50))
    assert sum(record.stream == "org_units" for record in made) == 1
    assert sum(record.stream == "job_roles" for record in made) == 1
    assert sum(record.stream == "memberships" for record in made) == 50


def test_a_worker_without_id_stays_visible() -> None:
    made = records([Worker("", {"title": "Analyst"}, (Named("S1", "Ops"),))])
    assert {(record.stream, record.external_id) for record in made} == {("people", ""), ("memberships", "")}


def test_only_the_streams_asked_for_are_yielded() -> None:
    made = Records(frozenset({"org_units"})).of([Worker("1", {}, (Named("S1", "Ops"),))])
    assert [record.stream for record in made] == ["org_units"]


def test_what_is_remembered_is_bounded() -> None:
    remembered = Remembered(limit=2)
    assert [remembered.adds(value) for value in "abab"] == [True, True, False, False]
    assert [remembered.adds(value) for value in "ccb"] == [True, True, False]


@given(st.lists(rest_rows | st.none() | st.integers(), max_size=5))
def test_any_rest_row_becomes_valid_records(rows: list[Any]) -> None:
    check(records(map(rest.read_worker, rows)))


@given(st.lists(report_rows, max_size=5))
def test_any_report_row_becomes_valid_records(rows: list[dict[str, Any]]) -> None:
    check(records(report_workers(rows)))


def check(made: list[Record]) -> None:
    people = {record.external_id for record in made if record.stream == "people"}
    for record in made:
        assert set(record.data) <= set(FIELDS[record.stream])
        assert all(value not in ("", None) for value in record.data.values())
        if record.stream == "memberships" and record.external_id:
            person, unit = map(unquote, record.external_id.split(":"))
            assert (person, unit) == (record.data["person_id"], record.data["org_unit_id"])
            assert person in people
