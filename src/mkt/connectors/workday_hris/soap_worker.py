"""A `Worker` element of Get_Workers becomes a worker: by an allow list of paths, for the element holds far more.

Birth date, national id, ethnicity and home address stand in the same element: nothing but what is named here is read.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Any, Final
from xml.etree.ElementTree import Element

from mkt.connectors.workday_hris.roster import Named, Worker
from mkt.connectors.workday_hris.soap_xml import WD
from mkt.connectors.workday_hris.values import is_active, iso_date

_IDS: Final = ("Employee_ID", "Contingent_Worker_ID")
_NOTHING: Final = Element("nothing")


def _path(steps: str) -> str:
    """Return an ElementTree path of names in Workday's namespace."""
    return "/".join(f"{WD}{step}" for step in steps.split("/"))


_TYPE: Final = _path("type")
_PRIMARY: Final = _path("Primary")
_PRIMARY_JOB: Final = _path("Primary_Job")
_ID: Final = _path("ID")
_REFERENCE: Final = _path("Worker_Reference")
_DATA: Final = _path("Worker_Data")
_NUMBER: Final = _path("Worker_ID")
_USER: Final = _path("User_ID")
_NAMES: Final = (
    _path("Personal_Data/Name_Data/Preferred_Name_Data/Name_Detail_Data"),
    _path("Personal_Data/Name_Data/Legal_Name_Data/Name_Detail_Data"),
)
_GIVEN: Final = _path("First_Name")
_FAMILY: Final = _path("Last_Name")
_FORMATTED: Final = _path("Formatted_Name")
_EMAILS: Final = _path("Personal_Data/Contact_Data/Email_Address_Data")
_ADDRESS: Final = _path("Email_Address")
_USES: Final = _path("Usage_Data/Type_Data")
_USE: Final = _path("Type_Reference")
_STATUS: Final = _path("Employment_Data/Worker_Status_Data")
_ACTIVE: Final = _path("Active")
_WORDS: Final = (
    (_path("Hire_Rescinded"), "Hire Rescinded"),
    (_path("Terminated"), "Terminated"),
    (_path("Leave_Status_Data/On_Leave"), "On Leave"),
)
_HIRED: Final = _path("Hire_Date")
_LEFT: Final = _path("Termination_Date")
_JOBS: Final = _path("Employment_Data/Worker_Job_Data")
_POSITION: Final = _path("Position_Data")
_TITLE: Final = _path("Business_Title")
_PROFILE: Final = _path("Job_Profile_Summary_Data")
_PROFILE_REFERENCE: Final = _path("Job_Profile_Reference")
_PROFILE_NAME: Final = _path("Job_Profile_Name")
_SITE: Final = _path("Business_Site_Summary_Data/Name")
_MANAGER: Final = _path("Manager_as_of_last_detected_manager_change_Reference")
_UNITS: Final = _path("Position_Organizations_Data/Position_Organization_Data/Organization_Data")
_FURTHER_UNITS: Final = _path("Organization_Data/Worker_Organization_Data/Organization_Data")
_UNIT_TYPE: Final = _path("Organization_Type_Reference")
_UNIT_ID: Final = _path("Organization_Reference_ID")
_UNIT_NAME: Final = _path("Organization_Name")


def read_worker(element: Element, today: date) -> Worker:
    """Map a worker as of `today`; ids are those of a report: Employee_ID or Contingent_Worker_ID, never the WID."""
    ids = _ids(element.find(_REFERENCE))
    data = _child(element, _DATA)
    jobs = sorted(data.findall(_JOBS), key=_is_further)
    positions = [_child(job, _POSITION) for job in jobs] or [_NOTHING]
    units = _organizations(data, jobs)
    supervisory, primary = units.get("SUPERVISORY", ()), _profile(positions[0])
    status, unreadable = _employment(_child(data, _STATUS), today)
    fields = {
        "employee_number": _text(data, _NUMBER),
        "user_name": _text(data, _USER),
        **_name(data),
        "email": _work_email(data),
        "title": _text(positions[0], _TITLE),
        "user_type": "Contingent Worker" if _contingent(ids) else "Employee",
        "manager_id": _worker_id(_ids(positions[0].find(_MANAGER))),
        **_named("org_unit", supervisory),
        **_named("job_role", (primary,) if primary else ()),
        "cost_center": next((unit.name for unit in units.get("COST_CENTER", ())), ""),
        "location": _text(positions[0], _SITE),
        **status,
    }
    kept = {field: value for field, value in fields.items() if value not in ("", None)}
    roles = tuple(dict.fromkeys(filter(None, map(_profile, positions))))
    return Worker(_worker_id(ids) or _text(data, _NUMBER), kept, tuple(supervisory), roles, unreadable)


