"""`mkt verify`."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from mkt.cli.customer_output import CustomerOutput
from mkt.cli.options import ChosenByCause, Concurrency, Logged, Output, OutputOption, Quiet, Timeout, new_app, spread
from mkt.cli.run_output import RunOutput
from mkt.cli.signals import stopping
from mkt.cli.wiring import open_engine
from mkt.engine.verify import verify as engine_verify
from mkt.engine.verify.for_customer import verify_for_customer
from mkt.engine.verify.verify import TIMEOUT, narrowed
from mkt.engine.verify.waiting import verify_until_green
from mkt.output.verify_table import change_line

if TYPE_CHECKING:
    from mkt.engine.base import Engine
    from mkt.engine.report import Report, Result
    from mkt.engine.selection import Selection

app = new_app()


@app.command()
@spread
def verify(
    *,
    chosen: ChosenByCause,
    installation: Logged,
    for_customer: Annotated[
        bool,
        typer.Option("--for-customer", help="Write what can be sent to the customer of each that fails or warns."),
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Repeat what fails, every 5 to 60 seconds, until nothing does.")
    ] = False,
    timeout: Timeout = None,
    concurrency: Concurrency = None,
    output: OutputOption = "auto",
    quiet: Quiet = False,
) -> None:
    """Check step by step whether integrations work, and who has to act where they do not."""
    if for_customer and wait:
        raise typer.BadParameter("--for-customer and --wait exclude each other")
    selection = chosen.selection()
    if for_customer:
        raise typer.Exit(_for_customer(installation, concurrency, selection, output, timeout or TIMEOUT))
    shown = RunOutput(output, quiet=quiet, selection=selection)
    with open_engine(installation, concurrency, shown.sinks) as engine, stopping(engine.stop):
        report = _verified(engine, narrowed(engine, selection), timeout or TIMEOUT, wait=wait)
    shown.finish(report)
    raise typer.Exit(report.exit_code)


def _for_customer(
    installation: Logged, concurrency: int | None, selection: "Selection", output: Output, timeout: timedelta
) -> int:
    shown = CustomerOutput(output)
    with open_engine(installation, concurrency, shown.sinks) as engine, stopping(engine.stop):
        workers = engine.settings.concurrency
        found = verify_for_customer(engine, narrowed(engine, selection), concurrency=workers, timeout=timeout)
    shown.finish(found)
    return found.report.exit_code


def _verified(engine: "Engine", selection: "Selection", timeout: timedelta, *, wait: bool) -> "Report":
    workers = engine.settings.concurrency
    if not wait:
        return engine_verify.verify(engine, selection, concurrency=workers, timeout=timeout)
    return verify_until_green(engine, selection, concurrency=workers, tell=_tell, timeout=timeout)


def _tell(result: "Result") -> None:
    typer.echo(change_line(result, datetime.now(UTC)), err=True)
