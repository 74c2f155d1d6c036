"""The people of the simulated tenant, their rows in Workday's shapes, and the records that must come of them."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from mkt.contract import Stream

Records = Mapping[Stream, Mapping[str, Mapping[str, Any]]]

_FIRST: Final = ("Ada", "Björn", "Chloé", "Dmitri", "Eun-ji", "Fátima", "Grace", "Hiro", "Inés", "Jörg", "Kofi")
_LAST: Final = ("Okafor", "Lindqvist", "O'Neill", "Nakamura", "Silva", "van den Berg", "Zhang")
_TITLES: Final = ("Engineer", "Analyst", "Team Lead", "Consultant", "Technician")
_UNITS: Final = ("Field Services", "R&D; Platform", "Finance", "Sales: EMEA", "People/Operations")
_PLACES: Final = ("Leeds", "Gdańsk", "Austin")
_LEAVERS: Final = (3, 7)
"""Of each ten workers, by number, who has left already."""


@dataclass(frozen=True)
class Person:
    """One worker; what the fields do not say follows from the number."""

    number: int
    title: str
    hired: str
    left: str = ""
    moves: int = 0
    """How often the worker has moved to another organization."""

    @property
    def employee_id(self) -> str:
        return f"{self.number:06d}"

    @property
    def wid(self) -> str:
        return wid("worker", self.employee_id)

    @property
    def given(self) -> str:
        return _FIRST[self.number % len(_FIRST)]

    @property
    def family(self) -> str:
        return _LAST[self.number % len(_LAST)]

    @property
    def email(self) -> str:
        return f"worker{self.number}@northwind.example"

    @property
    def unit(self) -> str:
        return _UNITS[(self.number + self.moves) % len(_UNITS)]

    @property
    def further_unit(self) -> str:
        return _UNITS[(self.number + self.moves + 1) % len(_UNITS)] if self.number % 6 == 0 else ""

    @property
    def place(self) -> str:
        return _PLACES[self.number % len(_PLACES)]

    @property
    def kind(self) -> str:
        return "Contingent Worker" if self.number % 8 == 0 else "Employee"

    @property
    def manager_id(self) -> str:
        return f"{(self.number // 5) or 900_000:06d}"

    @property
    def status(self) -> str:
        return "Terminated" if self.left and self.left < "2026" else "Active"


def recruit(number: int) -> Person:
    """Return the worker of this number, counted from 1, as first hired."""
    hired = f"{2010 + number % 14}-{number % 12 + 1:02d}-{number % 28 + 1:02d}"
    left = "2025-03-31" if number % 10 in _LEAVERS else ""
    if number % 10 == 9:  # noqa: PLR2004 - one in ten has given notice for a far day
        left = "2099-12-31"
    return Person(number, _TITLES[number % len(_TITLES)], hired, left)


def wid(*parts: str) -> str:
    """Return Workday's own id of a thing: 32 hexadecimal digits."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:32]


def unit_id(unit: str) -> str:
    """Return the reference id of an organization, with the colon and the blank that real ones have."""
    return f"SUP: {_UNITS.index(unit) + 1:03d}"


def _role_id(title: str) -> str:
    return title.removeprefix("Senior ").replace(" ", "_").upper()


def report_row(person: Person) -> dict[str, Any]:
    """Return a row as Workday gives it: ids with zeros, 1 and 0, empty columns left out, and what is private."""
    row = {
        "Employee_ID": person.employee_id,
        "Preferred_First_Name": person.given,
        "Preferred_Last_Name": person.family,
        "primaryWorkEmail": person.email,
        "Worker_Type": person.kind,
        "WorkerIsManager": "1" if person.number % 5 == 1 else "0",
        "Worker_Status": person.status,
        "Hire_Date": person.hired,
        "termination_date": person.left,
        "Job_Title": person.title,
        "Job_Profile_ID": _role_id(person.title),
        "Job_Profile": person.title.removeprefix("Senior "),
        "Organizations_group": [
            {"Supervisory_Organization_ID": unit_id(person.unit), "Supervisory_Organization_Name": person.unit}
        ],
        "Manager_ID": person.manager_id,
        "Location": person.place,
        "Organization_Roles": "Cost Center Manager; Manager",
        "National_ID": f"000-00-{person.number:04d}",
        "Total_Base_Pay": "61000",
    }
    return {name: value for name, value in row.items() if value}


