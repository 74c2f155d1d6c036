"""`mkt disable`."""

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from mkt.cli.actions import open_record, tenant_folder
from mkt.cli.options import Installation, OutputOption, new_app, spread
from mkt.cli.present import present
from mkt.cli.wiring import build_settings, build_source
from mkt.contract import Disabled
from mkt.engine.tenants.switch import disable as disable_targets
from mkt.output.onboarding_text import switched_object, switched_page

app = new_app()


@app.command()
@spread
def disable(
    *,
    targets: Annotated[list[str], typer.Argument(metavar="TARGET", help="TENANT or TENANT/INTEGRATION.")],
    installation: Installation,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DAY", help="The first day on which it runs again: 2027-01-07.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why: it is written into the file.")] = "",
    output: OutputOption = "auto",
) -> None:
    """Disable integrations in their tenant's file."""
    disabled = Disabled(until=_day(until) if until else None, reason=_one_line(reason))
    settings = build_settings(installation)
    source, folder = build_source(settings), tenant_folder(settings)
    with open_record(settings) as record:
        found = disable_targets(source, folder, targets, disabled)
        for each in found:
            if each.changed:
                record.note("disable", each.configuration.target, disabled.reason)
    present(output, lambda: [switched_object(each) for each in found], lambda: switched_page(found))


def _day(text: str) -> date:
    """Read a day to come, by the clock that says what is due: UTC."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day such as 2027-01-07", param_hint="--until") from None
    if day <= datetime.now(UTC).date():
        raise typer.BadParameter(f"{text} is not in the future", param_hint="--until")
    return day


def _one_line(text: str) -> str:
    reason = " ".join(text.split())
    if not reason.isprintable():
        raise typer.BadParameter("it has characters that cannot be printed", param_hint="--reason")
    return reason
