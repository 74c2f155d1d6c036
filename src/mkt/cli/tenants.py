"""`mkt tenants list`, `mkt tenants add` and `mkt tenants remove`."""

import os
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from mkt.cli.actions import open_record, tenant_folder
from mkt.cli.connectors import only_connector
from mkt.cli.options import Installation, OutputOption, labels_of, new_app, spread
from mkt.cli.present import present
from mkt.cli.wiring import build_registry, build_sealed_rows, build_settings, build_source
from mkt.contract.manifest import ID
from mkt.engine.tenants.offboarding import Departure, depart, departure
from mkt.engine.tenants.onboarding import missing_settings, new_file
from mkt.errors import Refused, StartError
from mkt.output.objects import tenant_objects
from mkt.output.onboarding_text import added_object, added_page, removed_object, removed_page
from mkt.output.tables import tenants_page

app = new_app("Look at the tenants, add and remove them.")
_LONGEST = 63


@app.callback()
def tenants() -> None:
    """Look at the tenants, add and remove them."""


@app.command("list")
@spread
def list_tenants(*, installation: Installation, output: OutputOption = "auto") -> None:
    """List the tenants with their integrations, broken files first."""
    configs = build_source(build_settings(installation)).load()
    present(output, lambda: tenant_objects(configs), lambda: tenants_page(configs))


def _slug(name: str) -> str:
    if len(name) > _LONGEST or not re.fullmatch(ID, name):
        raise typer.BadParameter(f"{name!r} is not lower-case letters and digits with single dashes between")
    return name


@app.command()
@spread
def add(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new tenant's slug.", callback=_slug)],
    connector: Annotated[
        list[str], typer.Option("--connector", "-c", metavar="ID", help="An integration with it; repeatable.")
    ],
    installation: Installation,
    label: Annotated[list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="Repeatable.")] = None,
    path: Annotated[
        Path | None, typer.Option("--path", metavar="FILE", help="From the project's folder [CONFIGS/NAME.yaml].")
    ] = None,
    output: OutputOption = "auto",
) -> None:
    """Write a new tenant's file, its integrations disabled until they are filled in."""
    settings, registry = build_settings(installation), build_registry()
    folder, connectors = tenant_folder(settings), [only_connector(part, registry) for part in connector]
    file = folder.new_path(name, path)
    schema = os.path.relpath(settings.path("schema.json"), file.parent)
    text = new_file(name, connectors, labels=labels_of(label or []), schema=schema)
    with open_record(settings) as record:
        shown = folder.add(name, file, text)
        record.note("add", name)
    missing = {each.id: missing_settings(each) for each in connectors}
    present(output, lambda: added_object(name, shown, missing), lambda: added_page(name, shown, missing))


@app.command()
@spread
def remove(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The tenant.")],
    installation: Installation,
    purge: Annotated[bool, typer.Option("--purge", help="Erase what the store knows of it too, for good.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    output: OutputOption = "auto",
) -> None:
    """Remove a tenant's file; its records stay unless they are purged."""
    settings = build_settings(installation)
    folder = tenant_folder(settings)
    with open_record(settings) as record:
        going = departure(folder, record.store, name, purge=purge)
        sealed = purge and (going.sealed or settings.store == "supabase")
        if not yes:
            _confirm(going, sealed=sealed)
        depart(going, folder, record.store, lambda action: record.note(action, name))
        if sealed:
            build_sealed_rows(settings).erase(name)  # a store in Supabase has erased them; another one does not
    present(
        output,
        lambda: removed_object(name, going.path, purged=purge),
        lambda: removed_page(name, going.path, purged=purge, sealed=sealed),
    )


def _confirm(going: Departure, *, sealed: bool) -> None:
    store = (
        "everything in the store, with the secrets that are sealed in Supabase,"
        if sealed
        else "everything in the store"
    )
    parts = ([going.path] if going.path else []) + ([store] if going.purge else [])
    what = f"{' and '.join(parts)} of tenant {going.tenant}"
    if not sys.stdin.isatty():
        raise StartError(f"{what} would be removed, and nobody is there to ask", remedy="Say --yes.")
    if not typer.confirm(f"Remove {what}?", err=True):
        raise Refused("nothing was removed")
