"""`mkt records list` and `mkt records export`."""

import sys
from collections.abc import Collection, Iterable
from contextlib import closing
from io import TextIOWrapper
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from mkt.cli.actions import open_record
from mkt.cli.history import keys_of
from mkt.cli.options import LARGEST, Chosen, Installation, Logged, OutputOption, known_streams, new_app, spread
from mkt.cli.present import present
from mkt.cli.wiring import build_settings, build_source, build_store
from mkt.output.csv import write_records
from mkt.output.json import write_lines
from mkt.output.objects import count_objects, record_object
from mkt.output.tables import counts_page

if TYPE_CHECKING:
    from mkt.cli.actions import Record
    from mkt.contract import Stream
    from mkt.engine.selection import Selection
    from mkt.store.base import Key, StoredRecord

app = new_app("Look at what was synced.")
Format = Literal["jsonl", "csv"]


def _known(name: str | None) -> str | None:
    known_streams([name] if name else None)
    return name


StreamOption = Annotated[
    str | None, typer.Option("--stream", metavar="STREAM", help="Only this stream.", callback=_known)
]


@app.command("list")
@spread
def list_records(
    *, chosen: Chosen, installation: Installation, stream: StreamOption = None, output: OutputOption = "auto"
) -> None:
    """Count the records of each integration and stream."""
    settings, selection = build_settings(installation), chosen.selection()
    with closing(build_store(settings)) as store:
        keys = keys_of(selection, build_source(settings), store)
        counts = {(key, name): count for (key, name), count in store.counts(keys).items() if stream in (None, name)}
    present(output, lambda: count_objects(counts), lambda: counts_page(counts))


@app.command()
@spread
def export(
    *,
    chosen: Chosen,
    installation: Logged,
    stream: StreamOption = None,
    since_seq: Annotated[
        int, typer.Option("--since-seq", min=0, max=LARGEST, metavar="N", help="Only what changed after this seq.")
    ] = 0,
    output: Annotated[Format, typer.Option("--output", "-o", help="Shape of what is written to stdout.")] = "jsonl",
) -> None:
    """Write records in the order in which they changed, deleted ones included: a change feed."""
    if output == "csv" and stream is None:
        raise typer.BadParameter("CSV has the columns of one stream: name it", param_hint="--stream")
    settings, selection = build_settings(installation), chosen.selection()
    only = cast("Stream | None", stream)
    with open_record(settings) as record:
        keys = keys_of(selection, build_source(settings), record.store)
        _note(record, selection, keys)
        _export(record.store.records(keys=keys, stream=only, since_seq=since_seq), only, output)


def _note(record: "Record", selection: "Selection", keys: "Collection[Key] | None") -> None:
    """Record who takes records out: of the targets as they were named, of what filters found, or of all."""
    found = () if keys is None else (f"{key.tenant}/{key.integration}" for key in keys)
    for target in selection.targets or tuple(found) or ("",):
        record.note("export", target)


def _export(records: "Iterable[StoredRecord]", stream: "Stream | None", output: Format) -> None:
    if stream is None or output == "jsonl":
        write_lines(map(record_object, records), sys.stdout.buffer)
    else:
        # Not by the locale: a name that it cannot write would be another name in the file.
        out = TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="", write_through=True)
        try:
            write_records(records, stream, out)
        finally:
            out.detach()
