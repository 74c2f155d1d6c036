"""What `mkt verify --for-customer` writes: a text to send for each integration that failed or warned."""

import sys
from contextlib import suppress
from datetime import UTC, datetime

import typer

from mkt.cli.options import Output, shape
from mkt.cli.wiring import build_registry
from mkt.engine.verify.for_customer import ForCustomer
from mkt.output.customer import asked_lines, customer_object, customer_texts, document
from mkt.output.json import write_document, write_lines
from mkt.output.text import console_for, plural
from mkt.store.base import Store
from mkt.telemetry.base import Sink
from mkt.telemetry.terminal import TerminalSink


class CustomerOutput:
    """Nothing but the texts stands on stdout, so that they can be piped into a mail."""

    def __init__(self, output: Output) -> None:
        self._shape = shape(output, piped="table", terminal=sys.stdout.isatty())

    def sinks(self, store: Store) -> list[Sink]:
        """Show progress to a person at a terminal."""
        del store
        return [TerminalSink(console_for(sys.stderr))] if self._shape == "table" else []

    def finish(self, found: ForCustomer) -> None:
        """Write the texts; on stderr, whether the partner was asked, and that there is none to send."""
        now = datetime.now(UTC)
        names = {name: connector.manifest.name for name, connector in build_registry().items() if connector.manifest}
        texts = customer_texts(found, names, now)
        for said in asked_lines(found, now):
            typer.echo(f"mkt: {said}", err=True)
        with suppress(BrokenPipeError):  # a reader that has left changes nothing about the exit code
            if self._shape == "json":
                write_document([customer_object(text) for text in texts], sys.stdout.buffer)
            elif self._shape == "jsonl":
                write_lines([customer_object(text) for text in texts], sys.stdout.buffer)
            elif texts:
                sys.stdout.write(document(texts))
        if not texts:
            typer.echo(f"nothing to send: {plural(found.report.count('pass'), 'integration')} passed", err=True)
