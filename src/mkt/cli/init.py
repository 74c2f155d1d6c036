"""`mkt init`."""

import shlex
from pathlib import Path
from typing import Annotated, Final

import typer

from mkt.cli.options import VerboseOption, new_app
from mkt.cli.scheduling import Scheduler, as_one_text, installing, scheduling_files
from mkt.errors import StartError
from mkt.settings import find_root

app = new_app()

_PROJECT: Final = Path(__file__).parent / "templates" / "project"
_FILES: Final = {
    "mkt.toml": "mkt.toml",
    "configs/example.yaml": "example.yaml",
    ".gitignore": "gitignore",
    "README.md": "README.md",
}
"""A file of a new project: the template that it is made from."""


@app.command()
def init(
    path: Annotated[
        Path | None, typer.Argument(metavar="PATH", help="The project's folder [this one].", show_default=False)
    ] = None,
    cron: Annotated[bool, typer.Option("--cron", help="Print the lines for cron instead.")] = False,
    systemd: Annotated[bool, typer.Option("--systemd", help="Print units for systemd instead.")] = False,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="FOLDER", help="Write them into this folder.")
    ] = None,
    _verbose: VerboseOption = False,
) -> None:
    """Begin a project, or have cron or systemd run it."""
    if (cron and systemd) or (write and not (cron or systemd)):
        raise typer.BadParameter("give one of --cron and --systemd, and --write with one of them")
    if cron or systemd:
        _schedule("cron" if cron else "systemd", find_root(path), write)
    else:
        _begin(path or Path())


def _begin(root: Path) -> None:
    texts = {name: (_PROJECT / template).read_text(encoding="utf-8") for name, template in _FILES.items()}
    _create(root, texts)
    typer.echo("next: " + ("mkt lint" if root.resolve() == Path.cwd() else f"mkt lint --project {root}"))
    typer.echo("then: mkt connectors list, mkt tenants add NAME -c CONNECTOR, mkt verify, mkt init --cron")


def _schedule(scheduler: Scheduler, root: Path, folder: Path | None) -> None:
    files = scheduling_files(scheduler, root)
    if folder is None:
        typer.echo(as_one_text(scheduler, files), nl=False)
        return
    _create(folder, files)
    if scheduler == "cron":
        typer.echo(f"next: (crontab -l; cat {shlex.quote(str(folder / 'mkt.crontab'))}) | crontab -")
        return
    for command in installing(shlex.quote(str(folder))):
        typer.echo(f"next: {command}")


def _create(folder: Path, texts: dict[str, str]) -> None:
    """Write files that are not there; what is there stays as it is."""
    for name, text in texts.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            typer.echo(f"kept   {path}, which was there")
        except OSError as error:
            raise StartError(f"{path} cannot be written: {error.strerror}", remedy="Name another folder.") from None
        else:
            typer.echo(f"wrote  {path}")
