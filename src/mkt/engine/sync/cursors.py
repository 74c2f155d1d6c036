"""A stored cursor that the partner refuses must not stop an integration for ever."""

from collections.abc import Collection
from typing import Final

from mkt.contract import PartnerError, Stream, TransientError
from mkt.store.base import IntegrationState

STUCK_AFTER: Final = 3
"""So many failures in a row, and it is no accident."""


def starts_over(state: IntegrationState | None, streams: Collection[Stream]) -> bool:
    """Tell whether the next run should leave the stored cursors alone: from them, the partner has refused too often.

    What the partner allows from the beginning is then brought over, under the guard as always.
    """
    error = (state.last_error if state else None) or {}
    if state is None or state.failures < STUCK_AFTER or not _refused(error.get("class"), str(error.get("code"))):
        return False
    return any(known.cursor is not None for stream, known in state.streams.items() if stream in streams)


def note(failures: int) -> str:
    """Say that a run left the stored cursors alone."""
    return f"the last {failures} syncs from the stored cursor were refused, so this one started from the beginning"


def hint(error: Exception, target: str) -> None:
    """Tell, in the remedy of what the partner answered to a run from a cursor, how to go on without it."""
    if isinstance(error, PartnerError) and _refused(error.error_class, error.code):
        way = f"`mkt sync {target} --now --full` starts from the beginning instead of from the stored cursor."
        error.remedy = f"{error.remedy} {way}".strip()


def _refused(error_class: object, code: str) -> bool:
    """Tell a question that was refused from an answer that was no good: its codes begin with `partner.`."""
    return error_class == PartnerError.error_class and not code.startswith("partner.")


def stands_still(error: Exception, state: IntegrationState | None) -> bool:
    """Tell of a resumed run that brought nothing whether its staging is in the way: a page may no longer be there."""
    return isinstance(error, TransientError) and state is not None and state.failures >= STUCK_AFTER
