"""`mkt doctor`."""

import typer

from mkt.cli.checkup import checkup
from mkt.cli.options import Installation, OutputOption, Quiet, new_app, spread
from mkt.cli.present import present
from mkt.output.checks import check_object
from mkt.output.tables import checks_page

app = new_app()


@app.command()
@spread
def doctor(*, installation: Installation, output: OutputOption = "auto", quiet: Quiet = False) -> None:
    """Find what is wrong with this installation."""
    checks = checkup(installation)
    failed = any(not check.ok for check in checks)
    if failed or not quiet:
        present(output, lambda: [check_object(check) for check in checks], lambda: checks_page(checks))
    raise typer.Exit(int(failed))
