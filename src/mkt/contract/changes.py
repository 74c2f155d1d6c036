"""What a sync yields, in this order: records, `Complete`, the last `Checkpoint`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

from mkt.contract.json import Json
from mkt.contract.streams import Stream

Listing = Literal["snapshot", "keyset", "offset"]


class Record(NamedTuple):
    """One thing of a stream as it is now.

    `external_id` is the partner's own id, as text; `data` has the fields of `FIELDS[stream]` that the partner
    says; `scope` is a part of the stream that is listed on its own, such as one LMS course. It is a tuple because
    there are many: a frozen dataclass takes twice as long to make.
    """

    stream: Stream
    external_id: str
    data: Mapping[str, Any]
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Deleted:
    """The partner said that this record is gone."""

    stream: Stream
    external_id: str


@dataclass(frozen=True, slots=True)
class Complete:
    """This scope was listed to its end: what was not in it has left it.

    `listing` says how far absence can be trusted: a `snapshot` is one answer, `keyset` pages by a key, and in
    `offset` pages a record can slip between two pages, so it goes only when absent twice in a row.
    """

    stream: Stream
    scope: str = ""
    listing: Listing = "snapshot"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All yielded before belongs to this cursor; a stream's last one is the next run's start.

    A cursor is JSON of the connector's own making. `None` means "from the start".
    """

    stream: Stream
    cursor: Json


Change: TypeAlias = Record | Deleted | Checkpoint | Complete