def _employment(status: Element, today: date) -> tuple[dict[str, Any], int]:
    """Return status fields, and how many dates could not be read; who was never hired after all is not active."""
    said = {"hire_date": _text(status, _HIRED), "termination_date": _text(status, _LEFT)}
    dates = {field: iso_date(text) for field, text in said.items()}
    flag = _text(status, _ACTIVE)
    word = next((word for path, word in _WORDS if _true(_text(status, path))), "")
    active = is_active(flag, dates["hire_date"], dates["termination_date"], today=today, dated=False)
    fields = {
        **dates,
        "active": False if word == "Hire Rescinded" else active,
        "status": word or (("Active" if _true(flag) else "Inactive") if flag else ""),
    }
    return fields, sum(bool(said[field]) and not dates[field] for field in said)


def _organizations(data: Element, jobs: Collection[Element]) -> Mapping[str, list[Named]]:
    """Return the organizations of all jobs by type, each once, those of the primary job first."""
    found: dict[str, dict[Named, None]] = {}
    for place, steps in [*((job, _UNITS) for job in jobs), (data, _FURTHER_UNITS)]:
        for unit in place.findall(steps):
            kind = _ids(unit.find(_UNIT_TYPE)).get("Organization_Type_ID", "")
            if identifier := _text(unit, _UNIT_ID):
                found.setdefault(kind, {})[Named(identifier, _text(unit, _UNIT_NAME))] = None
    return {kind: list(units) for kind, units in found.items()}


def _name(data: Element) -> dict[str, str]:
    """Return the preferred name, or else the legal one."""
    for steps in _NAMES:
        detail = data.find(steps)
        if detail is not None:
            return {
                "given_name": _text(detail, _GIVEN),
                "family_name": _text(detail, _FAMILY),
                "formatted_name": detail.get(_FORMATTED, "").strip(),
            }
    return {}


def _work_email(data: Element) -> str:
    """Return the primary address for work, or else the first one; a private address is never taken."""
    found: dict[bool, str] = {}
    for email in data.findall(_EMAILS):
        for primary in _work_uses(email):
            found.setdefault(primary, _text(email, _ADDRESS))
    return found.get(True) or found.get(False, "")


def _work_uses(email: Element) -> Iterator[bool]:
    """Yield, for each use for work, whether it is the primary one."""
    for use in email.findall(_USES):
        if _ids(use.find(_USE)).get("Communication_Usage_Type_ID") == "WORK":
            yield _true(use.get(_PRIMARY, ""))


def _profile(position: Element) -> Named | None:
    summary = _child(position, _PROFILE)
    identifier = _ids(summary.find(_PROFILE_REFERENCE)).get("Job_Profile_ID", "")
    return Named(identifier, _text(summary, _PROFILE_NAME)) if identifier else None


def _named(field: str, things: Collection[Named]) -> dict[str, str]:
    """Return a person's fields of the first organization or job profile."""
    return {
        name: value for thing in list(things)[:1] for name, value in ((f"{field}_id", thing.id), (field, thing.name))
    }


def _is_further(job: Element) -> bool:
    return not _true(job.get(_PRIMARY_JOB, ""))


def _contingent(ids: Mapping[str, str]) -> bool:
    return "Contingent_Worker_ID" in ids and "Employee_ID" not in ids


def _worker_id(ids: Mapping[str, str]) -> str:
    return next((ids[kind] for kind in _IDS if ids.get(kind)), "")


def _ids(reference: Element | None) -> dict[str, str]:
    """Return the ids of a reference by their type."""
    found = [] if reference is None else reference.findall(_ID)
    return {one.get(_TYPE, ""): (one.text or "").strip() for one in found}


def _child(element: Element, steps: str) -> Element:
    found = element.find(steps)
    return _NOTHING if found is None else found


def _text(element: Element, steps: str) -> str:
    return element.findtext(steps, "").strip()


def _true(value: str) -> bool:
    """Tell an xsd:boolean: both `1` and `true` stand in one document."""
    return value in {"1", "true"}
