"""What a run changes: counted, record by record, and as a change set that waits for a person."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple

from mkt.contract import JsonObject, Stream
from mkt.store.key import Key

DIGEST_BYTES: Final = 16


class Row(NamedTuple):
    """A record on its way into the store; `document` None is a `Deleted`, which has no digest."""

    stream: Stream
    external_id: str
    scope: str
    document: bytes | None
    digest: bytes


@dataclass(slots=True, kw_only=True)
class StreamChanges:
    """What a run changes in one stream.

    `live` are the live records before; `deleted` go now, `absent` are missing for the first time and go at the
    next listing; `listed` tells that at least one scope was listed to its end, `seen` how many ids the run saw.
    """

    live: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    absent: int = 0
    invalid: int = 0
    seen: int = 0
    listed: bool = False


Change = Literal["created", "updated", "deleted", "absent"]
Part = Literal["created", "updated"]
"""The changes that can be approved alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedRecord:
    """What a staged run would do to one record: its data as it is and as it will be, None where there is none.

    An absent one is missing for the first time: it goes when the next listing lacks it too.
    """

    external_id: str
    change: Change
    before: JsonObject | None
    after: JsonObject | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A change set that the guard stopped, waiting for a person. At most one of an integration is open.

    `changes` are those that are still in it, `fingerprint` is of the settings that the run had, `windowed` tells that
    the run moves no cursor, `reopened` how often the same change set came again after it had been rejected.
    """

    id: str
    key: Key
    connector: str
    run_id: str
    state: Literal["open", "approved", "rejected"]
    reasons: tuple[str, ...]
    changes: Mapping[Stream, StreamChanges]
    fingerprint: str
    windowed: bool
    as_of: datetime
    opened_at: datetime
    reopened: int = 0
    closed_at: datetime | None = None
    reason: str = ""
    """What the person said who closed it."""
