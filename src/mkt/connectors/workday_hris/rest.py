"""The REST workers resource: offset pages without increments, in two shapes.

`common/v1` and the legacy resource give name, e-mail, title and organization of a worker; `staffing` gives the
employee number, type, job profile, location and further jobs. Neither has status, dates, manager or leavers.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from mkt.connectors.workday_hris.access import Workday
from mkt.connectors.workday_hris.roster import Named, Records, Worker, in_order
from mkt.connectors.workday_hris.values import text
from mkt.contract import Change, Checkpoint, Complete, Json, PartnerError, Response, Step


class Page(NamedTuple):
    """Workers, the place they begin at, and the next page's (None: this was the last)."""

    workers: list[Worker]
    next_offset: int | None


class Workers:
    """The workers resource of one tenant."""

    def __init__(self, workday: Workday) -> None:
        self._workday = workday
        self._settings = workday.context.settings

    def ask(self, offset: int = 0) -> Response:
        params = {"limit": self._settings.page_size, "offset": offset}
        return self._workday.get(self._settings.workers_url, params)

    def workers(self, response: Response) -> list[Worker]:
        return [read_worker(row) for row in _rows(response.json())]

    def check_columns(self, step: Step) -> None:
        step.skip("REST has fixed fields; only a report has columns")

    def changes(self) -> Iterator[Change]:
        """Yield all streams from one listing, with a checkpoint for each stream after each page."""
        context = self._workday.context
        streams = in_order(context.streams)
        records = Records(context.streams)
        for page in self._pages(min(_offset(context.cursor(stream)) for stream in streams)):
            yield from records.of(page.workers)
            if page.next_offset is not None:
                yield from (Checkpoint(stream, {"offset": page.next_offset}) for stream in streams)
        yield from (Complete(stream, listing="offset") for stream in streams)
        yield from (Checkpoint(stream, None) for stream in streams)
        records.report(context.runtime)

    def _pages(self, offset: int) -> Iterator[Page]:
        seen: set[int] = set()
        while True:
            body = self.ask(offset).json()
            workers = [read_worker(row) for row in _rows(body)]
            page = hash(tuple([worker.external_id for worker in workers]))
            if page in seen and len(workers) >= self._settings.page_size:
                raise _endless(offset)  # a short page may repeat the end of the one before: somebody was added
            seen.add(page)
            offset += len(workers)
            last = self._is_last(len(workers), offset, body.get("total"))
            yield Page(workers, None if last else offset)
            if last:
                return

    def _is_last(self, size: int, read: int, total: Any) -> bool:
        """Stop at an empty page, and at a short one unless the total says that the page was cut short.

        `total` is a hint only: Workday gives 0 with rows, so a full page always has another one after it.
        """
        more = isinstance(total, int) and total > read
        return size == 0 or (size < self._settings.page_size and not more)


def read_worker(row: Any) -> Worker:
    """Map a worker of either shape; of what is none, a worker without id."""
    if not isinstance(row, dict):
        return Worker("", {})
    job, others = _object(row.get("primaryJob")), row.get("additionalJobs")
    jobs = [job, *map(_object, others)] if isinstance(others, list) else [job]
    units, roles = _around(row, jobs)
    data = {
        "employee_number": text(row.get("workerId")),
        "formatted_name": text(row.get("descriptor")),
        "email": text(row.get("primaryWorkEmail")) or text(_object(row.get("person")).get("email")),
        "title": text(row.get("businessTitle")) or text(job.get("businessTitle")),
        "user_type": text(row.get("workerType")),
        "location": text(job.get("location")),
    }
    if units:
        data["org_unit_id"], data["org_unit"] = units[0]
    if roles and _named(job.get("jobProfile")):
        data["job_role_id"], data["job_role"] = roles[0]
    if "" in data.values():
        data = {name: value for name, value in data.items() if value}
    return Worker(text(row.get("id")), data, units, roles)


def _around(row: Mapping[str, Any], jobs: Iterable[Mapping[str, Any]]) -> tuple[tuple[Named, ...], tuple[Named, ...]]:
    """Read organizations and job profiles, each once."""
    units: dict[Named, None] = {}
    roles: dict[Named, None] = {}
    if unit := _named(row.get("primarySupervisoryOrganization")):
        units[unit] = None
    for job in jobs:
        if unit := _named(job.get("supervisoryOrganization")):
            units[unit] = None
        if role := _named(job.get("jobProfile")):
            roles[role] = None
    return tuple(units), tuple(roles)


def _rows(body: Any) -> list[Any]:
    rows = body.get("data") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise PartnerError(
            "Workday's answer has no list of workers in `data`",
            remedy="Correct `api_path`: it must lead to a workers resource.",
            code="workday.no_data",
        )
    return rows


def _offset(cursor: Json) -> int:
    offset = cursor.get("offset") if isinstance(cursor, Mapping) else None
    return offset if isinstance(offset, int) and offset > 0 else 0


def _endless(offset: int) -> PartnerError:
    return PartnerError(
        f"the page of workers at offset {offset} has the same workers as one before it",
        remedy="Workday does not follow `offset` here: correct `api_path`, or read a report.",
        code="workday.endless_pages",
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _named(thing: Any) -> Named | None:
    """Read a reference; what has no id is none."""
    if isinstance(thing, dict) and (identifier := text(thing.get("id"))):
        return Named(identifier, text(thing.get("descriptor")))
    return None
