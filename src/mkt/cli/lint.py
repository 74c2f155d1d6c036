"""`mkt lint`."""

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from mkt.cli.options import Installation, Quiet, new_app, spread
from mkt.cli.present import present, print_page
from mkt.cli.wiring import build_backends, build_registry, build_settings
from mkt.configs.base import Problem
from mkt.lint import check, chosen, explain
from mkt.lint import rules as all_rules
from mkt.output.github import annotations
from mkt.output.json import write_document, write_lines
from mkt.output.lint_text import lint_page, rules_page
from mkt.output.objects import problem_object
from mkt.settings import ProjectSettings

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
    code: Annotated[str | None, typer.Option("--explain", metavar="CODE", help="Tell what a rule is about.")] = None,
    rules: Annotated[bool, typer.Option("--rules", help="List every rule.")] = False,
    output: Annotated[Format, typer.Option("--output", "-o", help="Shape of what is written to stdout.")] = "auto",
    quiet: Quiet = False,
) -> None:
    """Check config files, offline."""
    if code or rules:
        _tell(code, output)
        return
    settings = build_settings(installation)
    problems = _problems(settings, paths or [])
    if problems or not quiet:
        _write(problems, Path() if paths else settings.root, output)
    raise typer.Exit(int(any(problem.severity == "error" for problem in problems)))


def _tell(code: str | None, output: Format) -> None:
    if code:
        typer.echo(explain(code), nl=False)
        return
    shape = output if output in ("json", "jsonl") else "table"
    present(shape, lambda: [asdict(rule) for rule in all_rules()], lambda: rules_page(all_rules()))


def _problems(settings: ProjectSettings, paths: Sequence[Path]) -> list[Problem]:
    found = check(
        paths,
        root=settings.root,
        config_dir=settings.config_dir,
        registry=build_registry(),
        defaults=settings.defaults,
        backends=build_backends(settings),
        allowed_hosts=settings.hosts.allow,
    )
    return chosen(found, select=settings.lint.select, ignore=settings.lint.ignore)


def _write(problems: Sequence[Problem], base: Path, output: Format) -> None:
    """Write the findings; `base` is what their paths are relative to."""
    if output == "github" or (output == "auto" and os.environ.get("GITHUB_ACTIONS") == "true"):
        typer.echo("".join(f"{annotation}\n" for annotation in annotations(problems)), nl=False)
    elif output in ("auto", "text"):
        print_page(lint_page(problems, base))
    elif output == "json":
        write_document([problem_object(problem) for problem in problems], sys.stdout.buffer)
    else:
        write_lines(map(problem_object, problems), sys.stdout.buffer)
