"""MKT2xx: the keys of a tenant's file. `mkt.configs` finds these while it reads; here stands what they mean.

The last four are lint's alone.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import PurePath
from typing import Final

from mkt.configs import codes
from mkt.configs.base import Problem
from mkt.configs.structure import TenantFile, tenant_of
from mkt.contract import Json
from mkt.lint.base import Rule, WrittenIntegration

RULES: Final = (
    Rule(
        code=codes.UNKNOWN_KEY,
        name="unknown-key",
        summary="A key that mkt does not know, most often one mistyped.",
        why="It has no effect, and a schedule or a guard that has none is noticed late.",
        bad='shedule: "15 2 * * *"',
        good='schedule: "15 2 * * *"',
    ),
    Rule(
        code=codes.MISSING_KEY,
        name="missing-key",
        summary="A key that is needed: `tenant`, and `connector` in each integration.",
        why="Without it nobody knows whose integration it is, or what it runs on.",
        bad="integrations: [{name: roster}]",
        good="integrations: [{name: roster, connector: workday-hris}]",
    ),
    Rule(
        code=codes.WRONG_TYPE,
        name="wrong-type",
        summary="Text where a number belongs, and the like. By YAML 1.2 `yes`, `no` and `on` are text.",
        why="A guess would be right most of the time. The whole file is refused instead.",
        bad="enabled: yes",
        good="enabled: true",
    ),
    Rule(
        code=codes.WRONG_VALUE,
        name="wrong-value",
        summary="The right type, but not a value that is allowed: a name with capitals, a day that does not exist.",
        why="Names stand in URLs, in names of variables and in tables: one grammar fits them all.",
        bad="tenant: North_Wind",
        good="tenant: north-wind",
    ),
    Rule(
        code=codes.DUPLICATE_NAME,
        name="duplicate-name",
        summary="Two integrations of the tenant have one name. Without `name:` it is the connector's id.",
        why="State, history and secrets go by tenant and name: two integrations would share them.",
        bad="integrations: [{connector: workday-hris}, {connector: workday-hris}]",
        good="integrations: [{connector: workday-hris}, {connector: workday-hris, name: contractors}]",
    ),
    Rule(
        code=codes.FILE_NAME,
        name="file-name",
        summary="The tenant is called otherwise than its file and its folder. Subfolders are free.",
        bad="configs/southwind.yaml with\ntenant: northwind",
        good="configs/emea/northwind.yaml with\ntenant: northwind",
        severity="warning",
        why="Who looks for a tenant's file looks by its name. Most often a file was copied and not wholly changed.",
    ),
    Rule(
        code=codes.FOREIGN_NAME,
        name="foreign-name",
        summary="An integration has the name of a connector that is not its own.",
        bad="integrations: [{name: lti-1p3-deeplink, connector: workday-hris}]",
        good="integrations: [{name: roster, connector: workday-hris}]",
        severity="warning",
        why="Whoever reads the name in a table or in an alert looks at the wrong partner.",
    ),
    Rule(
        code=codes.NO_REASON,
        name="no-reason",
        summary="An integration is disabled, and nobody says why.",
        bad="disabled: {until: 2027-01-07}",
        good="disabled: {until: 2027-01-07, reason: summer holidays}",
        severity="warning",
        why="A year later nobody dares to enable it, or to remove it.",
    ),
    Rule(
        code=codes.PAST_DAY,
        name="past-day",
        summary="The day until which an integration was disabled has come: it runs again.",
        bad="disabled: {until: 2026-01-07, reason: summer holidays}",
        good="disabled: {until: 2027-01-07, reason: summer holidays}",
        severity="warning",
        why="Whoever reads `disabled` takes it for one that rests.",
    ),
)


def judge_file(file: TenantFile) -> Iterator[Problem]:
    """Compare the tenant with the names of its file and its folder."""
    if file.claim is None or file.document.path.endswith((f"/{file.tenant}.yaml", f"/{file.tenant}.yml")):
        return
    path = PurePath(file.document.path)
    if file.tenant in (path.stem, path.parent.name, tenant_of(path.name)):
        return
    message = f"tenant {file.tenant} stands in a file called {path.name}"
    remedy = f"Call the file {file.tenant}{path.suffix}, or correct the tenant."
    yield Problem(codes.FILE_NAME, message, file.claim, remedy)


def judge(written: WrittenIntegration) -> Iterator[Problem]:
    """Find a misleading name, and what `disabled` leaves open."""
    name, connector = written.data.get("name"), written.data.get("connector")
    if isinstance(name, str) and name != connector and name in written.registry:
        message = f"{name} is the id of another connector than this integration's, {connector}"
        yield written.problem(codes.FOREIGN_NAME, message, ["name"], remedy="Say what it is for: roster, courses.")
    if isinstance(written.data.get("disabled"), dict):
        yield from _disabled(written)


def _disabled(written: WrittenIntegration) -> Iterator[Problem]:
    disabled = written.mapping("disabled")
    day, reason = _day(disabled.get("until")), disabled.get("reason", "")
    if isinstance(reason, str) and not reason.strip():
        path = ["disabled", "reason"] if "reason" in disabled else ["disabled"]
        remedy = "Add one: disabled: {reason: why}."
        yield written.problem(codes.NO_REASON, "disabled without a reason", path, remedy=remedy, key=True)
    if day is not None and day <= datetime.now(UTC).date():
        message = f"{day} has come, so the integration is enabled again"
        remedy = "Remove `disabled`, or give a day to come."
        yield written.problem(codes.PAST_DAY, message, ["disabled", "until"], remedy=remedy)


def _day(value: Json) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
