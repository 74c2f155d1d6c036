"""Workday's values: texts, several in one, dates, and whether somebody is active."""

import re
from datetime import date, datetime
from typing import Any, Final

_SEPARATOR: Final = "; "
_DATE: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(?:$|[T ]|Z$|[+-]\d{2}:\d{2}$)")
_WORDS: Final = {
    **dict.fromkeys(("1", "true", "yes", "y", "active", "on leave", "leave of absence"), True),
    **dict.fromkeys(("0", "false", "no", "n", "inactive", "not active", "terminated", "retired", "deceased"), False),
}


def text(value: Any) -> str:
    """Return a value as text: ids keep their zeros, booleans are 1 and 0, references are their descriptor."""
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, dict):
        return text(value.get("descriptor") or value.get("Descriptor"))
    if isinstance(value, list):
        return _SEPARATOR.join(filter(None, map(text, value)))
    if isinstance(value, bool):
        return str(int(value))
    return str(value) if isinstance(value, int | float) else ""


def several(value: str) -> list[str]:
    """Split Workday's `a; b`."""
    return [part.strip() for part in value.split(";") if part.strip()]


def iso_date(value: str) -> str:
    """Return the date of a date or moment, without zone (`1960-01-01-07:00`); "" for what is none."""
    found = _DATE.match(value)
    try:
        return date.fromisoformat(found[1]).isoformat() if found else ""
    except ValueError:
        return ""


def iso_moment(value: str) -> str:
    """Return a date or moment as it is where it is ISO 8601, else ""."""
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return ""
    return value


def is_active(word: str, hired: str, left: str, *, today: date, dated: bool) -> bool | None:
    """Tell whether a worker is active; None where Workday does not say.

    Nobody is active before the hire date or inactive before the termination date; between them the status word
    decides. `dated` tells that the report has termination dates at all, so that none means "has not left". A
    termination before the hire date is of an earlier employment. Dates are ISO texts or "".
    """
    now = today.isoformat()
    if hired > now:
        return False
    if left > now:
        return True
    has_left = left >= hired if left else False
    by_date = (not has_left) if dated or left else None
    return _WORDS.get(word.casefold(), by_date)
