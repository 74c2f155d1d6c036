"""What a tenant's file may say: data to a typed tenant, or to problems at the exact place."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import PurePath
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, WithJsonSchema

from mkt.configs import codes
from mkt.configs.base import Position, Problem
from mkt.configs.document import Document
from mkt.configs.findings import Finding, Kind, findings
from mkt.contract import Json, Schedule
from mkt.contract.manifest import ID, Slug

REPLACE_IT: Final = (
    "If it is the secret itself: replace it at the partner, since it was written down. Put a reference such as"
    " env:NAME here."
)
"""What to do about a value where a reference belongs."""

_DAY: Final = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"

_LONGEST: Final = 63


def _day(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(_DAY, value):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("there is no such day") from None


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date", "pattern": _DAY})]
_LABEL: Final = r"^[^=\s]+$"
Labels = Annotated[
    dict[Annotated[str, StringConstraints(pattern=_LABEL)], str],
    WithJsonSchema(
        {"type": "object", "propertyNames": {"pattern": _LABEL}, "additionalProperties": {"type": "string"}}
    ),
]
Percent = Annotated[float, Field(ge=0, le=100)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DisabledPart(_Part):
    """Why and until when the integration rests; `mkt disable` writes it."""

    until: Day | None = Field(default=None, description="The first day on which it runs again.")
    reason: str = Field(default="", description="Why it is disabled; nothing personal.")


class GuardPart(_Part):
    """The limits over which a sync is held for review; what is left out comes from mkt.toml."""

    max_delete_percent: Percent | None = Field(default=None, description="Deletes, percent of the live records.")
    max_change_percent: Percent | None = Field(default=None, description="Changes, percent of the live records.")
    ignore_below: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Below so many live records the percentages are off."
    )


class IntegrationPart(_Part):
    """One connector enabled for the tenant."""

    connector: Slug = Field(description="The connector's id; see `mkt connectors list`.")
    name: Slug | None = Field(default=None, description="Unique in the tenant; default: the connector's id.")
    enabled: bool = Field(default=True, description="false turns the integration off.")
    disabled: DisabledPart | None = None
    schedule: str | None = Field(
        default=None, description="Cron with five fields, or @hourly, @daily, @weekly; null: only on request."
    )
    timezone: str | None = Field(default=None, description="IANA time zone such as Europe/London; default UTC.")
    settings: dict[str, Any] | None = Field(default=None, description="Typed by the connector.")
    secrets: dict[str, str] | None = Field(
        default=None, description="Name to reference, such as env:NAME; never a value."
    )
    guard: GuardPart | None = None


class TenantPart(_Part):
    """One tenant's file."""

    tenant: Slug = Field(description="The customer; the same slug everywhere.")
    labels: Labels | None = Field(default=None, description="Free words to filter by.")
    integrations: list[IntegrationPart] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantFile:
    """A file, read. `part` is None where the structure is broken; `problems` say why.

    `claim` is where the content names the tenant; where it names none, `tenant` comes from the file's name.
    """

    document: Document
    tenant: str
    claim: Position | None
    part: TenantPart | None
    problems: tuple[Problem, ...]


def read_structure(document: Document) -> TenantFile:
    """Judge a document; nothing is raised."""
    part, found = judged(document.data) if document.root else (None, [])
    refused = {problem.position for problem in document.problems}  # nobody can judge what stands there
    own = [problem for problem in (_problem(document, *item) for item in found) if problem.position not in refused]
    problems = tuple(sorted((*document.problems, *own), key=lambda problem: problem.position))
    claimed = _claimed(document.data)
    return TenantFile(
        document=document,
        tenant=claimed or tenant_of(document.path),
        claim=document.position(("tenant",)) if claimed else None,
        part=None if problems else part,
        problems=problems,
    )


def tenant_of(path: str) -> str:
    """Return a slug that a file's name stands for, for files whose content does not say it."""
    words = re.findall(r"[a-z0-9]+", PurePath(path).stem.lower())
    return "-".join(words)[:_LONGEST].rstrip("-") or "unnamed"


def integrations_of(data: Json) -> Iterator[tuple[int, Mapping[str, Json]]]:
    """Return the entries that can be judged, also those of a file that is otherwise broken."""
    entries = data.get("integrations") if isinstance(data, dict) else None
    if isinstance(entries, list):
        yield from ((index, entry) for index, entry in enumerate(entries) if isinstance(entry, dict))


def _claimed(data: Json) -> str:
    tenant = data.get("tenant") if isinstance(data, dict) else None
    fits = isinstance(tenant, str) and len(tenant) <= _LONGEST and re.fullmatch(ID, tenant)
    return str(tenant) if fits else ""


def judged(data: Json) -> tuple[TenantPart | None, list[tuple[str, Finding]]]:
    """Return the tenant that plain data describe, and what is wrong with them, each with its code."""
    part, found = None, [*_names(data), *_schedules(data)]
    try:
        part = TenantPart.model_validate(data)
    except ValidationError as error:
        found.extend((_code(finding), finding) for finding in findings(error, data, TenantPart))
    return part, found


def _names(data: Json) -> Iterator[tuple[str, Finding]]:
    seen: dict[str, int] = {}
    for index, entry in integrations_of(data):
        key = "connector" if entry.get("name") is None else "name"
        name = entry.get(key)
        if not isinstance(name, str):
            continue
        first = seen.setdefault(name, index)
        if first != index:
            message = f"entries {first + 1} and {index + 1} of integrations are both called {name}"
            finding = Finding("value", ("integrations", index, key), message, "Give one of them another `name:`.")
            yield codes.DUPLICATE_NAME, finding


def _schedules(data: Json) -> Iterator[tuple[str, Finding]]:
    for index, entry in integrations_of(data):
        for key, code, judge in _TIMES:
            text = entry.get(key)
            wrong = judge(text) if isinstance(text, str) else ""
            if wrong:
                remedy = "See `mkt lint --explain " + code + "`."
                yield code, Finding("value", ("integrations", index, key), f"{key}: {wrong}", remedy)


@lru_cache(maxsize=4096)
def _wrong_cron(cron: str) -> str:
    try:
        Schedule(cron)
    except ValueError as error:
        return str(error)
    return ""


@lru_cache(maxsize=1024)
def _wrong_timezone(timezone: str) -> str:
    try:
        Schedule("@daily", timezone)
    except ValueError as error:
        return str(error)
    return ""


_TIMES: Final = (
    ("schedule", codes.WRONG_SCHEDULE, _wrong_cron),
    ("timezone", codes.WRONG_TIMEZONE, _wrong_timezone),
)
_FAMILY: Final = {
    "schedule": codes.WRONG_SCHEDULE,
    "timezone": codes.WRONG_TIMEZONE,
    "secrets": codes.NO_REFERENCE,
    "guard": codes.WRONG_GUARD,
}
_BY_KIND: Final[Mapping[Kind, str]] = {
    "unknown": codes.UNKNOWN_KEY,
    "missing": codes.MISSING_KEY,
    "type": codes.WRONG_TYPE,
    "value": codes.WRONG_VALUE,
}


def _code(finding: Finding) -> str:
    match finding.path, finding.kind:
        case ("integrations", _, str(key), *_), "type" | "value" if key in _FAMILY:
            return _FAMILY[key]
    return _BY_KIND[finding.kind]


def _problem(document: Document, code: str, finding: Finding) -> Problem:
    place = document.position(finding.path, key=finding.at_key)
    return Problem(code, finding.message, place, REPLACE_IT if code == codes.NO_REFERENCE else finding.remedy)
