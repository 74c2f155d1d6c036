"""What stands in the files that lint speaks of, read once more where there is something to show or to mend."""

import codecs
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from mkt.configs.base import Position, Problem
from mkt.configs.folder import content_of
from mkt.configs.syntax import BREAK


class Texts:
    """The files by their shown paths, relative to `base`; `given` stands for some of them, such as standard input."""

    def __init__(self, base: Path, given: Mapping[str, bytes] | None = None) -> None:
        self._base = base
        self._given = given or {}
        self._lines = lru_cache(maxsize=8)(self._read_lines)  # findings come in order of file

    def content(self, path: str) -> bytes:
        """Return a file's bytes; none where it cannot be read."""
        if path in self._given:
            return self._given[path]
        content = content_of(self._base / path, path)
        return b"" if isinstance(content, Problem) else content

    def line(self, position: Position) -> str:
        """Return the line that a span begins in; nothing where there is none."""
        lines = self._lines(position.path)
        return lines[position.line - 1] if 0 < position.line <= len(lines) else ""

    def span(self, position: Position) -> str:
        """Return what stands at a span of one line; nothing for a longer one."""
        if position.end_line != position.line:
            return ""
        return self.line(position)[position.column - 1 : position.end_column - 1]

    def _read_lines(self, path: str) -> list[str]:
        return lines_of(self.content(path).removeprefix(codecs.BOM_UTF8).decode(errors="replace"))


def lines_of(text: str) -> list[str]:
    """Return the lines as places count them, without their breaks."""
    return BREAK.split(text)


def starts_of(text: str) -> list[int]:
    """Return where each line begins, in characters."""
    return [0, *(found.end() for found in BREAK.finditer(text))]
