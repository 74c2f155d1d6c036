"""`mkt tenants list`."""

from mkt.cli.options import Installation, OutputOption, new_app, spread
from mkt.cli.present import present
from mkt.cli.wiring import build_settings, build_source
from mkt.output.objects import tenant_objects
from mkt.output.tables import tenants_page

app = new_app("Look at the tenants.")


@app.callback()
def tenants() -> None:
    """Look at the tenants."""


@app.command("list")
@spread
def list_tenants(*, installation: Installation, output: OutputOption = "auto") -> None:
    """List the tenants with their integrations, broken files first."""
    configs = build_source(build_settings(installation)).load()
    present(output, lambda: tenant_objects(configs), lambda: tenants_page(configs))
