"""The people of the simulated tenant as Get_Workers gives them, and what must come of them."""

from collections.abc import Iterator
from datetime import date
from typing import Final
from xml.etree.ElementTree import Element

from mkt.connectors.workday_hris.workforce import Listed, Person, from_report, unit_id, wid

WD: Final = "{urn:com.workday/bsvc}"
_CENTERS: Final = ("CC 100 Operations", "CC 200 Delivery")


def worker(person: Person, today: date, *, paid: bool = False) -> Element:
    """Return a worker as Get_Workers gives it, private data included; `paid` adds what a group leaves out."""
    left = gone(person, today)
    data = [
        make("Worker_ID", person.employee_id),
        make("User_ID", person.email),
        make("Personal_Data", *_personal(person)),
        make("Employment_Data", *_jobs(person), make("Worker_Status_Data", *_status(person, left=left))),
    ]
    if paid:
        data.append(make("Compensation_Data", make("Total_Base_Pay", "61000")))
    return make("Worker", _reference("Worker_Reference", person.kind, person), make("Worker_Data", *data))


def gone(person: Person, today: date) -> bool:
    """Tell whether somebody has left by a day."""
    return bool(person.left) and person.left <= today.isoformat()


def from_soap(person: Person) -> Listed:
    """Return what must come of a person's `worker`: a report's fields and ids, and some more."""
    listed = from_report(person)
    more = {
        "user_name": person.email,
        "formatted_name": f"{person.given} {person.family}",
        "cost_center": _center(person),
    }
    further = person.further_unit
    units = (*listed.units, (unit_id(further), further)) if further else listed.units
    return Listed(listed.id, {**listed.data, **more}, units, listed.roles)


def _personal(person: Person) -> Iterator[Element]:
    name = make(
        "Name_Detail_Data",
        make("First_Name", person.given),
        make("Last_Name", person.family),
        Formatted_Name=f"{person.given} {person.family}",
    )
    yield make("Name_Data", make("Preferred_Name_Data", name))
    yield make("Birth_Date", "1960-01-01-07:00")
    yield make("Identification_Data", make("National_ID", f"000-00-{person.number:04d}"))
    yield make(
        "Contact_Data",
        _email(f"home{person.number}@private.example", "HOME", "1"),
        _email(person.email, "WORK", "true"),
    )


def _email(address: str, use: str, primary: str) -> Element:
    kind = make("Type_Reference", _id("Communication_Usage_Type_ID", use))
    return make(
        "Email_Address_Data",
        make("Email_Address", address),
        make("Usage_Data", make("Type_Data", kind, Primary=primary), Public="1"),
    )


def _jobs(person: Person) -> Iterator[Element]:
    """Yield the jobs, the primary one last where there are two: their order means nothing."""
    role = person.title.removeprefix("Senior ")
    if person.further_unit:
        yield make(
            "Worker_Job_Data",
            _organizations(("SUPERVISORY", unit_id(person.further_unit), person.further_unit)),
            Primary_Job="0",
        )
    profile = make(
        "Job_Profile_Reference",
        _id("WID", wid("jobProfiles", role)),
        _id("Job_Profile_ID", role.replace(" ", "_").upper()),
    )
    manager = make("Manager_as_of_last_detected_manager_change_Reference", _id("Employee_ID", person.manager_id))
    position = make(
        "Position_Data",
        make("Business_Title", person.title),
        make("Job_Profile_Summary_Data", profile, make("Job_Profile_Name", role)),
        make("Business_Site_Summary_Data", make("Name", person.place)),
        manager,
        Effective_Date=person.hired,
    )
    units = _organizations(
        ("COST_CENTER", _center(person)[:6], _center(person)),
        ("SUPERVISORY", unit_id(person.unit), person.unit),
    )
    yield make("Worker_Job_Data", position, units, Primary_Job="1")


def _organizations(*units: tuple[str, str, str]) -> Element:
    return make("Position_Organizations_Data", *(_organization(*unit) for unit in units))


def _organization(kind: str, identifier: str, name: str) -> Element:
    data = make(
        "Organization_Data",
        make("Organization_Reference_ID", identifier),
        make("Organization_Name", name),
        make("Organization_Type_Reference", _id("Organization_Type_ID", kind)),
    )
    return make("Position_Organization_Data", data)


def _status(person: Person, *, left: bool) -> Iterator[Element]:
    yield make("Active", str(int(not left)))
    yield make("Hire_Date", f"{person.hired}-08:00")
    yield make("Terminated", "true" if left else "false")
    if person.left:
        yield make("Termination_Date", f"{person.left}-08:00")


def _center(person: Person) -> str:
    return _CENTERS[person.number % len(_CENTERS)]


def _reference(name: str, kind: str, person: Person) -> Element:
    own = "Employee_ID" if kind == "Employee" else "Contingent_Worker_ID"
    return make(name, _id("WID", person.wid), _id(own, person.employee_id))


def _id(kind: str, value: str) -> Element:
    return make("ID", value, type=kind)


def make(name: str, *inside: Element | str, **attributes: str) -> Element:
    """Return an element with a text, or with elements."""
    element = Element(f"{WD}{name}", {f"{WD}{key}": value for key, value in attributes.items()})
    for part in inside:
        if isinstance(part, str):
            element.text = part
        else:
            element.append(part)
    return element
