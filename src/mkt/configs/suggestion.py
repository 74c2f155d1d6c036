"""The nearest of the words that there are: "Did you mean x?"."""

import difflib
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

_SLIPS_NAMED: Final = 3


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """Return "Did you mean x?" for the nearest known word, or else what there is to choose from.

    Where several are a slip away, all are named, so that nobody, `mkt lint --fix` least of all, takes the wrong one.
    """
    return _suggested(wrong, tuple(sorted(known)))


@lru_cache(maxsize=1024)
def _suggested(wrong: str, words: tuple[str, ...]) -> str:
    """Answer for a whole fleet at once: one mistake was often copied into many files."""
    slips = [word for word in words if is_slip(wrong, word)]
    if len(slips) > 1:
        return f"Did you mean {' or '.join(slips[:_SLIPS_NAMED])}?"
    by_folded = {word.casefold().replace("-", "_"): word for word in words}
    near = difflib.get_close_matches(wrong.casefold().replace("-", "_"), by_folded, n=1)
    if near:
        return f"Did you mean {by_folded[near[0]]}?"
    return f"Known are: {', '.join(words)}." if words else "Remove it."


def is_slip(wrong: str, right: str) -> bool:
    """Tell whether a word is another but for one letter: wrong, missing, too many, or in its neighbour's place."""
    one, other = (word.casefold().replace("-", "_") for word in (wrong, right))
    if abs(len(one) - len(other)) > 1:
        return False
    if len(one) < len(other):
        one, other = other, one
    first = next((n for n, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), len(other))
    if len(one) > len(other):
        return one[first + 1 :] == other[first:]
    swapped = one[first + 1 : first + 2] + one[first : first + 1] + one[first + 2 :]
    return one[first + 1 :] == other[first + 1 :] or swapped == other[first:]
