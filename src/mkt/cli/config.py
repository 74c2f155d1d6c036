"""`mkt config schema`."""

import sys

from mkt.cli.options import Installation, new_app, spread
from mkt.cli.wiring import build_registry
from mkt.lint.schema import config_schema
from mkt.output.json import write_document

app = new_app("Work with configurations.")


@app.callback()
def config() -> None:
    """Work with configurations."""


@app.command()
@spread
def schema(*, _installation: Installation) -> None:
    """Print the JSON Schema of the tenants' files."""
    write_document(config_schema(build_registry()), sys.stdout.buffer)
