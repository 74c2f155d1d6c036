"""The one place where a failure of an integration, foreseen or not, is kept from all the others."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def attempt(work: Callable[[], T]) -> T | Exception:
    """Return what the work returns or, instead of raising it, the exception."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - the isolation point of DESIGN section 7
        return error
