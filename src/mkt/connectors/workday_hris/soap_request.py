"""The request of Get_Workers, elements in the order of its schema (Human_Resources, Get_Workers_RequestType)."""

from typing import Final
from xml.etree.ElementTree import Element, SubElement

from mkt.connectors.workday_hris.soap_plan import Part, Plan
from mkt.connectors.workday_hris.soap_xml import WD

_MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"
_CRITERIA: Final[dict[Part, tuple[str, str]]] = {
    "entered": ("Updated_From", "Updated_Through"),
    "effective": ("Effective_From", "Effective_Through"),
}
_GROUP: Final = (
    "Include_Reference",
    "Include_Personal_Information",
    "Include_Additional_Jobs",
    "Include_Employment_Information",
    "Include_Organizations",
    "Exclude_Organization_Support_Role_Data",
    "Exclude_Location_Hierarchies",
    "Exclude_Cost_Center_Hierarchies",
    "Exclude_Companies",
    "Exclude_Company_Hierarchies",
    "Exclude_Matrix_Organizations",
    "Exclude_Pay_Groups",
    "Exclude_Regions",
    "Exclude_Region_Hierarchies",
    "Exclude_Teams",
    "Exclude_Custom_Organizations",
)
"""Without a group Workday sends pay as well; with one, only what it names."""


def get_workers(version: str, place: Plan) -> Element:
    """Ask for one page of the workers as they were known at the plan's moment, those who have left included."""
    request = Element(f"{WD}Get_Workers_Request", {f"{WD}version": version})
    criteria = _add(request, "Request_Criteria")
    if place.period:
        dates = _add(_add(criteria, "Transaction_Log_Criteria_Data"), "Transaction_Date_Range_Data")
        for name, end in zip(_CRITERIA[place.part], place.period, strict=True):
            _add(dates, name, end.strftime(_MOMENT))
    _add(criteria, "Exclude_Inactive_Workers", "false")
    # Without the moment of entry, workers move between pages while somebody works in Workday.
    filters = _add(request, "Response_Filter")
    _add(filters, "As_Of_Effective_Date", place.moment.date().isoformat())
    _add(filters, "As_Of_Entry_DateTime", place.moment.strftime(_MOMENT))
    _add(filters, "Page", str(place.page))
    _add(filters, "Count", str(place.count))
    group = _add(request, "Response_Group")
    for name in _GROUP:
        _add(group, name, "true")
    return request


def _add(parent: Element, name: str, text: str | None = None) -> Element:
    element = SubElement(parent, f"{WD}{name}")
    element.text = text
    return element
