"""Get_Workers of the Human_Resources web service: pages of one frozen moment, and what changed since.

For tenants of more than about 50,000 workers, whose report would be too large each time.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element

from mkt.connectors.workday_hris.access import Workday
from mkt.connectors.workday_hris.roster import Records, Worker, in_order
from mkt.connectors.workday_hris.soap_plan import Plan
from mkt.connectors.workday_hris.soap_request import get_workers
from mkt.connectors.workday_hris.soap_worker import read_worker
from mkt.connectors.workday_hris.soap_xml import WD, Reader, read_body
from mkt.contract import Change, Checkpoint, Complete, Deleted, Json, PartnerError, Response, Step

_EXPECTED: Final = {
    "family_name": "Person Data: Name",
    "email": "Person Data: Work Email",
    "hire_date": "Worker Data: Current Staffing Information",
    "job_role": "Worker Data: Current Staffing Information",
    "org_unit": "Worker Data: Organization Information",
}
"""Fields that nearly everybody has, each with the security domain that shows it."""


class Page(NamedTuple):
    """Workers, and what Workday says of the listing that they are a page of."""

    workers: list[Worker]
    number: int
    pages: int
    total: int


class Directory:
    """The workers of one tenant, by Get_Workers."""

    def __init__(self, workday: Workday) -> None:
        self._workday = workday
        self._settings = workday.context.settings
        self._first: Page | None = None

    def ask(self) -> Response:
        return self._ask(self._plan([None]))

    def workers(self, response: Response) -> list[Worker]:
        self._first = self._read(response, self._workday.context.runtime.now().date())
        return self._first.workers

    def check_columns(self, step: Step) -> None:
        """Look for fields that nobody has: what the user may not see, Workday leaves out without a word."""
        page = self._first
        if not page or not page.workers:
            step.warn("there is nobody whose fields could be seen", remedy="Check the user's security group.")
            return
        filled = {field for worker in page.workers for field in worker.data}
        absent = [field for field in _EXPECTED if field not in filled]
        step.evidence(
            f"{len(filled)} fields are filled on the first of {page.pages} pages ({page.total} workers in all)"
        )
        if absent:
            domains = ", ".join(dict.fromkeys(_EXPECTED[field] for field in absent))
            step.warn(
                f"nobody has {', '.join(absent)}",
                remedy=f"Workday's administrator gives the user's security group Get access to {domains}, and"
                " activates the pending security policy changes.",
            )

    def changes(self) -> Iterator[Change]:
        """Yield all streams of one run, with a checkpoint for each stream after each page."""
        context = self._workday.context
        streams = in_order(context.streams)
        records = Records(context.streams)
        plan = self._plan([context.cursor(stream) for stream in streams])
        for workers, following in self._pages(plan):
            yield from records.of(workers)
            if plan.since and "memberships" in streams:
                yield from self._outdated(workers)
            if following:
                yield from (Checkpoint(stream, following.cursor()) for stream in streams)
        if not plan.since:
            # The pages are of one moment, so nobody slips between two of them.
            yield from (Complete(stream, listing="snapshot") for stream in streams)
        yield from (Checkpoint(stream, plan.done()) for stream in streams)
        records.report(context.runtime)

    def _plan(self, cursors: Sequence[Json]) -> Plan:
        context = self._workday.context
        return Plan.of(cursors, context.window, context.runtime.now(), self._settings.page_size)

    def _pages(self, plan: Plan) -> Iterator[tuple[list[Worker], Plan | None]]:
        """Yield the workers of each page, and where to go on after it."""
        seen: set[tuple[str, int]] = set()
        place: Plan | None = plan
        while place:
            page = self._read(self._ask(place), place.moment.date())
            known = (place.part, hash(tuple([worker.external_id for worker in page.workers])))
            if page.number != place.page or known in seen:
                raise _same_again(place.page)
            if page.total and not page.workers:
                raise _empty(page, place.page)
            seen.add(known)
            place = place.after(last=place.page >= page.pages)
            yield page.workers, place

    def _outdated(self, workers: Collection[Worker]) -> list[Change]:
        """Return the stored memberships that these workers have no longer: Workday tells where they are, not were."""
        if not workers:
            return []
        now = {(worker.external_id, unit.id) for worker in workers for unit in worker.org_units}
        people = {worker.external_id for worker in workers}
        pairs = (
            (record.external_id, record.data.get("person_id"), record.data.get("org_unit_id"))
            for record in self._workday.context.records("memberships")
        )
        return [
            Deleted("memberships", id_)
            for id_, person, unit in pairs
            if person in people and (person, unit) not in now
        ]

    def _ask(self, place: Plan) -> Response:
        settings = self._settings
        return self._workday.call(settings.service_url, get_workers(settings.soap_version, place))

    def _read(self, response: Response, today: date) -> Page:
        workers: list[Worker] = []
        body = read_body(response, Reader(f"{WD}Worker", lambda element: workers.append(read_worker(element, today))))
        if body.tag != f"{WD}Get_Workers_Response":
            raise self._workday.explain.of_fault(response) or _no_workers("is no Get_Workers_Response")
        return Page(workers, *(_number(body, name) for name in ("Page", "Total_Pages", "Total_Results")))


def _number(body: Element, name: str) -> int:
    """Read a number of the results; without it the end of the listing is not known."""
    said = body.findtext(f"{WD}Response_Results/{WD}{name}", "").strip()
    if not said.isdecimal():
        raise _no_workers(f"has no {name} in its Response_Results")
    return int(said)


def _no_workers(what: str) -> PartnerError:
    return PartnerError(
        f"Workday's answer {what}",
        remedy="Correct `base_url`, `tenant` or `soap_version`; if they are right, give Workday's support this line.",
        code="workday.no_workers",
    )


def _same_again(page: int) -> PartnerError:
    return PartnerError(
        f"Workday answered the question for page {page} of the workers with another page",
        remedy="Try again; if it stays so, give Workday's support this line.",
        code="workday.endless_pages",
    )


def _empty(page: Page, asked: int) -> PartnerError:
    return PartnerError(
        f"page {asked} of {page.pages} is empty, although Workday counts {page.total} workers: nobody may be"
        " taken for gone because of that",
        remedy="Try again; if it stays so, give Workday's support this line.",
        code="workday.empty_page",
    )
