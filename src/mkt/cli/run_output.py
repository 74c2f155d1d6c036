"""What a verify or a sync shows: events while it runs, the report at its end."""

import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mkt.cli.options import Output, Shape, shape
from mkt.engine.report import Report
from mkt.output.json import write_document
from mkt.output.objects import report_object
from mkt.store.base import Store
from mkt.telemetry.base import Sink
from mkt.telemetry.jsonl import JsonLinesSink
from mkt.telemetry.notices import NoticeSink

if TYPE_CHECKING:
    from mkt.engine.selection import Selection


class RunOutput:
    """The output of one command; `quiet` keeps it silent unless something failed, was held or recovered.

    `values` reveals those of the records that a dry run previews.
    """

    def __init__(
        self,
        output: Output,
        *,
        quiet: bool,
        selection: "Selection",
        piped: Shape = "jsonl",
        values: bool = False,
    ) -> None:
        self._shape = shape(output, piped=piped, terminal=sys.stdout.isatty())
        self._quiet = quiet
        self._values = values
        self._everything = selection.everything
        self._named = selection.named
        self._asked = not selection.everything or sys.stdout.isatty() or sys.stderr.isatty()
        self._failing: frozenset[tuple[str, str]] = frozenset()

    def sinks(self, store: Store) -> list[Sink]:
        """Return who follows the run besides the store."""
        if self._quiet:
            keys = store.known_keys(self._named) if self._named else None
            states = store.states(keys, streams=False)
            failing = (key for key, state in states.items() if state.last_outcome == "failed")
            self._failing = frozenset((key.tenant, key.integration) for key in failing)
        if self._shape == "jsonl":
            lines = JsonLinesSink(sys.stdout.buffer, quiet=self._quiet, failing=self._failing)
            return [lines, NoticeSink(sys.stderr)] if self._quiet else [lines]
        live = _live() if self._shape == "table" and not self._quiet else []
        return [*live, NoticeSink(sys.stderr)]

    def finish(self, report: Report) -> None:
        """Write the report, unless its events have said it all."""
        if self._quiet and not self._worth_saying(report):
            return
        with suppress(BrokenPipeError):  # a reader that has left changes nothing about the exit code
            self._write(report)

    def _write(self, report: Report) -> None:
        if self._shape == "json":
            write_document(report_object(report, values=self._values), sys.stdout.buffer)
        elif report.command == "sync" and not report.results and not report.stopped:
            self._nothing_due(report)
        elif self._shape == "table":
            for target in self._recovered(report):
                sys.stdout.write(f"{target}  recovered\n")
            _print_tables(report, values=self._values)

    def _nothing_due(self, report: Report) -> None:
        if self._asked:
            from mkt.output.sync_table import not_due_line

            out = sys.stdout if self._shape == "table" else sys.stderr
            print(not_due_line(report, datetime.now(UTC), everything=self._everything), file=out)

    def _worth_saying(self, report: Report) -> bool:
        return bool(self._recovered(report) or report.count("fail", "failed", "held"))

    def _recovered(self, report: Report) -> list[str]:
        """Return what worked again; only cron, which is quiet, is told."""
        worked = (result for result in report.results if result.outcome == "ok")
        return sorted(each.target for each in worked if (each.tenant, each.integration) in self._failing)


def _live() -> list[Sink]:
    from mkt.output.text import console_for
    from mkt.telemetry.terminal import TerminalSink

    return [TerminalSink(console_for(sys.stderr))]


def _print_tables(report: Report, *, values: bool) -> None:
    from mkt.cli.present import print_page
    from mkt.output.sync_table import sync_page
    from mkt.output.verify_table import verify_page

    print_page(
        verify_page(report) if report.command == "verify" else sync_page(report, datetime.now(UTC), values=values)
    )