def _entity(kind: str, name: str) -> dict[str, str]:
    identifier = wid(kind, name)
    return {"id": identifier, "descriptor": name, "href": f"https://wd5-services1.workday.com/{kind}/{identifier}"}


def common_row(person: Person) -> dict[str, Any]:
    """Return a worker of common/v1 and of the legacy resource."""
    return {
        "id": person.wid,
        "descriptor": f"{person.given} {person.family}",
        "href": f"https://wd5-services1.workday.com/workers/{person.wid}",
        "primaryWorkEmail": person.email,
        "primaryWorkPhone": "+44 113 496 0000",
        "businessTitle": person.title,
        "isManager": person.number % 5 == 1,
        "primarySupervisoryOrganization": _entity("organizations", person.unit),
    }


def staffing_row(person: Person) -> dict[str, Any]:
    """Return a worker of the staffing service."""
    job = {
        **_entity("jobs", person.employee_id),
        "businessTitle": person.title,
        "jobProfile": _entity("jobProfiles", person.title.removeprefix("Senior ")),
        "supervisoryOrganization": _entity("organizations", person.unit),
        "location": {**_entity("locations", person.place), "country": _entity("countries", "Somewhere")},
    }
    further = {"id": wid("further", person.employee_id)}
    units = [person.further_unit] if person.further_unit else []
    return {
        "id": person.wid,
        "descriptor": f"{person.given} {person.family}",
        "workerId": person.employee_id,
        "workerType": _entity("workerTypes", person.kind),
        "person": {"id": wid("person", person.employee_id), "email": person.email, "phone": "+44 113 496 0000"},
        "primaryJob": job,
        "additionalJobs": [{**further, "supervisoryOrganization": _entity("organizations", unit)} for unit in units],
    }


@dataclass(frozen=True)
class Listed:
    """What must come of one person: fields, and (id, name) of organizations and job profile."""

    id: str
    data: dict[str, Any]
    units: tuple[tuple[str, str], ...]
    roles: tuple[tuple[str, str], ...] = ()


def from_report(person: Person) -> Listed:
    """Return what must come of a person's `report_row`."""
    role = (_role_id(person.title), person.title.removeprefix("Senior "))
    unit = (unit_id(person.unit), person.unit)
    data = {
        "employee_number": person.employee_id,
        "given_name": person.given,
        "family_name": person.family,
        "email": person.email,
        "active": person.status == "Active",
        "status": person.status,
        "title": person.title,
        "user_type": person.kind,
        "manager_id": person.manager_id,
        "hire_date": person.hired,
        **({"termination_date": person.left} if person.left else {}),
        "job_role_id": role[0],
        "job_role": role[1],
        "org_unit_id": unit[0],
        "org_unit": unit[1],
        "location": person.place,
    }
    return Listed(person.employee_id, data, (unit,), (role,))


def from_common(person: Person) -> Listed:
    """Return what must come of a person's `common_row`."""
    unit = (wid("organizations", person.unit), person.unit)
    data = {
        "formatted_name": f"{person.given} {person.family}",
        "email": person.email,
        "title": person.title,
        "org_unit_id": unit[0],
        "org_unit": unit[1],
    }
    return Listed(person.wid, data, (unit,))


def from_staffing(person: Person) -> Listed:
    """Return what must come of a person's `staffing_row`."""
    common = from_common(person)
    profile = person.title.removeprefix("Senior ")
    role = (wid("jobProfiles", profile), profile)
    further = person.further_unit
    data = {
        **common.data,
        "employee_number": person.employee_id,
        "user_type": person.kind,
        "location": person.place,
        "job_role_id": role[0],
        "job_role": role[1],
    }
    units = (*common.units, (wid("organizations", further), further)) if further else common.units
    return Listed(person.wid, data, units, (role,))


def records(listed: list[Listed]) -> Records:
    """Return, per stream, external id -> data."""
    return {
        "people": {person.id: person.data for person in listed},
        "org_units": {unit: {"name": name} for person in listed for unit, name in person.units},
        "job_roles": {role: {"name": name} for person in listed for role, name in person.roles},
        "memberships": dict(pair for person in listed for pair in _memberships(person)),
    }


def _memberships(person: Listed) -> Iterator[tuple[str, dict[str, Any]]]:
    for position, (unit, _) in enumerate(person.units):
        place = {"role_type": "secondary" if position else "primary", "primary": position == 0}
        key = f"{quote(person.id, safe='')}:{quote(unit, safe='')}"
        yield key, {"person_id": person.id, "org_unit_id": unit, **place}
