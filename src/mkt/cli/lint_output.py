"""What `mkt lint` writes, where, and in which shape."""

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, TextIO

import typer

from mkt.cli.lint_files import Files
from mkt.configs.base import Problem
from mkt.configs.replacing import put_file
from mkt.errors import Refused, StartError
from mkt.lint import rules
from mkt.lint.base import NOTHING

Format = Literal["auto", "text", "jsonl", "json", "github", "sarif"]
_ENDINGS: Final[dict[str, Format]] = {".sarif": "sarif", ".json": "json", ".jsonl": "jsonl"}


@dataclass(frozen=True, kw_only=True)
class Shaped:
    """Shape and place of the findings."""

    output: Annotated[
        Format, typer.Option("--output", "-o", help="Shape of the findings; auto: github inside Actions, else text.")
    ] = "auto"
    output_file: Annotated[
        Path | None,
        typer.Option(
            "--output-file", metavar="FILE", help="Write there instead; auto goes by .sarif, .json, .jsonl."
        ),
    ] = None

    @property
    def shape(self) -> Format:
        if self.output != "auto":
            return self.output
        if self.output_file:
            return _ENDINGS.get(self.output_file.suffix.lower(), "text")
        return "github" if os.environ.get("GITHUB_ACTIONS") == "true" else "text"


def write(problems: Sequence[Problem], files: Files, shaped: Shaped, *, to_stderr: bool = False) -> None:
    """Write the findings to stdout, or to the file that was named and one line about it to stderr."""
    if shaped.output_file is None:
        with suppress(BrokenPipeError):  # a reader that has left changes nothing about the exit code
            _write(problems, files, shaped.shape, sys.stderr if to_stderr else sys.stdout)
    else:
        content = io.BytesIO()
        stream = io.TextIOWrapper(content, encoding="utf-8", write_through=True)
        _write(problems, files, shaped.shape, stream)
        _put(shaped.output_file, content.getvalue())
        stream.detach()
        from mkt.output.lint_text import lint_summary

        typer.echo(f"{lint_summary(problems)}; written to {shaped.output_file}", err=True)
    if shaped.shape == "github":
        _summarize(problems, files)


def _write(problems: Sequence[Problem], files: Files, shape: Format, stream: TextIO) -> None:
    match shape:
        case "github":
            from mkt.output.github import annotations

            stream.write("".join(f"{annotation}\n" for annotation in annotations(problems, files.locate)))
        case "sarif":
            from mkt.output.json import write_document
            from mkt.output.sarif import sarif_log

            write_document(sarif_log(problems, rules(), files.texts(), files.locate), stream.buffer)
        case "json":
            from mkt.output.json import write_document
            from mkt.output.lint_object import finding_object

            write_document([finding_object(problem) for problem in problems], stream.buffer)
        case "jsonl":
            from mkt.output.json import write_lines
            from mkt.output.lint_object import finding_object

            write_lines(map(finding_object, problems), stream.buffer)
        case _ if not problems:
            stream.write(f"{NOTHING}\n")
        case _:
            from mkt.output.lint_text import lint_page
            from mkt.output.text import console_for, show

            asked = None if files.is_stdin else [str(path) for path in files.paths]
            page = lint_page(problems, files.texts(), folded=stream.isatty(), asked=asked)
            show(console_for(stream), page)


def _put(path: Path, content: bytes) -> None:
    """Replace a file by one that is whole; a device or pipe is written to."""
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
        else:
            put_file(path, content)
    except (Refused, OSError) as error:
        why = error.message if isinstance(error, Refused) else f"{path} cannot be written: {error.strerror}"
        raise StartError(why, remedy="Name a file in a folder that you can write to.") from None


def _summarize(problems: Sequence[Problem], files: Files) -> None:
    """Append to the summary of GitHub's job, where there is one."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    from mkt.output.github import job_summary

    try:
        with Path(path).open("a", encoding="utf-8", errors="replace") as file:
            file.write(job_summary(problems, files.locate))
    except OSError as error:  # the findings are told in any case, and they decide on the exit code
        typer.echo(f"the job's summary {path} cannot be written: {error.strerror}", err=True)
