"""`mkt connectors list` and `mkt connectors show`."""

from difflib import get_close_matches
from typing import Annotated

import typer

from mkt.cli.options import Installation, OutputOption, new_app, spread
from mkt.cli.present import present
from mkt.cli.wiring import build_registry
from mkt.errors import Refused
from mkt.output.objects import connector_object
from mkt.output.tables import connector_page, connectors_page
from mkt.registry import ConnectorRegistry, RegisteredConnector

app = new_app("Look at the marketplace.")


@app.command("list")
@spread
def list_connectors(*, _installation: Installation, output: OutputOption = "auto") -> None:
    """List the connectors of this installation, broken ones with the reason."""
    found = list(build_registry().values())
    present(output, lambda: [connector_object(each) for each in found], lambda: connectors_page(found))


@app.command()
@spread
def show(
    *,
    connector_id: Annotated[str, typer.Argument(metavar="ID", help="The connector's id, or a unique part of it.")],
    _installation: Installation,
    output: OutputOption = "auto",
) -> None:
    """Show what a connector brings and what it needs."""
    found = only_connector(connector_id, build_registry())
    present(output, lambda: connector_object(found, whole=True), lambda: connector_page(found))


def only_connector(part: str, registry: ConnectorRegistry) -> RegisteredConnector:
    """Return the connector of an id or of a unique part of one; raise `Refused` where there is not one."""
    if part in registry:
        return registry[part]
    matching = [name for name in registry if part in name]
    if len(matching) == 1:
        return registry[matching[0]]
    near = matching or get_close_matches(part, registry, n=1)
    hint = f"Did you mean {' or '.join(near)}?" if near else "See `mkt connectors list`."
    raise Refused(f"there is no connector {part}", remedy=hint)
