"""`mkt handover`."""

from typing import Annotated

import typer

from mkt.cli.options import Installation, Output, OutputOption, new_app, spread
from mkt.cli.present import present
from mkt.cli.targets import integrations_of
from mkt.cli.wiring import build_registry, build_secrets, build_settings, build_source
from mkt.engine.tenants.handover import Handover
from mkt.engine.tenants.handover import handover as handover_of
from mkt.output.handover_text import handover_object, handover_text, notes

app = new_app()


@app.command()
@spread
def handover(
    *,
    target: Annotated[str, typer.Argument(metavar="TARGET", help="TENANT or TENANT/INTEGRATION.")],
    installation: Installation,
    output: OutputOption = "auto",
) -> None:
    """Write what the customer's admin enters on their side and what they send back."""
    settings, registry = build_settings(installation), build_registry()
    secrets = build_secrets(settings)
    found = [
        handover_of(configuration, connector, secrets, settings.public_url)
        for configuration, connector in integrations_of(target, build_source(settings), registry)
    ]
    _write(found, output, one="/" in target)


def _write(found: list[Handover], output: Output, *, one: bool) -> None:
    """Write Markdown as it is, not fitted to a terminal: it goes into a mail. What is for us goes to stderr."""
    for note in notes(found):
        typer.echo(f"mkt: {note}", err=True)
    if output in ("auto", "table"):
        typer.echo(handover_text(found), nl=False)
    else:
        objects = [handover_object(each) for each in found]
        present(output, lambda: objects[0] if one else objects, list)
