"""One store into another: `mkt db copy`.

The rows pass in one form, which is the one that PostgreSQL gives them as JSON: objects with the columns of DESIGN
section 9, times as ISO text, bytes as hex behind a backslash and an x. Each end turns its own form into it, and back.

A copy that was killed goes on with what is there: records and events stand in the order of their numbers, so all that
changed since has a later one; the other tables are copied again. What the source has forgotten since shows in the
counts and digests at the end, and then the copy begins anew. At the very end the data of all records is read back and
compared: a copy that has ended is one.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import md5
from itertools import zip_longest
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from mkt.errors import Refused, StoreError

Row: TypeAlias = dict[str, Any]
Counts: TypeAlias = Mapping[str, int]
"""Rows of each table."""
StreamName: TypeAlias = tuple[str, str, str]
"""Tenant, integration, stream."""
Document: TypeAlias = tuple[int, Any]
"""The `seq` and the data of a record."""
Told: TypeAlias = Callable[[str, int, int], object]
"""Is told of a table how many of how many rows were copied."""

TABLES: Final = (
    "integration_records",
    "integration_events",
    "integration_record_scopes",
    "integration_absences",
    "integration_deliveries",
    "integration_delivery_days",
    "integration_memory",
    "integration_alerts",
    "integration_alert_look",
    "integration_alert_messages",
    "integration_staging_runs",
    "integration_staging",
    "integration_staging_seen",
    "integration_staging_streams",
    "integration_staging_completes",
    "integration_holds",
    "integration_runs",
    "integration_streams",
    "integration_leases",
    "integration_state",
)
"""In the order in which they are copied: where everything stands comes last."""
NUMBERED: Final = frozenset({"integration_records", "integration_events"})
"""Those whose rows have a `seq`, and are copied in its order."""
MOST_ROWS: Final = 2000
MOST_BYTES: Final = 3_000_000
"""Of one batch, and one more row."""
_COMPARED: Final = "records compared"
_EXACT: Final = 2**53
"""Up to here every whole number is a double."""


class Digest(NamedTuple):
    """What a stream's records are: how many, and the sum of what `record_digest` makes of each."""

    number: int
    total: int


class Standing(NamedTuple):
    """What runs in a store, and a text that changes when anybody runs or verifies, or a delivery comes."""

    running: list[str]
    mark: str
    last_seq: int


class Begun(NamedTuple):
    """Whether the copy goes on, and the last `seq` that is there of the tables that have one."""

    resumed: bool
    last: Mapping[str, int]


class CopySource(Protocol):
    """A store that is copied. Every method raises `StoreError` when it fails."""

    @property
    def name(self) -> str:
        """What the store is known by from one attempt to the next."""
        ...

    def standing(self) -> Standing: ...
    def counts(self) -> Counts: ...
    def digests(self) -> Mapping[StreamName, Digest]: ...
    def documents(self) -> Iterator[Document]:
        """Return the data of all records in order of their `seq`."""
        ...

    def rows(self, table: str, after: int) -> Iterator[list[Row]]:
        """Return a table's rows in batches, those of a numbered one in order from the one behind `after` on."""
        ...


class CopyTarget(Protocol):
    """A new store. Until `finish` it is none."""

    def begin(self, source: str) -> Begun:
        """Raise `Refused` where something is there that is not of an earlier attempt from the same source."""
        ...

    def clear(self, table: str) -> None: ...
    def put(self, table: str, rows: list[Row]) -> None:
        """Store rows; what is there already stays, but for a record that has changed since."""
        ...

    def counts(self) -> Counts: ...
    def digests(self) -> Mapping[StreamName, Digest]: ...
    def documents(self) -> Iterator[Document]: ...
    def finish(self, last_seq: int) -> None:
        """Make it a store, whose next record has a later `seq` than all of the source ever had."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What was copied, or would be."""

    counts: Counts
    streams: int = 0
    resumed: bool = False


def record_digest(row: tuple[int, str, int, int, str, str, str]) -> int:
    """Return a number for a record: seq, hash as hex, deleted, unscoped, first seen, changed, external id."""
    seq, content, deleted, unscoped, first, changed, external_id = row
    text = f"{seq} {content} {deleted}{unscoped} {first} {changed} {external_id}"
    return int(md5(text.encode(), usedforsecurity=False).hexdigest()[:15], 16)


