"""`mkt serve`."""

import socket
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from mkt.cli.options import Logged, OutputOption, new_app, shape, spread
from mkt.cli.signals import stopping
from mkt.cli.wiring import open_engine
from mkt.engine.tally import EXIT_TERMINATED
from mkt.engine.webhooks.inbound import Inbound
from mkt.server.application import Application
from mkt.server.serving import GRACE_SECONDS, listen, serve
from mkt.telemetry.detached import DetachedSink
from mkt.telemetry.jsonl import JsonLinesSink

if TYPE_CHECKING:
    from mkt.cli.options import Shape
    from mkt.store.base import Store
    from mkt.telemetry.base import Sink

app = new_app()
_FINISHING = b"mkt: finishing what has come in, at most 20 s; again to end at once\n"


@app.command("serve")
@spread
def serve_command(
    *,
    installation: Logged,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, metavar="N", help="0: any free one.")] = 8090,
    output: OutputOption = "auto",
) -> None:
    """Take webhooks and launches of partner systems."""
    chosen = shape(output, piped="jsonl", terminal=sys.stdout.isatty())
    with (
        listen(host, port) as listening,
        open_engine(installation, sinks=lambda store: _sinks(chosen, store)) as engine,
        stopping(engine.stop, said=_FINISHING),
    ):
        inbound = Inbound(engine)
        _say_where(listening)
        if not inbound.is_expected():
            typer.echo("mkt: no integration takes webhooks yet; one that is added counts at once", err=True)
        application = Application(inbound, trusted=engine.settings.serve.trusted_proxies)
        serve(application, listening, engine.stop.event.is_set)
        inbound.stop(GRACE_SECONDS)
    raise typer.Exit(EXIT_TERMINATED[engine.stop.reason] if engine.stop.reason else 0)


def _sinks(chosen: "Shape", store: "Store") -> "list[Sink]":
    """Tell what comes in as it comes: lines for a person at a terminal, JSON elsewhere."""
    del store
    if chosen == "table":
        from mkt.cli.live_events import EventLines  # noqa: PLC0415 - rich is not for machines

        return [DetachedSink(EventLines())]
    return [DetachedSink(JsonLinesSink(sys.stdout.buffer))]


def _say_where(listening: socket.socket) -> None:
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    typer.echo(f"mkt: listening on http://{shown}:{port}/hooks/TENANT/INTEGRATION, ^C ends it", err=True)
