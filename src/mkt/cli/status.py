"""`mkt status`."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from mkt.cli.options import Chosen, Installation, OutputOption, Quiet, new_app, spread
from mkt.cli.present import present
from mkt.cli.wiring import open_engine
from mkt.engine import status as engine_status
from mkt.engine.status import IntegrationStatus
from mkt.output.status_object import status_object
from mkt.output.status_table import status_page

app = new_app()


@app.command()
@spread
def status(
    *,
    chosen: Chosen,
    installation: Installation,
    whole: Annotated[bool, typer.Option("--all", help="Show healthy and disabled integrations too.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 if one is failing, held or overdue.")] = False,
    output: OutputOption = "auto",
    quiet: Quiet = False,
) -> None:
    """Show where every integration stands, problems first."""
    with open_engine(installation) as engine:
        found = engine_status.status(engine, chosen.selection())
    bad = any(each.health in engine_status.PROBLEMS for each in found)
    if bad or not quiet:
        present(
            output,
            lambda: _objects(found, chosen),
            lambda: status_page(found, datetime.now(UTC), whole=whole),
        )
    raise typer.Exit(int(check and bad))


def _objects(found: list[IntegrationStatus], chosen: Chosen) -> dict[str, Any] | list[dict[str, Any]]:
    """Return one object where one integration was named, else a list, however many there are."""
    one = len(found) == 1 and len(chosen.targets or ()) == 1 and "/" in (chosen.targets or [""])[0]
    return status_object(found[0]) if one else [status_object(each) for each in found]
