"""Results on stdout, in the shape that was asked for."""

import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mkt.cli.options import Output, Shape, shape

if TYPE_CHECKING:
    from rich.console import RenderableType


def present(output: Output, value: Callable[[], Any], page: "Callable[[], Iterable[RenderableType]]") -> None:
    """Write a list or one object: as tables, as one JSON document, or as one JSON line each."""
    with suppress(BrokenPipeError):  # a reader that has left changes nothing about the exit code
        _present(shape(output, piped="table", terminal=sys.stdout.isatty()), value, page)


def _present(chosen: Shape, value: Callable[[], Any], page: "Callable[[], Iterable[RenderableType]]") -> None:
    if chosen == "table":
        print_page(page())
        return
    from mkt.output.json import write_document, write_lines  # noqa: PLC0415 - only for whom it is chosen

    found = value()
    if chosen == "json":
        write_document(found, sys.stdout.buffer)
    else:
        write_lines(found if isinstance(found, list) else [found], sys.stdout.buffer)


def print_page(parts: "Iterable[RenderableType]") -> None:
    """Print text on stdout."""
    from mkt.output.text import console_for, show  # noqa: PLC0415 - rich is not for machines

    show(console_for(sys.stdout), parts)
