"""`mkt triage`."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from mkt.cli.options import Installation, OutputOption, new_app, spread
from mkt.cli.present import present
from mkt.cli.wiring import open_engine
from mkt.engine.causes import find_cause
from mkt.engine.triage import triage as engine_triage
from mkt.output.triage_table import cause_object, cause_page, triage_page

app = new_app()


@app.command()
@spread
def triage(
    *,
    fingerprint: Annotated[
        str | None, typer.Argument(metavar="FP", help="One cause: any unique part of its id.", show_default=False)
    ] = None,
    installation: Installation,
    output: OutputOption = "auto",
) -> None:
    """Group what fails by cause."""
    with open_engine(installation) as engine:
        causes = engine_triage(engine)
    now = datetime.now(UTC)
    if fingerprint is None:
        present(output, lambda: [cause_object(cause) for cause in causes], lambda: triage_page(causes, now))
    else:
        cause = find_cause(causes, fingerprint)
        present(output, lambda: cause_object(cause), lambda: cause_page(cause, now))
