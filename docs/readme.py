"""Runs what the README shows and compares it with what it says; `--write` puts what came out into it.

    python -m docs.readme [--write]

A block below `<!-- run -->` holds commands and their output, on a terminal of 100 columns, in one project from the
first block to the last: the examples, with simulated partners (`mkt.cli.stage`). A block below `<!-- file: PATH -->`
holds that file. The recipes are another matter: `docs.recipes`.
"""

import argparse
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from docs import recipes
from docs.comparing import comparable
from docs.terminal import BIN, typed

from mkt.cli.stage import staged

ROOT: Final = Path(__file__).parents[1]
README: Final = ROOT / "README.md"
_BLOCK: Final = re.compile(
    r"(<!-- (?:run|file: (?P<path>\S+)) -->\n```\w+\n)(?P<body>.*?)(?=^```$)", re.MULTILINE | re.DOTALL
)


def rewritten(readme: str) -> str:
    """Return the README with what every marked block really says; a block that is still right is left alone."""
    with TemporaryDirectory(prefix="mkt-readme-") as folder, staged(Path(folder).resolve()) as environment:
        variables = {**environment, "PATH": f"{BIN}{os.pathsep}{environment.get('PATH', '')}"}

        def block(found: re.Match[str]) -> str:
            body = found["body"]
            real = (
                (ROOT / found["path"]).read_text(encoding="utf-8") if found["path"] else _run(body, folder, variables)
            )
            return found[1] + (body if comparable(real) == comparable(body) else real)

        return _BLOCK.sub(block, readme)


def _run(body: str, folder: str, environment: Mapping[str, str]) -> str:
    commands = [line.removeprefix("$ ") for line in body.splitlines() if line.startswith("$ ")]
    return "".join(f"$ {command}\n{typed(command, Path(folder), environment).text}" for command in commands)


def main() -> int:
    """Compare, or write; the exit code is 1 where the README was not right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put what came out into the README")
    write = parser.parse_args().write
    before = README.read_text(encoding="utf-8")
    after = recipes.rewritten(rewritten(before))
    if after == before:
        return 0
    if write:
        README.write_text(after, encoding="utf-8")
        return 0
    print("The README does not show what the commands print. Run `make docs` and look at the difference.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
