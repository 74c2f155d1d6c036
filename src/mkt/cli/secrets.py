"""`mkt secrets`: values come in and are never shown."""

from pathlib import Path
from typing import Annotated

import typer

from mkt.cli.actions import open_record
from mkt.cli.options import Chosen, Installation, OutputOption, new_app, spread
from mkt.cli.present import present
from mkt.cli.secret_input import one_secret, others_at, read_value, tenants_of
from mkt.cli.wiring import (
    build_registry,
    build_sealed_rows,
    build_sealing_keys,
    build_secrets,
    build_settings,
    build_source,
)
from mkt.engine.secret_states import secret_states
from mkt.output import secrets_table as shown
from mkt.runtime.masking import PROCESS
from mkt.secrets.keys import FEWEST_BITS, MOST_BITS, rsa_key_pair
from mkt.secrets.placing import Kind
from mkt.secrets.resealing import Resealed, reseal

app = new_app("Look after the secrets of integrations.")

Target = Annotated[str, typer.Argument(metavar="TARGET", help="TENANT/INTEGRATION, or a TENANT that has one.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The secret's name, as in `mkt connectors show`.")]
To = Annotated[Kind | None, typer.Option("--to", help="Where to keep it [what the file names, else the keyring].")]
Shared = Annotated[
    bool, typer.Option("--shared", help="Also where other integrations use the same place: it changes for all.")
]


@app.command("list")
@spread
def list_secrets(*, chosen: Chosen, installation: Installation, output: OutputOption = "auto") -> None:
    """List the secrets that integrations need, and where they are found."""
    settings = build_settings(installation)
    selected = chosen.selection().choose(build_source(settings).load())
    for broken in selected.broken:
        typer.echo(f"mkt: {shown.left_out(broken)}", err=True)
    states = list(secret_states(selected.configurations, build_registry(), build_secrets(settings)))
    present(
        output,
        lambda: [shown.state_object(state) for state in states],
        lambda: shown.states_page(states, broken=bool(selected.broken)),
    )


@app.command()
@spread
def which(*, target: Target, name: Name, installation: Installation, output: OutputOption = "auto") -> None:
    """Show every place that a secret is looked for in, and which one is used."""
    secret = one_secret(build_settings(installation), target, name)
    places = list(secret.places())
    present(output, lambda: shown.which_object(secret, places), lambda: shown.which_page(secret, places))
    raise typer.Exit(int(not any(each.wins for each in places)))


@app.command("set")
@spread
def set_value(
    *,
    target: Target,
    name: Name,
    from_file: Annotated[
        Path | None, typer.Option("--from-file", metavar="FILE", help="Read the value from this file.")
    ] = None,
    to: To = None,
    shared: Shared = False,
    installation: Installation,
    output: OutputOption = "auto",
) -> None:
    """Store a value: asked for on a terminal without showing it, else read from stdin."""
    settings = build_settings(installation)
    secret = one_secret(settings, target, name)
    with open_record(settings) as record:
        reference = secret.destination(to)
        others = others_at(settings, secret, reference, shared=shared)
        kept = secret.keep(reference, read_value(secret, from_file))
        record.note("set secret", secret.label)
    present(output, lambda: shown.kept_object(secret, kept, others), lambda: shown.kept_page(secret, kept, others))


@app.command()
@spread
def generate(
    *,
    target: Target,
    name: Name,
    bits: Annotated[
        int, typer.Option("--bits", min=FEWEST_BITS, max=MOST_BITS, help="Size of the key.")
    ] = FEWEST_BITS,
    replace: Annotated[bool, typer.Option("--replace", help="Make a new one where there is one.")] = False,
    to: To = None,
    shared: Shared = False,
    installation: Installation,
    output: OutputOption = "auto",
) -> None:
    """Make a key pair, store the private half and print the public one."""
    settings = build_settings(installation)
    secret = one_secret(settings, target, name)
    with open_record(settings) as record:
        reference = secret.place_for_a_new_one(to, replace=replace)
        others = others_at(settings, secret, reference, shared=shared)
        pair = rsa_key_pair(bits)
        PROCESS.add(pair.private)
        kept = secret.keep(reference, pair.private)
        record.note("generate secret", secret.label)
    present(
        output,
        lambda: shown.generated_object(secret, kept, pair, others),
        lambda: shown.generated_page(secret, kept, pair, others),
    )


@app.command()
@spread
def delete(
    *,
    target: Target,
    name: Name,
    where: Annotated[
        Kind | None, typer.Option("--from", help="Where to delete it [what the file names, else the keyring].")
    ] = None,
    shared: Shared = False,
    installation: Installation,
    output: OutputOption = "auto",
) -> None:
    """Delete a value from the keyring, a file or Supabase."""
    settings = build_settings(installation)
    secret = one_secret(settings, target, name)
    with open_record(settings) as record:
        reference = secret.destination(where)
        others_at(settings, secret, reference, shared=shared, verb="deletes")
        left = secret.delete(reference)
        record.note("delete secret", secret.label)
    present(
        output,
        lambda: shown.deleted_object(secret, reference, left),
        lambda: shown.deleted_page(secret, reference, left),
    )


@app.command()
@spread
def copy(
    *,
    origin: Annotated[str, typer.Argument(metavar="FROM", help="The integration that has the value.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="The integration that gets it, or the same one.")],
    name: Name,
    to: To = None,
    shared: Shared = False,
    installation: Installation,
    output: OutputOption = "auto",
) -> None:
    """Copy a value to another integration, or with --to into another place."""
    settings = build_settings(installation)
    giving, secret = one_secret(settings, origin, name), one_secret(settings, target, name)
    with open_record(settings) as record:
        value = giving.value()
        if secret.declaration.sensitive:
            PROCESS.add(value)
        reference = secret.destination(to)
        others = others_at(settings, secret, reference, shared=shared)
        kept = secret.keep(reference, value)
        record.note("copy secret", secret.label, reason=f"from {giving.configuration.target}")
    present(output, lambda: shown.kept_object(secret, kept, others), lambda: shown.kept_page(secret, kept, others))


@app.command()
@spread
def rotate(
    *,
    tenants: Annotated[
        list[str] | None, typer.Argument(metavar="TENANT", help="Only this tenant's; none means all.")
    ] = None,
    installation: Installation,
    output: OutputOption = "auto",
) -> None:
    """Seal the values in Supabase again, with a new MKT_SECRETS_KEY."""
    settings = build_settings(installation)
    rows, keys = build_sealed_rows(settings), build_sealing_keys(settings)
    with open_record(settings) as record:
        key = keys.current
        done: list[Resealed] = []
        for each in reseal(rows, keys, tenants_of(rows, tenants or ())):
            record.note("rotate secrets", each.tenant)  # of what was done before a failure too
            done.append(each)
    present(
        output, lambda: [shown.resealed_object(each, key) for each in done], lambda: shown.resealed_page(done, key)
    )
    raise typer.Exit(int(any(each.refused for each in done)))
