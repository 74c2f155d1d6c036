"""`mkt lti register-link`."""

from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from mkt.cli.actions import open_record
from mkt.cli.options import Installation, OutputOption, duration, new_app, spread
from mkt.cli.present import present
from mkt.cli.targets import one_integration_of
from mkt.cli.wiring import build_registry, build_settings, build_source, build_store
from mkt.contract import ConnectorConfiguration
from mkt.engine.tenants.links import make_link, registered
from mkt.output import links_text as shown
from mkt.registry import RegisteredConnector
from mkt.settings import ProjectSettings

app = new_app("Connect learning platforms.")


@app.callback()
def lti() -> None:
    """Connect learning platforms."""


@app.command("register-link")
@spread
def register_link(
    *,
    target: Annotated[str, typer.Argument(metavar="TARGET", help="TENANT/INTEGRATION, or a TENANT that has one.")],
    valid: Annotated[str, typer.Option("--valid", metavar="D", help="How long the link is good.")] = "2d",
    show: Annotated[bool, typer.Option("--show", help="Show what the last registration gave instead.")] = False,
    installation: Installation,
    output: OutputOption = "auto",
) -> None:
    """Make a link by which a platform's administrator registers this tool there, once."""
    settings = build_settings(installation)
    configuration, connector = one_integration_of(target, build_source(settings), build_registry())
    if show:
        _show(settings, configuration, output)
    else:
        _make(settings, configuration, connector, valid, output)


def _make(
    settings: ProjectSettings,
    configuration: ConnectorConfiguration,
    connector: RegisteredConnector,
    valid: str,
    output: OutputOption,
) -> None:
    now, lifetime = datetime.now(UTC), duration(valid)
    with open_record(settings) as record:
        manifest = connector.require_manifest()
        link = make_link(
            record.store, configuration, manifest, public_url=settings.public_url, now=now, valid=lifetime
        )
        record.note("make link", configuration.target)
    present(output, lambda: shown.link_object(link), lambda: shown.link_page(link))


def _show(settings: ProjectSettings, configuration: ConnectorConfiguration, output: OutputOption) -> None:
    with closing(build_store(settings)) as store:
        found = registered(store, configuration, datetime.now(UTC))
    file = configuration.origin.place.rpartition(":")[0] or "the tenant's file"
    present(output, lambda: shown.registered_object(found), lambda: shown.registered_page(found, file))
