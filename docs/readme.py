"""Runs what the README shows and compares it with what it says; `--write` puts what came out into it.

A block below `<!-- run -->` holds commands and their output, on a terminal of 100 columns, in one project from the
first block to the last: the examples, with simulated partners (`mkt.cli.stage`). A block below `<!-- file: PATH -->`
holds that file. What differs from run to run (times, ids, ports, temporary folders) is not compared.
"""

import argparse
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from mkt.cli.stage import staged

ROOT: Final = Path(__file__).parents[1]
README: Final = ROOT / "README.md"
_BLOCK: Final = re.compile(
    r"(<!-- (?:run|file: (?P<path>\S+)) -->\n```\w+\n)(?P<body>.*?)(?=^```$)", re.MULTILINE | re.DOTALL
)
_TERMINAL: Final = {"TERM": "dumb", "COLUMNS": "100", "LINES": "50", "TZ": "UTC", "LC_ALL": "C.UTF-8"}
_AMOUNT: Final = r"\d+(?:\.\d+)? (?:ms|s|min|h|d)\b"
_VARYING: Final = (
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{8}\b"), "ID"),
    (re.compile(rf"{_AMOUNT}(?: \d+ s\b)?"), "AMOUNT"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z| UTC)|\d\d:\d\d UTC"), "TIME"),
    (re.compile(r"127\.0\.0\.1:\d+"), "ADDRESS"),
    (re.compile(r"\S*/mkt-readme-\w+"), "FOLDER"),
    (re.compile(r"[ \t]+"), " "),
)


def rewritten(readme: str) -> str:
    """Return the README with what every marked block really says; a block that is still right is left alone."""
    with TemporaryDirectory(prefix="mkt-readme-") as folder, staged(Path(folder).resolve()) as environment:
        path = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"
        variables = {**environment, **_TERMINAL, "PATH": path}

        def block(found: re.Match[str]) -> str:
            body = found["body"]
            real = (
                (ROOT / found["path"]).read_text(encoding="utf-8") if found["path"] else _run(body, folder, variables)
            )
            return found[1] + (body if comparable(real) == comparable(body) else real)

        return _BLOCK.sub(block, readme)


def comparable(text: str) -> str:
    """Return the text without what differs from run to run."""
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return text


def _run(body: str, folder: str, environment: Mapping[str, str]) -> str:
    commands = [line.removeprefix("$ ") for line in body.splitlines() if line.startswith("$ ")]
    return "".join(f"$ {command}\n{_output(command, folder, environment)}" for command in commands)


def _output(command: str, folder: str, environment: Mapping[str, str]) -> str:
    """Return what a person at a terminal sees, without the blanks at the ends of lines."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(["sh", "-c", command], cwd=folder, env=environment, stdout=theirs, stderr=theirs):
        os.close(theirs)
        seen = b"".join(_until_closed(ours)).decode()
    os.close(ours)
    return "".join(f"{line.rstrip()}\n" for line in seen.splitlines())


def _until_closed(terminal: int) -> Iterator[bytes]:
    with suppress(OSError):  # how Linux says that nobody writes to the terminal any more
        while read := os.read(terminal, 65536):
            yield read


def main() -> int:
    """Compare, or write; the exit code is 1 where the README was not right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put what came out into the README")
    write = parser.parse_args().write
    before = README.read_text(encoding="utf-8")
    after = rewritten(before)
    if after == before:
        return 0
    if write:
        README.write_text(after, encoding="utf-8")
        return 0
    print("The README does not show what the commands print. Run `make docs` and look at the difference.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
