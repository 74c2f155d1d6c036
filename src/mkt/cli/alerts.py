"""`mkt alerts list` and `mkt alerts test`."""

from contextlib import closing
from datetime import UTC, datetime

import typer

from mkt.cli.options import Installation, OutputOption, new_app, spread
from mkt.cli.present import present
from mkt.cli.wiring import build_settings, build_store, open_engine
from mkt.engine.triage.couriers import try_sinks
from mkt.errors import Refused
from mkt.output.alerts_table import alerts_object, alerts_page, tested_object, tested_page

app = new_app("Look at what was told to the operator, and try whether it arrives.")


@app.command("list")
@spread
def list_alerts(*, installation: Installation, output: OutputOption = "auto") -> None:
    """List the causes that were told and have not ended, and what could not be sent."""
    with closing(build_store(build_settings(installation))) as store:
        told, unsent = store.open_alerts(), store.unsent_alerts()
    present(output, lambda: alerts_object(told, unsent), lambda: alerts_page(told, unsent, datetime.now(UTC)))


@app.command("test")
@spread
def send_sample(*, installation: Installation, output: OutputOption = "auto") -> None:
    """Send a sample to each sink of `[alerts]`."""
    with open_engine(installation) as engine:
        tested = try_sinks(engine)
    if not tested:
        remedy = "Set `webhook` or `command` under [alerts] in mkt.toml."
        raise Refused("nobody would be told: neither a webhook nor a command is set", remedy=remedy)
    present(output, lambda: [tested_object(each) for each in tested], lambda: tested_page(tested))
    raise typer.Exit(int(any(each.error for each in tested)))
