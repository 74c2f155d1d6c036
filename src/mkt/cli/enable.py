"""`mkt enable`."""

from dataclasses import replace
from typing import Annotated

import typer

from mkt.cli.actions import open_record, tenant_folder
from mkt.cli.options import Installation, OutputOption, new_app, spread
from mkt.cli.present import present
from mkt.cli.wiring import build_registry, build_settings, build_source
from mkt.engine.tenants.switch import enable as enable_targets
from mkt.output.onboarding_text import switched_object, switched_page

app = new_app()


@app.command()
@spread
def enable(
    *,
    targets: Annotated[list[str], typer.Argument(metavar="TARGET", help="TENANT or TENANT/INTEGRATION.")],
    installation: Installation,
    reason: Annotated[str, typer.Option("--reason", help="Why: it is kept with the event.")] = "",
    output: OutputOption = "auto",
) -> None:
    """Enable integrations in their tenant's file, and end their pause."""
    settings = build_settings(installation)
    source, folder = build_source(settings), tenant_folder(settings)
    registry = build_registry()
    with open_record(settings) as record:
        switched = enable_targets(source, folder, targets, registry)
        found = [replace(each, resumed=record.resume(each.configuration, registry)) for each in switched]
        for each in found:
            if each.changed or each.resumed:
                record.note("enable", each.configuration.target, reason)
    present(output, lambda: [switched_object(each) for each in found], lambda: switched_page(found))