def as_doubles(value: Any) -> Any:
    """Return JSON with large whole numbers as doubles: PostgreSQL writes 1e23 as 100000000000000000000000."""
    if isinstance(value, dict):
        return {name: as_doubles(item) for name, item in value.items()}
    if isinstance(value, list):
        return [as_doubles(item) for item in value]
    return float(value) if isinstance(value, int) and abs(value) > _EXACT else value


def planned(source: CopySource) -> Copied:
    """Count what would be copied; raise `Refused` while an integration runs."""
    _standing(source)
    return Copied(counts=source.counts())


def copy(source: CopySource, target: CopyTarget, told: Told) -> Copied:
    """Copy everything, and prove it.

    Raise `Refused` where the target holds something else or somebody works in the source, `StoreError` where a store
    fails or the copy is not the same.
    """
    before = _standing(source)
    counts, digests = source.counts(), source.digests()
    begun = target.begin(source.name)
    _fill(source, target, counts, begun, told)
    wrong = _differences(counts, digests, target) or _damages(source, target, counts, told)
    if wrong and begun.resumed:  # the source has forgotten something since the attempt before
        _fill(source, target, counts, _anew(target), told)
        wrong = _differences(counts, digests, target) or _damages(source, target, counts, told)
    if wrong:
        raise StoreError(
            f"the copy is not the same, and was not finished: {'; '.join(wrong)}",
            remedy="Let nothing else work with either store, and run the same command again: it begins anew.",
            code="local.copy",
        )
    _require_rest(source, before)
    target.finish(before.last_seq)
    return Copied(counts=counts, streams=len(digests), resumed=begun.resumed)


def _standing(source: CopySource) -> Standing:
    found = source.standing()
    if found.running:
        raise Refused(
            f"{', '.join(found.running[:5])} of {source.name} runs at this moment; nothing was copied",
            remedy="Stop cron, workers and `mkt serve` of this project, wait for the end of the runs, and ask again.",
        )
    return found


def _require_rest(source: CopySource, before: Standing) -> None:
    after = source.standing()
    if after.running or after.mark != before.mark:
        raise Refused(
            f"somebody has worked in {source.name} meanwhile, so the copy was not finished",
            remedy="Stop cron, workers and `mkt serve` of this project; then run the same command again: it goes on.",
        )


def _anew(target: CopyTarget) -> Begun:
    for table in TABLES:
        target.clear(table)
    return Begun(resumed=False, last={})


def _fill(source: CopySource, target: CopyTarget, counts: Counts, begun: Begun, told: Told) -> None:
    if begun.resumed:
        for table in TABLES:
            if table not in NUMBERED:
                target.clear(table)
    for table in TABLES:
        after = begun.last.get(table, 0)
        done = 0
        for rows in source.rows(table, after):
            target.put(table, rows)
            done += len(rows)
            told(table, done, counts[table])


def _differences(counts: Counts, digests: Mapping[StreamName, Digest], target: CopyTarget) -> list[str]:
    there = target.counts()
    wrong = [
        f"{table} has {there[table]:,} rows, not {counts[table]:,}"
        for table in TABLES
        if there[table] != counts[table]
    ]
    copied = target.digests()
    streams = sorted(name for name in {*digests, *copied} if digests.get(name) != copied.get(name))
    return [*wrong, *(f"{'/'.join(name[:2])} {name[2]} has other records" for name in streams[:5])]


def _damages(source: CopySource, target: CopyTarget, counts: Counts, told: Told) -> list[str]:
    """Compare the data as values: each store writes numbers in its own way."""
    damaged = 0
    pairs = zip_longest(source.documents(), target.documents(), fillvalue=(0, None))
    for done, (given, copied) in enumerate(pairs, 1):
        damaged += given != copied and (given[0] != copied[0] or as_doubles(given[1]) != as_doubles(copied[1]))
        if done % MOST_ROWS == 0:
            told(_COMPARED, done, counts["integration_records"])
    return [f"of {counts['integration_records']:,} records {damaged:,} have other data"] if damaged else []
