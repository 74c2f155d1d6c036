"""Reading what was synced: the change feed, and the counts."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from mkt.contract import FIELDS, Stream
from mkt.store.base import Key, StoredRecord
from mkt.store.supabase.calls import Part

_PAGE: Final = 2000


class Records(Part):
    """Reading what was synced."""

    def records(
        self,
        *,
        keys: Collection[Key] | None = None,
        stream: Stream | None = None,
        since_seq: int = 0,
        deleted: bool = True,
        limit: int | None = None,
    ) -> Iterator[StoredRecord]:
        wanted = {
            "keys": None if keys is None else list(keys),
            "streams": sorted(FIELDS) if stream is None else [stream],
            "deleted": deleted,
        }
        after: int | None = since_seq
        left = limit
        while after is not None and (left is None or left > 0):
            size = _PAGE if left is None else min(_PAGE, left)
            page = self._calls.call("mkt_records", {**wanted, "since": after, "limit": size})
            yield from map(_record, page["rows"])
            after = page["next"]
            left = None if left is None else left - len(page["rows"])

    def counts(self, keys: Collection[Key] | None = None) -> dict[tuple[Key, Stream], tuple[int, int]]:
        rows = self._calls.call("mkt_counts", {"keys": None if keys is None else list(keys)})
        return {(Key(tenant, name), stream): (live, gone) for tenant, name, stream, live, gone in rows}


def _record(row: list[Any]) -> StoredRecord:
    return StoredRecord(
        seq=row[0],
        key=Key(row[1], row[2]),
        stream=row[3],
        external_id=row[4],
        data=row[5],
        first_seen_at=_moment(row[6]),
        changed_at=_moment(row[7]),
        deleted=row[8],
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
