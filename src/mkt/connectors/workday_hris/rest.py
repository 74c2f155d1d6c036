"""The REST workers resource: offset pages without increments, in two shapes.

`common/v1` and the legacy resource give name, e-mail, title and organization of a worker; `staffing` gives the
employee number, type, job profile, location and further jobs. Neither has status, dates, manager or leavers.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mkt.connectors.workday_hris.access import Workday
from mkt.connectors.workday_hris.roster import Named, Recent, Records, Worker, in_order, primary
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
            for worker in page.workers:
                yield from records.of(worker)
            if page.next_offset is not None:
                yield from (Checkpoint(stream, {"offset": page.next_offset}) for stream in streams)
        yield from (Complete(stream, listing="offset") for stream in streams)
        yield from (Checkpoint(stream, None) for stream in streams)
        records.report(context.runtime)

    def _pages(self, offset: int) -> Iterator[Page]:
        seen = Recent()
        while True:
            body = self.ask(offset).json()
            workers = [read_worker(row) for row in _rows(body)]
            new = sum(seen.adds(worker.external_id) for worker in workers if worker.external_id)
            if len(workers) >= self._settings.page_size and not new:
                raise _endless(offset)  # a short page may repeat the end of the one before: somebody was added
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
    job = _object(row, "primaryJob")
    jobs = [job, *(entry for entry in _list(row, "additionalJobs") if isinstance(entry, dict))]
    units = _named(
        [_object(row, "primarySupervisoryOrganization"), *(_object(j, "supervisoryOrganization") for j in jobs)]
    )
    roles = _named([_object(j, "jobProfile") for j in jobs])
    fields = {
        "employee_number": _text(row, "workerId"),
        "formatted_name": _text(row, "descriptor"),
        "email": _text(row, "primaryWorkEmail") or _text(_object(row, "person"), "email"),
        "title": _text(row, "businessTitle") or _text(job, "businessTitle"),
        "user_type": _text(row, "workerType"),
        "location": _text(job, "location"),
        **primary("org_unit", units),
        **primary("job_role", _named([_object(job, "jobProfile")])),
    }
    return Worker(_text(row, "id"), {name: value for name, value in fields.items() if value}, units, roles)


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
        f"the page of workers at offset {offset} has nobody who was not on the pages before it",
        remedy="Workday does not follow `offset` here: correct `api_path`, or read a report.",
        code="workday.endless_pages",
    )


def _object(value: Any, name: str) -> Mapping[str, Any]:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, dict) else {}


def _list(value: Any, name: str) -> list[Any]:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, list) else []


def _text(value: Any, name: str) -> str:
    return text(value.get(name)) if isinstance(value, Mapping) else ""


def _named(things: list[Mapping[str, Any]]) -> tuple[Named, ...]:
    found = (Named(_text(thing, "id"), _text(thing, "descriptor")) for thing in things)
    return tuple(dict.fromkeys(thing for thing in found if thing.id))
