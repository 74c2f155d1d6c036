"""The simulated tenant's Human_Resources web service: Get_Workers over people whose data has a history.

A request sees the people as they were known at its As_Of_Entry_DateTime, and is checked as Workday checks it.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

from mkt.connectors.workday_hris.workforce import Person
from mkt.connectors.workday_hris.workforce_soap import WD, gone, make, worker

_SOAP: Final = "{http://schemas.xmlsoap.org/soap/envelope/}"
_WSSE: Final = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
_MAXIMUM: Final = 999
_EVER: Final = datetime(1900, 1, 1, tzinfo=UTC)
Answer = tuple[int, bytes]
"""Status and body."""


class FaultError(Exception):
    """What Workday answers with a 500: faultcode, faultstring, and the place of what is not valid."""

    def __init__(self, code: str, said: str, place: str = "") -> None:
        super().__init__(code, said, place)
        self.code, self.said, self.place = code, said, place


class HumanResources:
    """The service of one tenant. What is set on it makes it behave as badly as some tenants do."""

    def __init__(self, tenant: str, user: tuple[str, str]) -> None:
        self._tenant = tenant
        self._user = (f"{user[0]}@{tenant}", user[1])
        self._history: list[tuple[datetime, tuple[Person, ...]]] = []
        self.authorized = True
        """Whether the user's security group may call Get_Workers."""
        self.behind = timedelta()
        """By how much Workday's clock is behind ours."""
        self.page: int | None = None
        """The page that is given, whichever is asked for."""
        self.hidden: frozenset[str] = frozenset()
        """Elements that the user may not see."""

    def enter(self, people: Iterable[Person], moment: datetime = _EVER) -> None:
        """Let these be the people from a moment of entry on; the first ones were always there."""
        self._history.append((moment, tuple(people)))

    def answer(self, path: str, body: bytes) -> Answer:
        """Answer a request as Workday does."""
        if not path.startswith(f"/ccx/service/{self._tenant}/Human_Resources/v"):
            return 404, b"<html><body>Not found</body></html>"
        envelope = fromstring(body)  # noqa: S314 - what is sent here comes from the connector
        try:
            self._authenticate(envelope)
            return 200, _write(self._workers(envelope))
        except FaultError as fault:
            return 500, _write(_fault(fault))

    def _authenticate(self, envelope: Element) -> None:
        token = envelope.find(f"{_SOAP}Header/{_WSSE}Security/{_WSSE}UsernameToken")
        said = (
            ("", "") if token is None else tuple(token.findtext(f"{_WSSE}{n}", "") for n in ("Username", "Password"))
        )
        if said != self._user:
            raise FaultError("Client.authenticationError", "invalid username or password")
        if not self.authorized:
            raise FaultError("Client", "Processing error occurred. The task submitted is not authorized.")

    def _workers(self, envelope: Element) -> Element:
        request = envelope.find(f"{_SOAP}Body/{WD}Get_Workers_Request")
        if request is None:
            raise FaultError("Client.validationError", "Validation error occurred. Element is not known")
        moment = _moment(request, "Response_Filter/As_Of_Entry_DateTime")
        page, count = (int(_said(request, f"Response_Filter/{name}")) for name in ("Page", "Count"))
        _check_page(page, count)
        self._check(moment)
        listed = self._listed(request, moment)
        number = self.page or page
        shown = listed[(number - 1) * count : number * count]
        results = {
            "Total_Results": len(listed),
            "Total_Pages": -(-len(listed) // count),
            "Page_Results": len(shown),
            "Page": number,
        }
        answer = make("Get_Workers_Response", _results(results))
        data = SubElement(answer, f"{WD}Response_Data")
        paid = request.find(_path("Response_Group")) is None
        data.extend(_without(worker(person, moment.date(), paid=paid), self.hidden) for person in shown)
        return answer

    def _check(self, moment: datetime) -> None:
        if moment > datetime.now(UTC) - self.behind:
            said = "Updated Through must be less than or equal to Current Moment!"
            raise FaultError("Client.validationError", said, "/bsvc:Get_Workers_Request[1]/bsvc:Request_Criteria[1]")

    def _listed(self, request: Element, moment: datetime) -> list[Person]:
        people = self._known(moment)
        if _said(request, "Request_Criteria/Exclude_Inactive_Workers") != "false":
            people = [person for person in people if not gone(person, moment.date())]
        period = request.find(_path("Request_Criteria/Transaction_Log_Criteria_Data/Transaction_Date_Range_Data"))
        if period is None:
            return people
        if period.find(_path("Updated_From")) is not None:
            self._check(_moment(period, "Updated_Through"))
            numbers = self._entered(_moment(period, "Updated_From"), _moment(period, "Updated_Through"))
            return [person for person in people if person.number in numbers]
        ends = [_moment(period, name).date().isoformat() for name in ("Effective_From", "Effective_Through")]
        return [p for p in people if any(ends[0] <= day <= ends[1] for day in (p.hired, p.left))]

    def _known(self, moment: datetime) -> list[Person]:
        return list(next(people for entered, people in reversed(self._history) if entered <= moment))

    def _entered(self, start: datetime, end: datetime) -> set[int]:
        """Return the numbers of those of whom something was entered in a period."""
        steps = zip(self._history, self._history[1:], strict=False)
        return {
            person.number
            for (_, before), (moment, after) in steps
            if start <= moment <= end
            for person in set(after) - set(before)
        }


def _results(numbers: Mapping[str, int]) -> Element:
    return make("Response_Results", *(make(name, str(number)) for name, number in numbers.items()))


def _without(element: Element, hidden: frozenset[str]) -> Element:
    for child in list(element):
        if child.tag.removeprefix(WD) in hidden:
            element.remove(child)
        else:
            _without(child, hidden)
    return element


def _check_page(page: int, count: int) -> None:
    if page < 1 or not 1 <= count <= _MAXIMUM:
        place = "/bsvc:Get_Workers_Request[1]/bsvc:Response_Filter[1]"
        raise FaultError("Client.validationError", "Page and Count must be in their range.", place)


def _fault(fault: FaultError) -> Element:
    element = Element(f"{_SOAP}Fault")
    SubElement(element, "faultcode").text = f"SOAP-ENV:{fault.code}"
    SubElement(element, "faultstring").text = fault.said
    if fault.place:
        error = make(
            "Validation_Error",
            make("Message", fault.said),
            make("Detail_Message", fault.said),
            make("Xpath", fault.place),
        )
        SubElement(element, "detail").append(make("Validation_Fault", error))
    return element


def _write(body: Element) -> bytes:
    envelope = Element(f"{_SOAP}Envelope")
    SubElement(envelope, f"{_SOAP}Body").append(body)
    written: bytes = tostring(envelope, encoding="utf-8", xml_declaration=True)
    return written


def _path(steps: str) -> str:
    return "/".join(f"{WD}{step}" for step in steps.split("/"))


def _said(element: Element, steps: str) -> str:
    return element.findtext(_path(steps), "")


def _moment(element: Element, steps: str) -> datetime:
    return datetime.fromisoformat(_said(element, steps))
