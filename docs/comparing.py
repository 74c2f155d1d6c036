"""What differs from run to run: times, ids, ports, temporary folders. It is not compared."""

import re
from typing import Final

_AMOUNT: Final = r"\d+(?:\.\d+)? (?:ms|s|min|h|d)\b"
_VARYING: Final = (
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{8}\b"), "ID"),
    (re.compile(rf"{_AMOUNT}(?: \d+ s\b)?"), "AMOUNT"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z| UTC)|\d\d:\d\d UTC"), "TIME"),
    (re.compile(r"\d{1,2} [A-Z][a-z]+ 20\d\d"), "DAY"),
    (re.compile(r"127\.0\.0\.1:\d+"), "ADDRESS"),
    (re.compile(r"\S*/mkt-(?:readme|recipe)-\w+"), "FOLDER"),
    (re.compile(r"\b[\w/.-]+/bin/mkt\b"), "MKT"),
    (re.compile(r"[A-Za-z0-9_-]{40,}={0,2}|[A-Za-z0-9+/]{40,}={0,2}"), "KEY"),
    (re.compile(r"[ \t]+"), " "),
)


def comparable(text: str) -> str:
    """Return the text without what differs from run to run."""
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return text
