"""`mkt lint`."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from mkt.cli.options import Installation, Quiet, new_app, spread
from mkt.cli.present import print_page
from mkt.cli.wiring import build_registry, build_settings
from mkt.configs.base import Problem
from mkt.lint import check
from mkt.output.github import annotations
from mkt.output.json import write_document, write_lines
from mkt.output.lint_text import lint_page
from mkt.output.objects import problem_object
from mkt.settings import Lint, ProjectSettings

app = new_app()
Format = Literal["auto", "text", "jsonl", "json", "github"]


@app.command()
@spread
def lint(
    *,
    installation: Installation,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", help="Files or folders; none means all.", show_default=False),
    ] = None,
    output: Annotated[Format, typer.Option("--output", "-o", help="Shape of what is written to stdout.")] = "auto",
    quiet: Quiet = False,
) -> None:
    """Check config files, offline."""
    settings = build_settings(installation)
    problems = _problems(settings, paths or [settings.path(settings.config_dir)])
    if problems or not quiet:
        _write(problems, settings.root, output)
    raise typer.Exit(int(any(problem.severity == "error" for problem in problems)))


def _problems(settings: ProjectSettings, paths: Sequence[Path]) -> list[Problem]:
    found = check(
        paths,
        root=settings.root,
        config_dir=settings.config_dir,
        registry=build_registry(),
        defaults=settings.defaults,
    )
    return [problem for problem in found if _applies(problem.code, settings.lint)]


def _applies(code: str, chosen: Lint) -> bool:
    """Tell whether a rule is on: `[lint] select` and `ignore` take codes and their beginnings, such as MKT5."""
    return code.startswith(chosen.select or "MKT") and not code.startswith(chosen.ignore)


def _write(problems: Sequence[Problem], root: Path, output: Format) -> None:
    if output == "github" or (output == "auto" and os.environ.get("GITHUB_ACTIONS") == "true"):
        typer.echo("".join(f"{annotation}\n" for annotation in annotations(problems)), nl=False)
    elif output in ("auto", "text"):
        print_page(lint_page(problems, root))
    elif output == "json":
        write_document([problem_object(problem) for problem in problems], sys.stdout.buffer)
    else:
        write_lines(map(problem_object, problems), sys.stdout.buffer)
