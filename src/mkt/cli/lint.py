"""`mkt lint`."""

from dataclasses import asdict
from typing import Annotated

import typer

from mkt.cli.lint_files import Asked, Files
from mkt.cli.lint_output import Format, Shaped, write
from mkt.cli.options import Installation, Quiet, new_app, spread
from mkt.cli.present import present
from mkt.configs.base import Problem
from mkt.lint import explain
from mkt.lint import rules as all_rules

app = new_app()


@app.command()
@spread
def lint(
    *,
    installation: Installation,
    asked: Asked,
    code: Annotated[str | None, typer.Option("--explain", metavar="CODE", help="Tell what a rule is about.")] = None,
    rules: Annotated[bool, typer.Option("--rules", help="List every rule.")] = False,
    shaped: Shaped,
    fix: Annotated[bool, typer.Option("--fix", help="Mend in place what needs no decision; comments stay.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show what --fix would change, and change nothing.")] = False,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 in spite of errors.")] = False,
    quiet: Quiet = False,
) -> None:
    """Check config files, offline."""
    if code or rules:
        _tell(code, shaped.output)
        return
    files = Files.of(asked, installation)
    found = _fixed(files, show=diff) if fix or diff else files.find()
    if asked.check_secrets and not diff:
        from mkt.cli.lint_secrets import not_found

        found = sorted([*found, *not_found(files)], key=lambda problem: problem.position)
    problems = [problem for problem in found if not problem.silenced]
    if not diff and (problems or not quiet):
        write(found if shaped.shape == "sarif" else problems, files, shaped, to_stderr=fix and files.is_stdin)
    wrong = any(problem.severity == "error" or diff for problem in problems)
    raise typer.Exit(int(wrong and not exit_zero))


def _fixed(files: Files, *, show: bool) -> list[Problem]:
    from mkt.cli.lint_fixes import fixed

    return fixed(files, show=show)


def _tell(code: str | None, output: Format) -> None:
    if code:
        typer.echo(explain(code), nl=False)
        return
    from mkt.output.lint_text import rules_page

    shape = output if output in ("json", "jsonl") else "table"
    present(shape, lambda: [asdict(rule) for rule in all_rules()], lambda: rules_page(all_rules()))
