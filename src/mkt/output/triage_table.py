"""Failures by cause, for a person and for scripts."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from mkt.engine.following import broken_source
from mkt.engine.triage.causes import Case, Cause
from mkt.output.fitting import Fitting, facts
from mkt.output.objects import moment
from mkt.output.text import (
    BOLD,
    DIM,
    acts,
    ago,
    clean,
    line,
    next_command,
    outcome_text,
    plural,
    short_id,
)

_COLUMNS: Final = ("integration", "stands", "since", "last seen", "run")
_SHOWN = 10
"""Tenants that are named of one cause in the listing."""


def triage_page(causes: Sequence[Cause], now: datetime) -> Iterator[RenderableType]:
    """Show every cause, the one with the most tenants first."""
    if not causes:
        yield line("nothing fails")
        yield next_command("mkt status")
        return
    yield line(_headline(causes), style=BOLD)
    for cause in causes:
        yield _heading(cause)
        yield from facts(_short(cause, now), cause.next_command)
    yield next_command(causes[0].next_command if len(causes) == 1 else f"mkt triage {causes[0].fingerprint}")


def cause_page(cause: Cause, now: datetime) -> Iterator[RenderableType]:
    """Show one cause with every integration that has it."""
    yield _heading(cause)
    yield from facts(_long(cause, now))
    rows = [_cells(case, now) for case in cause.cases]
    yield Padding(Fitting(_COLUMNS, rows, spare=("last seen", "run")), (0, 0, 0, 2))
    yield next_command(cause.next_command)


def _cells(case: Case, now: datetime) -> dict[str, object]:
    return {
        "integration": case.target,
        "stands": outcome_text(case.standing),
        "since": ago(case.since, now) if case.since else "",
        "last seen": ago(case.last_seen, now) if case.last_seen else "",
        "run": short_id(case.run_id),
    }


def cause_object(cause: Cause) -> dict[str, Any]:
    """Return a cause for scripts."""
    failure = cause.failure
    return {
        "fingerprint": cause.fingerprint,
        "state": cause.standing,
        "connector": cause.example.connector,
        "class": failure.error_class,
        "code": failure.code,
        "message": failure.message,
        "remedy": failure.remedy,
        "actor": cause.actor,
        "why_actor": cause.why_actor or None,
        "tenant_count": len(cause.tenants),
        "integration_count": len(cause.cases),
        "tenants": list(cause.tenants),
        "integrations": list(cause.targets),
        "first_seen": moment(cause.first_seen),
        "last_seen": moment(cause.last_seen),
        "example_run_id": cause.example.run_id or None,
        "next_command": cause.next_command,
    }


def _headline(causes: Sequence[Cause]) -> str:
    tenants = {tenant for cause in causes for tenant in cause.tenants}
    return f"{plural(len(tenants), 'tenant')}, {plural(len(causes), 'cause')}"


def _heading(cause: Cause) -> Text:
    count = f"{plural(len(cause.tenants), 'tenant')}, {plural(len(cause.cases), 'integration')}"
    return Text.assemble(
        (cause.fingerprint, BOLD),
        f"  {clean(cause.example.connector or broken_source(cause.failure.message))}  ",
        outcome_text(cause.standing),
        f"  {cause.failure.error_class}  ",
        (count if cause.example.integration else plural(len(cause.tenants), "tenant"), DIM),
    )


def _short(cause: Cause, now: datetime) -> Iterator[tuple[str, str]]:
    yield "for example" if len(cause.cases) > 1 else "why", cause.failure.message
    yield acts(cause.actor), cause.failure.remedy
    yield "likely", cause.why_actor
    yield "seen", _seen(cause, now)
    named = cause.targets[:_SHOWN]
    more = f" and {len(cause.targets) - len(named):,} more" if len(cause.targets) > len(named) else ""
    yield "where", ", ".join(named) + more


def _long(cause: Cause, now: datetime) -> Iterator[tuple[str, str]]:
    yield from ((name, value) for name, value in _short(cause, now) if name != "where")
    yield "code", cause.failure.code
    if cause.example.run_id:
        yield "example", f"mkt runs show {short_id(cause.example.run_id)}"


def _seen(cause: Cause, now: datetime) -> str:
    if cause.first_seen is None or cause.last_seen is None:
        return ""
    return f"first {ago(cause.first_seen, now)}, last {ago(cause.last_seen, now)}"
