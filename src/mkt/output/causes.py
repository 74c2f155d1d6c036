"""Many problems, few causes: the first one of a cause is told at length, the others by name."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Final, TypeVar

from rich.text import Text

from mkt.output.text import DIM, clean

T = TypeVar("T")

_EACH: Final = 3
"""So many of one cause are all told at length."""
_NAMED: Final = 5


def by_cause(found: Sequence[T], cause: Callable[[T], Hashable]) -> Iterator[tuple[T, Sequence[T]]]:
    """Yield what to tell at length, in its order, with those that it stands for; a cause of None is nobody else's."""
    groups: defaultdict[Hashable, list[T]] = defaultdict(list)
    for one in found:
        groups[cause(one)].append(one)
    for one in found:
        others = groups[cause(one)]
        if cause(one) is None or len(others) <= _EACH:
            yield one, ()
        elif one is others[0]:
            yield one, others[1:]


def also(targets: Sequence[str], command: str = "") -> Text:
    """Return a line of `alike` under what is told at length. It is never folded: a command stands in it."""
    return Text(f"  {alike(targets, command)}", DIM, no_wrap=True)


def alike(targets: Sequence[str], command: str = "") -> str:
    """Name some of those that stand as the one above does, and what to type to see all of them."""
    named = ", ".join(targets[:_NAMED])
    more = ", …" if len(targets) > _NAMED else ""
    return clean(f"and {len(targets):,} alike: {named}{more}{f'; {command}' if command else ''}")


def triage(fingerprint: str) -> str:
    """Return what to type to see all that a cause has broken."""
    return f"mkt triage {fingerprint}" if fingerprint else ""
