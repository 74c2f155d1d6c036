"""A Typer hello that composes the YAML files of a folder with libyaml."""

from pathlib import Path

import typer
import yaml

app = typer.Typer()


@app.command()
def hello(folder: Path) -> None:
    for path in folder.glob("*.yaml"):
        yaml.compose(path.read_bytes(), Loader=yaml.CSafeLoader)
    print("hello")


app()
