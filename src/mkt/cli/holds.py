"""`mkt holds list`, `show`, `approve` and `reject`."""

from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated, Final, cast

import typer

from mkt.cli.actions import open_record
from mkt.cli.history import keys_of
from mkt.cli.look import SHOWN, ShowValues
from mkt.cli.options import LARGEST, Chosen, Installation, Logged, OutputOption, known_streams, new_app, spread
from mkt.cli.present import present
from mkt.cli.wiring import build_settings, build_source, build_store, open_engine
from mkt.contract import Stream
from mkt.engine.sync import holds as engine_holds
from mkt.output.hold_object import hold_details, hold_object, verdict_object
from mkt.output.holds_table import hold_page, holds_page, verdict_page
from mkt.store.base import Part

app = new_app("Decide about what the guard held for review.")
_PARTS: Final[dict[str, Part]] = {"create": "created", "update": "updated"}
HoldId = Annotated[str, typer.Argument(metavar="ID", help="Any unique part of the hold's id.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for who looks later; is recorded.")]


def _parts(text: str | None) -> frozenset[Part]:
    names = [] if text is None else [name.strip() for name in text.split(",")]  # an empty text is not "all"
    for name in names:
        if name not in _PARTS:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(_PARTS)}; all together go without --only")
    return frozenset(_PARTS[name] for name in names)


@app.command("list")
@spread
def list_holds(*, chosen: Chosen, installation: Installation, output: OutputOption = "auto") -> None:
    """List what is held, and what was: open ones first."""
    settings, selection = build_settings(installation), chosen.selection()
    with closing(build_store(settings)) as store:
        found = store.holds(keys_of(selection, build_source(settings), store))
    present(output, lambda: [hold_object(hold) for hold in found], lambda: holds_page(found, datetime.now(UTC)))


@app.command()
@spread
def show(
    *,
    hold_id: HoldId,
    installation: Logged,
    stream: Annotated[
        list[str] | None,
        typer.Option("--stream", metavar="STREAM", help="Only this stream; repeatable.", callback=known_streams),
    ] = None,
    number: Annotated[
        int, typer.Option("-n", min=1, max=LARGEST, metavar="N", help="How many records of each stream.")
    ] = SHOWN,
    values: ShowValues = False,
    output: OutputOption = "auto",
) -> None:
    """Show why it is held and what would change, field by field."""
    with open_record(build_settings(installation)) as record:
        hold = engine_holds.find_hold(record.store, hold_id)
        changes = record.store.hold_records(hold.id, number, cast("list[Stream]", stream or []))
        if values and any(changes.values()):
            record.note("show values", "/".join(hold.key))
    present(
        output,
        lambda: hold_details(hold, changes, values=values),
        lambda: hold_page(hold, changes, datetime.now(UTC), values=values),
    )


@app.command()
@spread
def approve(
    *,
    hold_id: HoldId,
    installation: Logged,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="WHAT", help="Only these, of create and update; the rest stays held."),
    ] = None,
    reason: Reason = "",
    output: OutputOption = "auto",
) -> None:
    """Apply exactly what the hold shows."""
    parts = _parts(only)
    with open_engine(installation) as engine:
        hold, applied = engine_holds.approve(engine, hold_id, only=parts, reason=reason)
    present(output, lambda: verdict_object(hold, applied), lambda: verdict_page(hold, applied))


@app.command()
@spread
def reject(*, hold_id: HoldId, installation: Logged, reason: Reason = "", output: OutputOption = "auto") -> None:
    """Apply nothing of it: the next sync looks at the partner anew."""
    with open_engine(installation) as engine:
        hold = engine_holds.reject(engine, hold_id, reason=reason)
    present(output, lambda: verdict_object(hold), lambda: verdict_page(hold))
