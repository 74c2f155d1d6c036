"""Which column of a custom report a record field is read from.

Aliases are chosen by each tenant: `columns` says them, field by field. For a field that it does not name the
report contract's alias counts, then the one often seen instead. Nothing else of a row is ever read.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from mkt.connectors.workday_hris.values import text

Row = Mapping[str, Any]

CONTRACT: Final[Mapping[str, tuple[str, ...]]] = {
    "external_id": ("Employee_ID",),
    "employee_number": ("Employee_ID",),
    "user_name": ("User_Name",),
    "given_name": ("Preferred_First_Name", "Legal_First_Name", "First_Name"),
    "family_name": ("Preferred_Last_Name", "Legal_Last_Name", "Last_Name"),
    "formatted_name": ("Preferred_Name", "Legal_Name"),
    "email": ("Email", "primaryWorkEmail"),
    "active": ("Active_Status", "Worker_Status"),
    "status": ("Worker_Status", "Active_Status"),
    "title": ("Business_Title", "Job_Title"),
    "user_type": ("Worker_Type",),
    "manager_id": ("Manager_Employee_ID", "Manager_ID"),
    "hire_date": ("Hire_Date",),
    "termination_date": ("Termination_Date", "termination_date"),
    "job_role_id": ("Job_Profile_ID",),
    "job_role": ("Job_Profile",),
    "org_unit_id": ("Supervisory_Organization_ID",),
    "org_unit": ("Supervisory_Organization_Name", "Supervisory_Organization"),
    "location": ("Location", "location"),
    "last_modified": ("Last_Modified", "Last_Functionally_Updated"),
}
_EMPTY_WITHOUT_LEAVERS: Final = "termination_date"


class Columns:
    """The mapping of one tenant."""

    def __init__(self, chosen: Mapping[str, str]) -> None:
        self._chosen = chosen
        self._aliases = {**CONTRACT, **{field: (alias,) for field, alias in chosen.items()}}
        if "status" in chosen and "active" not in chosen:
            self._aliases["active"] = (chosen["status"],)

    def texts(self, row: Row) -> dict[str, str]:
        """Return the row's fields that are not empty."""
        groups = _groups(row)
        found = ((field, _text(row, groups, aliases)) for field, aliases in self._aliases.items())
        return {field: value for field, value in found if value}

    def missing(self, present: Collection[str]) -> dict[str, str]:
        """Return field -> column of what the tenant relies on and no row has.

        The id is always relied on. Termination dates are not: a company that nobody has left yet has none.
        """
        relied_on = {"external_id": CONTRACT["external_id"][0], **self._chosen}
        return {
            field: column
            for field, column in relied_on.items()
            if column not in present and field != _EMPTY_WITHOUT_LEAVERS
        }

    def has(self, field: str, present: Collection[str]) -> bool:
        """Tell whether a field can be read from these columns."""
        return any(alias in present for alias in self._aliases.get(field, ()))

    @property
    def fields(self) -> list[str]:
        return list(self._aliases)


def present_columns(rows: Iterable[Row]) -> set[str]:
    """Return every column that at least one row has: Workday leaves empty ones out."""
    return {name for row in rows for level in (row, *_groups(row)) for name in level}


def _text(row: Row, groups: Sequence[Row], aliases: Iterable[str]) -> str:
    return next(filter(None, (text(_value(row, groups, alias)) for alias in aliases)), "")


def _value(row: Row, groups: Sequence[Row], alias: str) -> Any:
    if alias in row:
        return row[alias]
    return [group[alias] for group in groups if alias in group]


def _groups(row: Row) -> list[Row]:
    """Return the entries of the row's multi-instance columns (`Something_group`)."""
    nested = (value for value in row.values() if isinstance(value, list))
    return [entry for entries in nested for entry in entries if isinstance(entry, dict)]
