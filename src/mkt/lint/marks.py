"""Which files may have something in common: the first, cheap look at a whole fleet."""

from array import array
from typing import Final

_SHARDS: Final = 8
"""Parts that are looked through one after the other, so that one eighth of the texts is in a dict at a time."""


class Marks:
    """Texts by the files that they stand in, twelve bytes for each of them.

    What is kept is a hash, so a file may be suspected wrongly, and none is missed. Processes that were forked from
    one have the same hashes.
    """

    def __init__(self) -> None:
        self.hashes = array("q")
        self.files = array("I")

    def add(self, text: str, file: int) -> None:
        """Remember that a text stands in a file, which goes by its number."""
        self.hashes.append(hash(text))
        self.files.append(file)

    def extend(self, other: "Marks") -> None:
        """Take in what another process remembers."""
        self.hashes.extend(other.hashes)
        self.files.extend(other.files)

    def shared(self) -> set[int]:
        """Return the files that have a text in common with another one."""
        found: set[int] = set()
        for shard in range(_SHARDS):
            first: dict[int, int] = {}
            own = (
                (text, file) for text, file in zip(self.hashes, self.files, strict=True) if text % _SHARDS == shard
            )
            for text, file in own:
                other = first.setdefault(text, file)
                if other != file:
                    found |= {other, file}
        return found
