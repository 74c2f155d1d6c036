"""What pydantic finds wrong with an option or a setting, in words for whoever typed it."""

import re
from typing import Final

_WORDS: Final = (
    (r"^Value error, ", ""),
    (r"^Input should be ", "must be "),
    (r"a valid integer.*", "a whole number"),
    (r"a valid number.*", "a number"),
    (r"a valid boolean.*", "true or false"),
    (r"a valid string.*", "text in quotes"),
    (r"a valid (list|tuple|set).*", 'a list such as ["one", "two"]'),
    (r"a valid dictionary.*", "a table of keys with values"),
    (r"greater than or equal to ", "at least "),
    (r"less than or equal to ", "at most "),
    (r"greater than ", "more than "),
)


def plain(message: str) -> str:
    """Return a message of pydantic's in our words; any other as it is, but for its first letter."""
    for theirs, ours in _WORDS:
        message = re.sub(theirs, ours, message)
    return f"{message[:1].lower()}{message[1:]}"
