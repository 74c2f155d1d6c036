"""`mkt webhooks list`, `show` and `replay`."""

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, get_args

import typer

from mkt.cli.actions import open_record
from mkt.cli.history import keys_of, only_delivery
from mkt.cli.look import ShowValues
from mkt.cli.options import LARGEST, Chosen, Installation, Logged, OutputOption, new_app, spread
from mkt.cli.present import present
from mkt.cli.signals import stopping
from mkt.cli.window import moment
from mkt.cli.wiring import build_settings, build_source, build_store, open_engine
from mkt.engine.base import Engine
from mkt.engine.selection import Selection
from mkt.engine.webhooks.replay import replay as engine_replay
from mkt.output.webhooks_table import (
    deliveries_page,
    delivery_details,
    delivery_object,
    delivery_page,
    replay_page,
)
from mkt.store.base import EventQuery
from mkt.store.deliveries import Delivery, DeliveryQuery, Verdict

app = new_app("Look at inbound deliveries, and have them handled again.")
_LISTED: Final = 50
_VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)
_SINCE: Final[dict[str, Any]] = {"metavar": "TIME", "parser": moment, "show_default": False}


def _known(names: list[str] | None) -> list[str] | None:
    for name in names or []:
        if name not in _VERDICTS:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(_VERDICTS)}")
    return names


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which deliveries."""

    since: Annotated[
        datetime | None, typer.Option("--since", help="Only what came since: a date, a moment or 7d (ago).", **_SINCE)
    ] = None
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="VERDICT", help="Only this verdict, such as failed; repeatable.", callback=_known
        ),
    ] = None
    number: Annotated[
        int | None,
        typer.Option("-n", min=1, max=LARGEST, metavar="N", help="How many of the newest.", show_default=False),
    ] = None

    def query(self, keys: Any, most: int) -> DeliveryQuery:
        return DeliveryQuery(keys=keys, verdicts=tuple(self.only or ()), since=self.since, limit=self.number or most)  # type: ignore[arg-type] # checked by `_known`


@app.command("list")
@spread
def list_deliveries(
    *, chosen: Chosen, installation: Installation, wanted: Wanted, output: OutputOption = "auto"
) -> None:
    """List deliveries, newest first."""
    settings, selection = build_settings(installation), chosen.selection()
    with closing(build_store(settings)) as store:
        found = store.deliveries(wanted.query(keys_of(selection, build_source(settings), store), _LISTED))
    present(
        output, lambda: [delivery_object(each) for each in found], lambda: deliveries_page(found, datetime.now(UTC))
    )


@app.command()
@spread
def show(
    *,
    delivery_id: Annotated[str, typer.Argument(metavar="ID", help="Any unique part of the delivery's id.")],
    installation: Logged,
    values: ShowValues = False,
    output: OutputOption = "auto",
) -> None:
    """Show one delivery: what came, what was made of it and why."""
    with open_record(build_settings(installation)) as record:
        delivery = only_delivery(record.store, delivery_id)
        keys = [delivery.key] if delivery.key.tenant else None  # what reached nobody is of no tenant
        events = list(record.store.events(EventQuery(keys=keys, run_id=delivery.id)))
        if values and delivery.body:
            record.note("show values", delivery.target)
    present(
        output,
        lambda: delivery_details(delivery, events, values=values),
        lambda: delivery_page(delivery, events, datetime.now(UTC), values=values),
    )


@app.command()
@spread
def replay(
    *,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Any unique part of a delivery's id.", show_default=False)
    ] = None,
    tenant: Annotated[
        list[str] | None, typer.Option("--tenant", "-t", metavar="TENANT", help="Only this tenant; repeatable.")
    ] = None,
    wanted: Wanted,
    installation: Logged,
    output: OutputOption = "auto",
) -> None:
    """Have deliveries handled once more, now: those that are named, or all of a verdict."""
    if bool(ids) == bool(wanted.only):
        raise typer.BadParameter("name deliveries by their ids, or all of a verdict with --only")
    with open_engine(installation) as engine, stopping(engine.stop):
        replayed = engine_replay(engine, _found(engine, ids or [], tenant or [], wanted))
    done = replayed.deliveries
    present(output, lambda: [delivery_object(each) for each in done], lambda: replay_page(done, datetime.now(UTC)))
    raise typer.Exit(replayed.exit_code)


def _found(engine: Engine, ids: list[str], tenants: list[str], wanted: Wanted) -> list[Delivery]:
    if ids:
        return [only_delivery(engine.store, each) for each in dict.fromkeys(ids)]
    keys = keys_of(Selection(tenants=tuple(tenants)), engine.source, engine.store)
    return engine.store.deliveries(wanted.query(keys, LARGEST))
