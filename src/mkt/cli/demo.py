"""`mkt demo`."""

from pathlib import Path
from typing import Annotated

import typer

from mkt.cli.options import new_app
from mkt.cli.stage import staged
from mkt.cli.tour import end_tour, take_tour, tour_folder

app = new_app()


@app.command()
def demo(
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="FOLDER", help="Keep the tour's project in this new folder.")
    ] = None,
) -> None:
    """Take a tour against simulated partners on loopback."""
    with tour_folder(keep) as project, staged(project) as environment:
        take_tour(project, environment)
    end_tour(keep)
