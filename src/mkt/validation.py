"""Pydantic's messages in our words, for whoever wrote the file, the setting or the option."""

import re
from typing import Final

PAIRS: Final = "keys with values"
_VALID: Final = "^Input should be a valid "
_KINDS: Final = tuple(
    (re.compile(theirs), ours)
    for theirs, ours in (
        (rf"{_VALID}string\b", "text"),
        (rf"{_VALID}integer\b", "a whole number"),
        (rf"{_VALID}(?:number|decimal)\b|^Decimal input ", "a number"),
        (rf"{_VALID}boolean\b", "true or false"),
        (rf"{_VALID}(?:list|tuple|set|frozenset|array)\b", "a list"),
        (rf"{_VALID}(?:dictionary|mapping)\b|^Input should be an object$", PAIRS),
        (rf"{_VALID}date\b|^Datetimes provided to dates ", "a date such as 2027-01-07"),
        (rf"{_VALID}datetime\b", "a time such as 2027-01-07T08:00:00Z"),
        (rf"{_VALID}URL\b|^URL ", "a URL such as https://partner.example.com"),
        (r"^Input should be (?:None|null)$", "empty"),
    )
)
_WORDS: Final = (
    (re.compile(r"^(?:Value error|Assertion failed), "), ""),
    (re.compile(r"^must be greater than or equal to "), "must be at least "),
    (re.compile(r"^must be less than or equal to "), "must be at most "),
    (re.compile(r"^must be greater than "), "must be more than "),
)
_SUBJECT: Final = re.compile(r"^\w+ should ")


def expected(message: str) -> str | None:
    """Return the kind of value that should stand there; None for a message about anything else."""
    return next((ours for theirs, ours in _KINDS if theirs.search(message)), None)


def in_words(message: str) -> str:
    """Return what follows the name of what is wrong, such as "must be a whole number".

    What one of our own validators said stays as it is.
    """
    kind = expected(message)
    words = f"must be {kind}" if kind else _SUBJECT.sub("must ", message)
    for theirs, ours in _WORDS:
        words = theirs.sub(ours, words)
    return " ".join(words.split())
