"""A custom report as a service (RaaS): the whole roster in one answer, in columns that the tenant chose."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from mkt.connectors.workday_hris.access import Workday
from mkt.connectors.workday_hris.columns import Columns, Row, present_columns
from mkt.connectors.workday_hris.roster import Named, Records, Worker, in_order
from mkt.connectors.workday_hris.values import is_active, iso_date, iso_moment, several
from mkt.contract import Change, Checkpoint, Complete, ConfigError, Json, PartnerError, Response, Step

_EVER: Final = datetime(1900, 1, 1, tzinfo=UTC)
_OVERLAP: Final = timedelta(days=1)
"""Prompts are in the tenant's own time zone, which Workday does not tell: a day covers every zone."""
_MOMENT: Final = "%Y-%m-%dT%H:%M:%S"
_DATES: Final = {"hire_date": iso_date, "termination_date": iso_date, "last_modified": iso_moment}


class Report:
    """The report of one tenant.

    A report without `{since}` in its prompts is a snapshot: who is not in it has left. With it, a run that starts
    somewhere gets only what changed since, and absence means nothing.
    """

    def __init__(self, workday: Workday) -> None:
        self._workday = workday
        self._settings = workday.context.settings
        self._columns = Columns(self._settings.columns)
        self._today = workday.context.runtime.now().date()
        self._present: set[str] = set()
        self._rows = 0

    def ask(self) -> Response:
        since, until = self._since() or _EVER, self._until()
        moments = {"{since}": since.strftime(_MOMENT), "{until}": until.strftime(_MOMENT)}
        prompts = {name: _filled(value, moments) for name, value in self._settings.params.items()}
        return self._workday.get(self._settings.report_url, {**prompts, "format": "json"})

    def workers(self, response: Response) -> list[Worker]:
        return list(self._read(response))

    def check_columns(self, step: Step) -> None:
        if not self._rows:
            step.warn("the report has no rows, so its columns cannot be seen", remedy="Check the report's filter.")
            return
        self._refuse_missing()
        absent = [field for field in self._columns.fields if not self._columns.has(field, self._present)]
        step.evidence(f"the report has a column for {len(self._columns.fields) - len(absent)} fields")
        if absent:
            step.evidence(f"without a column: {', '.join(absent)}")

    def changes(self) -> Iterator[Change]:
        """Yield all streams; nothing before the columns are known to be there."""
        context = self._workday.context
        started, since, streams = context.runtime.now(), self._since(), in_order(context.streams)
        records = Records(context.streams)
        workers = self._read(self.ask())
        if self._rows:
            self._refuse_missing()
        yield from records.of(workers)
        if since is None:
            yield from (Complete(stream, listing="snapshot") for stream in streams)
        cursor = {"since": started.isoformat()} if self._settings.incremental else None
        yield from (Checkpoint(stream, cursor) for stream in streams)
        records.report(context.runtime)

    def _read(self, response: Response) -> Iterator[Worker]:
        rows = _rows(response.json())
        self._rows, self._present = len(rows), present_columns(rows)
        dated = self._columns.has("termination_date", self._present)
        return (read_worker(self._columns.texts(row), today=self._today, dated=dated) for row in rows)

    def _refuse_missing(self) -> None:
        missing = self._columns.missing(self._present)
        if missing:
            named = ", ".join(f"{column} (for {field})" for field, column in missing.items())
            raise ConfigError(
                f"no row of report {self._settings.report} has the column {named}",
                remedy="Correct the alias under `columns`, or let the report's owner add the column. Workday leaves"
                " out what is empty: a column that no row fills is not there.",
                code="workday.column_missing",
            )

    def _since(self) -> datetime | None:
        """Return from when on changes are asked for; None is from the start."""
        context = self._workday.context
        if not self._settings.incremental:
            return None
        if context.window and context.window.since:
            return context.window.since.astimezone(UTC)
        moments = [_moment(context.cursor(stream)) for stream in context.streams]
        known = [moment for moment in moments if moment]
        return min(known) - _OVERLAP if known and len(known) == len(moments) else None

    def _until(self) -> datetime:
        context = self._workday.context
        until = context.window.until if context.window else None
        return until.astimezone(UTC) if until else context.runtime.now()


def read_worker(said: Mapping[str, str], *, today: date, dated: bool) -> Worker:
    """Map a row's texts, by field; `dated` tells that the report has termination dates.

    A date that cannot be read is left out and counted; one of termination says nothing about who is active.
    """
    units, roles = _named(said, "org_unit"), _named(said, "job_role")
    dates = {field: read(said.get(field, "")) for field, read in _DATES.items()}
    fields: dict[str, Any] = {
        **{field: value for field, value in said.items() if field != "external_id"},
        **dates,
        **_first("email", said),
        **_first("manager_id", said),
        **_primary("org_unit", units),
        **_primary("job_role", roles),
        "active": is_active(
            said.get("active", ""),
            dates["hire_date"],
            dates["termination_date"],
            today=today,
            dated=dated and "termination_date" not in said,
        ),
    }
    data = {field: value for field, value in fields.items() if value not in ("", None)}
    unreadable = sum(field in said and not value for field, value in dates.items())
    return Worker(said.get("external_id", ""), data, units, roles, unreadable)


def _rows(body: Any) -> list[Row]:
    rows = body.get("Report_Entry") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise PartnerError(
            "Workday's answer has no list `Report_Entry`: it is not a report in JSON",
            remedy="Check that `report` names a custom report that is enabled as a web service.",
            code="workday.no_report_entry",
            actor="us",
        )
    return [row if isinstance(row, dict) else {} for row in rows]


def _named(said: Mapping[str, str], field: str) -> tuple[Named, ...]:
    """Return ids with their names; where the numbers of both differ, only a single id keeps its name."""
    ids, name = several(said.get(f"{field}_id", "")), said.get(field, "")
    if len(ids) == 1:
        return (Named(ids[0], name),)
    names = several(name)
    if len(names) != len(ids):
        names = [""] * len(ids)
    return tuple(dict.fromkeys(map(Named, ids, names)))


def _first(field: str, said: Mapping[str, str]) -> dict[str, str]:
    return {field: several(said[field])[0]} if several(said.get(field, "")) else {}


def _primary(field: str, things: Sequence[Named]) -> dict[str, str]:
    """Return a person's fields of the first organization or job profile."""
    return {f"{field}_id": things[0].id, field: things[0].name} if things else {}


def _filled(value: str, moments: Mapping[str, str]) -> str:
    for placeholder, moment in moments.items():
        value = value.replace(placeholder, moment)
    return value


def _moment(cursor: Json) -> datetime | None:
    said = cursor.get("since") if isinstance(cursor, dict) else None
    return datetime.fromisoformat(said) if isinstance(said, str) else None
