"""`mkt runs list` and `mkt runs show`."""

from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from mkt.cli.history import keys_of, only_run
from mkt.cli.options import LARGEST, Chosen, Installation, Output, OutputOption, new_app, spread
from mkt.cli.present import present
from mkt.cli.wiring import build_settings, build_source, build_store
from mkt.engine.following import after_run
from mkt.output.objects import run_object
from mkt.output.runs_table import run_page, runs_page
from mkt.store.base import EventQuery, Run, Store

app = new_app("Look at past runs.")
_SHOWN = 5


@app.command("list")
@spread
def list_runs(
    *,
    chosen: Chosen,
    installation: Installation,
    number: Annotated[int, typer.Option("-n", min=1, max=LARGEST, metavar="N", help="How many.")] = 50,
    output: OutputOption = "auto",
) -> None:
    """List the newest runs."""
    settings, selection = build_settings(installation), chosen.selection()
    with closing(build_store(settings)) as store:
        found = store.runs(keys_of(selection, build_source(settings), store), limit=number)
    present(output, lambda: [run_object(run) for run in found], lambda: runs_page(found, datetime.now(UTC)))


@app.command()
@spread
def show(
    *,
    run_id: Annotated[str, typer.Argument(metavar="ID", help="Any unique part of the run's id.")],
    installation: Installation,
    output: OutputOption = "auto",
) -> None:
    """Show one run with its events."""
    with closing(build_store(build_settings(installation))) as store:
        _show(store, only_run(store, run_id), output)


def _show(store: Store, run: Run, output: Output) -> None:
    events = list(store.events(EventQuery(keys=[run.key], run_id=run.id)))
    others = [each for each in store.runs([run.key]) if each.command == run.command and each.id != run.id][:_SHOWN]
    present(
        output,
        lambda: {
            **run_object(run),
            "events": [event.as_dict() for event in events],
            "others": [run_object(other) for other in others],
            "next_command": after_run(run, others),
        },
        lambda: run_page(run, events, others, datetime.now(UTC)),
    )
