"""`mkt status`."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from mkt.cli.options import Chosen, Installation, OutputOption, Quiet, new_app, spread
from mkt.cli.present import present
from mkt.cli.wiring import open_engine
from mkt.engine import status as engine_status
from mkt.engine.status import IntegrationStatus
from mkt.output.queue_text import queue_line, queue_object
from mkt.output.status_object import status_object
from mkt.output.status_table import status_page
from mkt.store.queue import Queued, QueueLook

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
        selection = chosen.selection()
        found = engine_status.status(engine, selection)
        queue = engine.store.queue.look() if isinstance(engine.store, Queued) and selection.everything else None
    bad = any(each.health in engine_status.PROBLEMS for each in found)
    if bad or not quiet:
        present(
            output,
            lambda: _objects(found, chosen, queue),
            lambda: status_page(found, datetime.now(UTC), whole=whole, queue=queue_line(queue) if queue else ""),
        )
    raise typer.Exit(int(check and bad))


def _objects(
    found: list[IntegrationStatus], chosen: Chosen, queue: QueueLook | None
) -> dict[str, Any] | list[dict[str, Any]]:
    """Return one object where one integration was named, else a list, however many there are.

    The fleet's list ends with the queue of its workers, where it has one.
    """
    one = len(found) == 1 and len(chosen.targets or ()) == 1 and "/" in (chosen.targets or [""])[0]
    if one:
        return status_object(found[0])
    ends = [{"queue": queue_object(queue)}] if queue and queue.depth else []
    return [*map(status_object, found), *ends]
