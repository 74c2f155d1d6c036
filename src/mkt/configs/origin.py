"""Where each key of an integration stands, looked up when a message needs it."""

from collections.abc import Iterator, Mapping
from functools import cached_property

from mkt.configs.document import read


class LazyLines(Mapping[str, str]):
    """Place of each dotted key below one integration.

    Keeping the nodes of a whole fleet would take far more memory than its files, so the file's content is kept and
    composed again, for the one integration that somebody has to mend.
    """

    def __init__(self, content: bytes, path: str, index: int) -> None:
        self._content = content
        self._path = path
        self._index = index

    @cached_property
    def _lines(self) -> dict[str, str]:
        document = read(self._content, self._path)
        below = document.places(("integrations", self._index))
        return {dotted: f"{place.path}:{place.line}" for dotted, place in below}

    def __getitem__(self, dotted: str) -> str:
        return self._lines[dotted]

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def __repr__(self) -> str:
        return f"LazyLines({self._path!r}, {self._index})"
