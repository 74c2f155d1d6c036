"""`mkt sync`."""

from datetime import timedelta
from typing import Annotated

import typer

from mkt.cli.options import (
    Chosen,
    Concurrency,
    Installation,
    OutputOption,
    Quiet,
    duration,
    known_streams,
    new_app,
    spread,
)
from mkt.cli.run_output import RunOutput
from mkt.cli.signals import stopping
from mkt.cli.wiring import open_engine
from mkt.engine import sync as engine_sync
from mkt.engine.run import TIMEOUT, SyncOptions

app = new_app()


@app.command()
@spread
def sync(
    *,
    chosen: Chosen,
    installation: Installation,
    now: Annotated[bool, typer.Option("--now", help="Also what is not due; needs a target or a filter.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Every enabled integration, due or not.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and count, store nothing.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Start from the beginning instead of the cursor.")] = False,
    stream: Annotated[
        list[str] | None,
        typer.Option("--stream", metavar="STREAM", help="Only this stream; repeatable.", callback=known_streams),
    ] = None,
    timeout: Annotated[
        timedelta | None,
        typer.Option(
            "--timeout", metavar="TIME", help="Longest time of one integration, such as 30m.", parser=duration
        ),
    ] = None,
    concurrency: Concurrency = None,
    output: OutputOption = "auto",
    quiet: Quiet = False,
) -> None:
    """Bring over what is due."""
    if now and every:
        raise typer.BadParameter("--now and --all exclude each other")
    streams = frozenset(stream or ())
    limit = timeout or TIMEOUT
    options = SyncOptions(now=now, all=every, dry_run=dry_run, full=full, streams=streams, timeout=limit)
    selection = chosen.selection()
    shown = RunOutput(output, quiet=quiet, selection=selection)
    opened = open_engine(installation, concurrency, shown.sinks, keep_events=not dry_run)
    with opened as engine, stopping(engine.stop):
        report = engine_sync.sync(engine, selection, options, concurrency=engine.settings.concurrency)
    shown.finish(report)
    raise typer.Exit(report.exit_code)
