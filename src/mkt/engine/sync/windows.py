"""A sync of a part of time (`--since`, `--until`): what changed then is brought over, and no cursor moves."""

from collections.abc import Collection, Iterator

from mkt.contract import Stream, Window
from mkt.engine.selection import Selection
from mkt.errors import StartError


def refuse_unasked(window: Window | None, selection: Selection, *, every: bool) -> None:
    """Raise `StartError` for a window that nobody has narrowed down: it is a request, not a turn of the schedule."""
    if window and selection.everything and not every:
        raise StartError(
            "--since and --until need a target or a filter",
            remedy="Name a tenant, or add --all for every one.",
        )


def notes(window: Window | None, completed: Collection[Stream]) -> Iterator[str]:
    """Say which part of time a run was for, and of which streams the connector could not ask for that part.

    `completed` are the streams that it listed to their end: with a start in time, nothing is listed whole.
    """
    if window is None:
        return
    yield f"asked for what changed {_words(window)}; cursors stay where they were"
    if window.since and completed:
        names = ", ".join(sorted(completed))
        yield f"the partner was asked for all of {names}, since no part can be asked for here; nothing was deleted"


def _words(window: Window) -> str:
    since = [f"since {window.since:%Y-%m-%d %H:%M} UTC"] if window.since else []
    until = [f"until {window.until:%Y-%m-%d %H:%M} UTC"] if window.until else []
    return " ".join([*since, *until])
