"""`mkt worker`."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from mkt.cli.options import Concurrency, Logged, OutputOption, Timeout, new_app, shape, spread
from mkt.cli.signals import stopping
from mkt.cli.wiring import open_engine
from mkt.engine.sync.run import TIMEOUT
from mkt.engine.worker.worker import Worker, Working
from mkt.errors import StartError
from mkt.store.queue import Queue, Queued
from mkt.telemetry.detached import DetachedSink
from mkt.telemetry.jsonl import JsonLinesSink

if TYPE_CHECKING:
    from mkt.cli.options import Shape
    from mkt.store.base import Store
    from mkt.telemetry.base import Sink

app = new_app()
_STOPPING = b"mkt: stopping at the next checkpoint, the rest goes to other workers; again to end at once\n"


@app.command("worker")
@spread
def worker_command(
    *,
    installation: Logged,
    once: Annotated[bool, typer.Option("--once", help="End when nothing waits any more.")] = False,
    timeout: Timeout = None,
    concurrency: Concurrency = None,
    output: OutputOption = "auto",
) -> None:
    """Share the syncs that are due with other workers, over Supabase Queues."""
    chosen = shape(output, piped="jsonl", terminal=sys.stdout.isatty())
    opened = open_engine(installation, concurrency, lambda _: _sinks(chosen))
    with opened as engine, stopping(engine.stop, said=_STOPPING):
        lanes = engine.settings.concurrency
        worker = Worker(engine, queue_of(engine.store), Working(lanes=lanes, once=once, timeout=timeout or TIMEOUT))
        if not once:
            typer.echo(f"mkt: working, at most {lanes} integrations at a time; ^C ends it", err=True)
        tally = worker.work()
    raise typer.Exit(tally.exit_code)


def queue_of(store: "Store") -> Queue:
    """Return the queue of a store that has one; raise `StartError` for the others."""
    if not isinstance(store, Queued):
        raise StartError(
            "workers share their work over Supabase, and the store is on this machine",
            remedy='Set store = "supabase" in mkt.toml, or let cron run `mkt sync`, which needs no worker.',
        )
    return store.queue


def _sinks(chosen: "Shape") -> "list[Sink]":
    """Tell what happens as it happens: lines for a person at a terminal, JSON elsewhere."""
    if chosen == "table":
        from mkt.cli.live_events import EventLines  # noqa: PLC0415 - rich is not for machines

        return [DetachedSink(EventLines())]
    return [DetachedSink(JsonLinesSink(sys.stdout.buffer))]
