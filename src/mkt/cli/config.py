"""`mkt config`."""

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from mkt.cli.config_gitops import diff, pull, push
from mkt.cli.options import Installation, Output, OutputOption, new_app, spread
from mkt.cli.present import present
from mkt.cli.targets import integrations_of
from mkt.cli.wiring import build_registry, build_secrets, build_settings, build_source
from mkt.engine.effective import Operator, effective
from mkt.lint.schema import config_schema
from mkt.output.effective_table import effective_object, effective_page, operator_page
from mkt.output.json import write_document

app = new_app("Work with configurations.")
for gitops in (diff, pull, push):
    app.command()(gitops)


@app.callback()
def config() -> None:
    """Work with configurations."""


@app.command()
@spread
def schema(*, _installation: Installation) -> None:
    """Print the JSON Schema of the tenants' files."""
    write_document(config_schema(build_registry()), sys.stdout.buffer)


@app.command()
@spread
def show(
    *,
    target: Annotated[
        str | None,
        typer.Argument(metavar="TARGET", help="TENANT or TENANT/INTEGRATION; none means the operator's settings."),
    ] = None,
    installation: Installation,
    output: OutputOption = "auto",
) -> None:
    """Show what is in force and where each value comes from; secrets by their places only."""
    operator = Operator(build_settings(installation), installation.flags)
    if target is None:
        values = list(operator.values())
        present(output, lambda: [asdict(value) for value in values], lambda: operator_page(values))
    else:
        _show(target, operator, output)


def _show(target: str, operator: Operator, output: Output) -> None:
    secrets = build_secrets(operator.settings)
    found = [
        effective(configuration, connector, secrets, operator)
        for configuration, connector in integrations_of(target, build_source(operator.settings), build_registry())
    ]
    objects = [effective_object(each) for each in found]
    present(output, lambda: objects[0] if "/" in target else objects, lambda: effective_page(found))
