"""`mkt lint --fix` and `--diff`: the files changed, or how they would be."""

import sys
from collections.abc import Mapping
from pathlib import Path

import typer

from mkt.cli.lint_files import Files
from mkt.configs.base import Problem
from mkt.configs.replacing import replace_file
from mkt.lint.fix import Mended, mend
from mkt.output.lint_diff import lint_diff
from mkt.output.text import plural


def fixed(files: Files, *, show: bool) -> list[Problem]:
    """Return what is left after fixing; with `show` what fixing would mend, and nothing is changed."""
    mended = mend(files.find_all, files.texts().content, files.chosen)
    if show:
        typer.echo(lint_diff(mended), nl=False)
    elif files.is_stdin:
        _pass_on(files, mended.after)
    else:
        _replace(files.base, mended)
    _tell(mended, "would be fixed" if show else "fixed")
    return mended.fixed if show else files.chosen(mended.problems)


def _pass_on(files: Files, after: Mapping[str, bytes]) -> None:
    """Write what came in, mended, to stdout."""
    for path, content in files.given.items():
        sys.stdout.buffer.write(after.get(path, content))
    sys.stdout.buffer.flush()


def _replace(base: Path, mended: Mended) -> None:
    done = set[Path]()
    for path, after in mended.after.items():
        real = (base / path).resolve()
        if real not in done:  # two links may lead to one file
            replace_file(base / path, mended.before[path], after)
        done.add(real)


def _tell(mended: Mended, what: str) -> None:
    """Say on stderr what was done: stdout is for the findings."""
    if mended.after:
        counts = f"{plural(len(mended.fixed), 'problem')} {what} in {plural(len(mended.after), 'file')}"
        typer.echo(counts, err=True)
    else:
        typer.echo("nothing that --fix could mend", err=True)
    if mended.left_out:
        typer.echo(f"{mended.left_out} left to you: another problem would show behind it", err=True)
