"""`mkt events`."""

import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Annotated, Final, get_args

import typer

from mkt.cli.history import keys_of, only_run
from mkt.cli.options import LARGEST, Chosen, Installation, Output, OutputOption, new_app, shape, spread
from mkt.cli.present import present, print_page
from mkt.cli.wiring import build_settings, build_source, build_store
from mkt.contract import ConnectorEvent, Level
from mkt.output.json import write_lines
from mkt.output.tables import event_line
from mkt.store.base import EventQuery, Key, Run, Store

app = new_app()
POLL_SECONDS: Final = 1.0
LATE_SECONDS: Final = 10.0
"""Two processes store events at the same time, so one may appear this long after another that arrived later."""
_LEVELS: Final[tuple[Level, ...]] = get_args(Level)


@app.command()
@spread
def events(
    *,
    chosen: Chosen,
    installation: Installation,
    number: Annotated[int, typer.Option("-n", min=1, max=LARGEST, metavar="N", help="How many of the newest.")] = 50,
    level: Annotated[Level, typer.Option("--level", help="This level and worse.")] = "debug",
    run: Annotated[
        str, typer.Option("--run", metavar="ID", help="Only of this run: any unique part of its id.")
    ] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with those that come.")] = False,
    output: OutputOption = "auto",
) -> None:
    """Look at what happened, or follow it."""
    settings, selection = build_settings(installation), chosen.selection()
    with closing(build_store(settings)) as store:
        keys = keys_of(selection, build_source(settings), store)
        run_id, keys = _of_run(only_run(store, run), keys) if run else ("", keys)
        query = EventQuery(keys=keys, run_id=run_id, levels=_LEVELS[_LEVELS.index(level) :], limit=number)
        if follow:
            _write(followed(store, query), output)
        else:
            found = list(store.events(query))
            chosen_shape = shape(output, piped="jsonl", terminal=sys.stdout.isatty())
            present(chosen_shape, lambda: [event.as_dict() for event in found], lambda: map(event_line, found))


def _of_run(run: Run, keys: list[Key] | None) -> tuple[str, list[Key]]:
    """Return what finds a run's events: where nothing else was asked for, those of its integration."""
    return run.id, [run.key] if keys is None else keys


def followed(
    store: Store, query: EventQuery, wait: Callable[[float], object] | None = None
) -> Iterator[ConnectorEvent]:
    """Yield the newest events and then, without end, those that come, however late; each once."""
    shown: dict[str, float] = {}
    for event in store.events(query):
        shown[event.id] = time.monotonic()
        yield event
    after = min(shown, default="")
    while True:
        (wait or _wait)(POLL_SECONDS)
        arrived: list[str] = []
        for event in store.events(replace(query, after_id=after, limit=None)):
            arrived.append(event.id)
            if event.id not in shown:
                shown[event.id] = time.monotonic()
                yield event
        settled = time.monotonic() - LATE_SECONDS
        for name in arrived:
            if shown[name] > settled:
                break
            after = name
            del shown[name]


def _wait(seconds: float) -> None:
    """Wait; raise `BrokenPipeError` as soon as the reader has left, as `head` does: the next event may be far."""
    try:
        stdout = sys.stdout.fileno()
    except OSError:  # no file: a test's, or closed
        time.sleep(seconds)
        return
    watched = select.poll()
    watched.register(stdout, 0)
    if watched.poll(seconds * 1000):
        raise BrokenPipeError


def _write(found: Iterator[ConnectorEvent], output: Output) -> None:
    table = shape(output, piped="jsonl", terminal=sys.stdout.isatty()) == "table"
    for event in found:
        if table:
            print_page([event_line(event)])
        else:
            write_lines([event.as_dict()], sys.stdout.buffer)
