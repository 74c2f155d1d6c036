"""`mkt verify`."""

import typer

from mkt.cli.options import Chosen, Concurrency, Installation, OutputOption, Quiet, new_app, spread
from mkt.cli.run_output import RunOutput
from mkt.cli.signals import stopping
from mkt.cli.wiring import open_engine
from mkt.engine import verify as engine_verify

app = new_app()


@app.command()
@spread
def verify(
    *,
    chosen: Chosen,
    installation: Installation,
    concurrency: Concurrency = None,
    output: OutputOption = "auto",
    quiet: Quiet = False,
) -> None:
    """Check step by step whether integrations work, and who has to act where they do not."""
    selection = chosen.selection()
    shown = RunOutput(output, quiet=quiet, selection=selection)
    with open_engine(installation, concurrency, shown.sinks) as engine, stopping(engine.stop):
        report = engine_verify.verify(engine, selection, concurrency=engine.settings.concurrency)
    shown.finish(report)
    raise typer.Exit(report.exit_code)
