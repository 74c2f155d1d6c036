"""Pages as text, at the width of a terminal or piped."""

import io
from collections.abc import Callable, Iterable

import pytest
from rich.console import Console, RenderableType

from mkt.output.text import WIDE, show

Render = Callable[..., str]


@pytest.fixture
def render() -> Render:
    """Return what a page looks like: `width` columns of a terminal, or piped without it."""

    def rendered(parts: Iterable[RenderableType], width: int | None = None) -> str:
        file = io.StringIO()
        console = Console(
            file=file,
            width=width or WIDE,
            force_terminal=width is not None,
            color_system=None,
            highlight=False,
            emoji=False,
            markup=False,
            _environ={},
        )
        show(console, parts)
        return file.getvalue()

    return rendered
