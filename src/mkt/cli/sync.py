"""`mkt sync`."""

from typing import TYPE_CHECKING, Annotated

import typer

from mkt.cli.look import Look
from mkt.cli.options import (
    ChosenByCause,
    Concurrency,
    Logged,
    Output,
    OutputOption,
    Quiet,
    Timeout,
    known_streams,
    new_app,
    spread,
)
from mkt.cli.run_output import RunOutput
from mkt.cli.signals import stopping
from mkt.cli.window import Period
from mkt.cli.wiring import open_engine, open_telemetry
from mkt.engine.operator import report_action
from mkt.engine.sync import sync as engine_sync
from mkt.engine.sync.run import TIMEOUT, SyncOptions

if TYPE_CHECKING:
    from mkt.engine.base import Engine
    from mkt.engine.report import Report

app = new_app()


@app.command()
@spread
def sync(
    *,
    chosen: ChosenByCause,
    installation: Logged,
    now: Annotated[bool, typer.Option("--now", help="Also what is not due; needs a target or a filter.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Every enabled integration, due or not.")] = False,
    during: Period,
    look: Look,
    full: Annotated[bool, typer.Option("--full", help="Start from the beginning instead of the cursor.")] = False,
    stream: Annotated[
        list[str] | None,
        typer.Option("--stream", metavar="STREAM", help="Only this stream; repeatable.", callback=known_streams),
    ] = None,
    timeout: Timeout = None,
    concurrency: Concurrency = None,
    output: OutputOption = "auto",
    quiet: Quiet = False,
) -> None:
    """Bring over what is due."""
    now = now or chosen.cause is not None
    _refuse_contradictions(now=now, every=every, look=look, output=output)
    selection = chosen.selection()
    options = SyncOptions(
        now=now,
        all=every,
        dry_run=look.dry,
        preview=look.limit(everything=selection.everything),
        full=full,
        streams=frozenset(stream or ()),
        timeout=timeout or TIMEOUT,
        window=during.window(full=full),
    )
    shown = RunOutput(output, quiet=quiet, selection=selection, piped=look.piped, values=look.values)
    opened = open_engine(installation, concurrency, shown.sinks, keep_events=not look.dry)
    with opened as engine, stopping(engine.stop):
        report = engine_sync.sync(engine, selection, options, concurrency=engine.settings.concurrency)
        if look.values:
            _record_show_values(engine, report)
    shown.finish(report)
    raise typer.Exit(report.exit_code)


def _refuse_contradictions(*, now: bool, every: bool, look: Look, output: Output) -> None:
    if now and every:
        raise typer.BadParameter("--all excludes --now and --cause")
    look.refuse_contradictions(output)


def _record_show_values(engine: "Engine", report: "Report") -> None:
    """Record who looks, of a dry run too, which leaves no other event."""
    with open_telemetry(engine.settings, engine.store) as telemetry:
        for result in report.results:
            if any(result.preview.values()):
                report_action(telemetry, engine.now, "show values", result.target)
