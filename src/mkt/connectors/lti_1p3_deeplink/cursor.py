"""Where a sync is: which course, which page, and the `differences` links for the next run."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from mkt.contract import Json


class Links(NamedTuple):
    """What a course is asked next time: `use`, or the whole list where it is empty; `latest` is the newest link.

    In a list of several pages, who is missing has left when missing twice in a row. So `use` is the link of the list
    before the last one: its report names the leavers again, and the list is then read a second time.
    """

    use: str
    latest: str

    @classmethod
    def after_report(cls, link: str) -> "Links":
        return cls(link, link)

    @classmethod
    def after_list(cls, link: str, before: "Links | None", *, trusted: bool) -> "Links":
        """Return the links after a whole list; a `trusted` one is complete by itself."""
        if before is None:
            return cls(link if trusted else "", link)
        return cls(before.latest, link)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place in one course's member list, `next` being the page to read; without `next` the course is done.

    `pages` have been read so far. `changes_only` tells that it is a differences report, and `differences` is the link
    that its, or the list's, first page gave for the next run.
    """

    course: str = ""
    next: str = ""
    pages: int = 0
    context_id: str = ""
    changes_only: bool = False
    differences: str = ""

    @property
    def order(self) -> tuple[str, bool, int]:
        return self.course, not self.changes_only, self.pages


@dataclass(frozen=True, slots=True)
class Cursor:
    """What a checkpoint keeps; `read` tells that a course has been read in this run."""

    differences: Mapping[str, Links]
    at: Place = Place()
    read: bool = False

    @classmethod
    def oldest(cls, cursors: Iterable[Json]) -> "Cursor":
        """Return the cursor to go on from, for streams that are read together.

        Links that not all of them have may be younger than some stream's records: without them, courses are read
        in full.
        """
        found = [_read(cursor) for cursor in cursors]
        first = min(found, key=lambda cursor: cursor.at.order)
        agreed = all(cursor.differences == first.differences for cursor in found)
        return first if agreed else cls({}, first.at, first.read)

    def as_json(self) -> Json:
        """Return None for a cursor that says nothing."""
        kept = (
            {"differences": {url: list(links) for url, links in self.differences.items()}} if self.differences else {}
        )
        return {**kept, "at": asdict(self.at), "read": self.read} if self.at.course else kept or None


def _read(cursor: Json) -> Cursor:
    if not isinstance(cursor, Mapping):
        return Cursor({})
    links: Any = cursor.get("differences") or {}
    differences = {url: Links(*pair) for url, pair in links.items()}
    at: Any = cursor.get("at")
    return Cursor(differences, Place(**at) if at else Place(), cursor.get("read") is True)
