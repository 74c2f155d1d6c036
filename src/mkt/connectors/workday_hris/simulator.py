"""A Workday tenant on loopback: token endpoint, one custom report, the workers resource in both shapes, Get_Workers.

Shapes and errors are those of Workday's documentation and of recorded answers; see the folder's README.
"""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar, Final

from mkt.connectors.workday_hris.service_soap import HumanResources
from mkt.connectors.workday_hris.workforce import (
    Person,
    Records,
    common_row,
    from_common,
    from_report,
    from_staffing,
    records,
    recruit,
    report_row,
    staffing_row,
)
from mkt.connectors.workday_hris.workforce_soap import from_soap
from mkt.simulation import Reply, Request, Simulator, Tokens

_TENANT: Final = "northwind_dpt1"
_BEFORE: Final = timedelta(minutes=6)
"""A change was entered a while ago: a sync asks for what is at least five minutes old."""
_REPORT: Final = "isu_mkt/Learner_Roster"
_API: Final = "/ccx/api/"
_COLUMNS: Final = {
    "external_id": "Employee_ID",
    "email": "primaryWorkEmail",
    "title": "Job_Title",
    "status": "Worker_Status",
    "termination_date": "termination_date",
}


class WorkdaySimulator(Simulator):
    """Serves one tenant. What is set on it makes it behave as badly as some tenants do."""

    connector: ClassVar[str] = "workday-hris"
    variants: ClassVar[tuple[str, ...]] = ("raas", "raas-oauth", "rest", "rest-bearer", "staffing", "soap")

    def __init__(self, size: int = 25) -> None:
        self.tokens = Tokens("workday")
        self.static_token = self.tokens.issue()
        self.isu = ("ISU_mkt", "isu-password-4711")
        self.client = ("client-id-northwind", "client-secret-0815")
        self.shared = True
        """Whether the report is shared with the integration system user."""
        self.prompts: tuple[str, ...] = ()
        """Labels of the report's required prompts."""
        self.total: int | None = None
        """What REST says instead of the true total."""
        self.ignores_offset = False
        self.service = HumanResources(_TENANT, self.isu)
        """The SOAP service."""
        self.rows: list[dict[str, Any]] | None = None
        """What report or workers resource hold instead of the seeded people."""
        super().__init__(size)

    def seed(self, size: int) -> None:
        self.employ([recruit(number) for number in range(1, size + 1)])

    def change(self) -> None:
        people = list(self.people)
        for position in {0, len(people) // 2}:
            people[position] = replace(people[position], title=f"Senior {people[position].title}")
        leaver = next((person for person in people[1:] if person.status == "Active"), None)
        if leaver:
            people[leaver.number - 1] = replace(leaver, left="2025-06-30")
        self.employ([*people, recruit(len(people) + 1), recruit(len(people) + 2)], datetime.now(UTC) - _BEFORE)

    def employ(self, people: list[Person], entered: datetime | None = None) -> None:
        """Take these people, entered at a moment or ever since; those who have left are not in REST."""
        self.people = people
        self.service.enter(people, *filter(None, [entered]))
        self._present = [person for person in people if person.status == "Active"]

    def settings(self, variant: str = "") -> dict[str, Any]:
        common = {"base_url": self.url, "tenant": _TENANT}
        match variant or self.variants[0]:
            case "raas" | "raas-oauth":
                return {**common, "report": _REPORT, "columns": _COLUMNS}
            case "soap":
                return {**common, "mode": "soap", "page_size": 10}
            case "staffing":
                return {**common, "api_path": "/ccx/api/staffing/v6/{tenant}/workers", "page_size": 10}
            case _:
                return {**common, "page_size": 10}

    def secrets(self, variant: str = "") -> dict[str, str]:
        match variant or self.variants[0]:
            case "raas" | "soap":
                return {"WORKDAY_ISU_USERNAME": self.isu[0], "WORKDAY_ISU_PASSWORD": self.isu[1]}
            case "rest-bearer":
                return {"WORKDAY_BEARER_TOKEN": self.static_token}
            case _:
                return {
                    "WORKDAY_REFRESH_TOKEN": self.tokens.refresh_token,
                    "WORKDAY_CLIENT_ID": self.client[0],
                    "WORKDAY_CLIENT_SECRET": self.client[1],
                }

    def expected(self, variant: str = "") -> Records:
        match variant or self.variants[0]:
            case "raas" | "raas-oauth":
                return records([from_report(person) for person in self.people])
            case "soap":
                return records([from_soap(person) for person in self.people])
            case "staffing":
                return records([from_staffing(person) for person in self._present])
            case _:
                return records([from_common(person) for person in self._present])

    def handle(self, request: Request) -> Reply:
        if request.path.startswith("/ccx/oauth2/"):
            return self._token(request)
        if request.path.startswith("/ccx/service/customreport2/"):
            return self._report(request)
        if request.path.startswith("/ccx/service/"):
            status, body = self.service.answer(request.path, request.body)
            return Reply(status, body, {"Content-Type": "text/xml; charset=utf-8"})
        if request.path.startswith(_API) and request.path.endswith(f"/{_TENANT}/workers"):
            return self._workers(request)
        return _problem(404, "not found")

    @cached_property
    def _basic(self) -> str:
        return "Basic " + base64.b64encode(":".join(self.isu).encode()).decode()

    def _token(self, request: Request) -> Reply:
        if request.path != f"/ccx/oauth2/{_TENANT}/token":
            return Reply(503, b"Service Unavailable")
        form = request.form
        if (form.get("client_id"), form.get("client_secret")) != self.client:
            return Reply.json({"error": "invalid_client"}, 401)
        granted = self.tokens.refresh(form.get("refresh_token", ""))
        return Reply.json(granted) if granted else Reply.json({"error": "invalid_grant"}, 400)

    def _report(self, request: Request) -> Reply:
        authorization = request.headers.get("authorization", "")
        if authorization != self._basic and not self.tokens.accepts(authorization):
            return _problem(401, "invalid username or password")
        if request.path != f"/ccx/service/customreport2/{_TENANT}/{_REPORT}":
            return _problem(404, "report not found")
        if not self.shared:
            return _problem(500, "Processing error occurred. The task submitted is not authorized.")
        for prompt in self.prompts:
            if not request.query.get(prompt.replace(" ", "_")):
                return _problem(400, f"Validation error occurred. Report parameter {prompt} is required.")
        if request.query.get("format") != "json":
            return Reply(200, b'<?xml version="1.0"?><wd:Report_Data/>', {"Content-Type": "text/xml"})
        rows = [report_row(person) for person in self.people] if self.rows is None else self.rows
        return Reply.json({"Report_Entry": rows})

    def _workers(self, request: Request) -> Reply:
        if not self.tokens.accepts(request.headers.get("authorization", "")):
            return _problem(401, "invalid resource or operation")
        limit, offset = int(request.query.get("limit", 20)), int(request.query.get("offset", 0))
        if limit > 100:  # noqa: PLR2004 - Workday's documented maximum
            return _problem(400, "Validation error occurred.", "limit: must be at most 100")
        start = 0 if self.ignores_offset else offset
        shape = staffing_row if request.path.startswith(f"{_API}staffing/") else common_row
        listed: list[Any] = self._present if self.rows is None else self.rows
        page = listed[start : start + limit]
        rows = [shape(person) for person in page] if self.rows is None else page
        return Reply.json({"total": len(listed) if self.total is None else self.total, "data": rows})


def _problem(status: int, message: str, *details: str) -> Reply:
    """Return an error in Workday's form, VALIDATION_ERROR_MODEL_REFERENCE."""
    return Reply.json({"error": message, "errors": [{"error": detail} for detail in details]}, status)
