"""Staged runs against a plain model: random records, scopes, listings, deletes, batches and resumes."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mkt.contract import Complete
from mkt.store.base import Batch, Row, StreamChanges, SyncWriter
from mkt.store.sqlite import SqliteStore

from .conftest import KEY, Syncs, gone, row

ids = st.sampled_from("1234")
scopes = st.sampled_from(["", "a", "b"])
puts = st.builds(row, ids, st.sampled_from("xyz"), scopes)
deletes = st.builds(gone, ids)
completes = st.builds(Complete, st.just("people"), scopes, st.sampled_from(["snapshot", "keyset", "offset"]))
batches = st.builds(
    lambda rows, done, bad: Batch(rows=rows, completes=done, invalid={"people": 1} if bad else {}),
    st.lists(st.one_of(puts, puts, deletes), max_size=6),
    st.lists(completes, max_size=2),
    st.integers(0, 9).map(lambda number: number == 0),
)
# A run is a list of lives: each but the last was killed after its batches.
runs = st.lists(st.lists(batches, max_size=3), min_size=1, max_size=3)


@dataclass
class Record:
    """A live record: its document, the scopes it stands in, those of them that have it marked."""

    document: bytes | None
    scopes: set[str]
    marked: set[str] = field(default_factory=set)


@dataclass
class Staging:
    """What one run has been told so far."""

    last: dict[str, Row] = field(default_factory=dict)
    seen: dict[str, set[str]] = field(default_factory=dict)
    completes: dict[str, bool] = field(default_factory=dict)
    invalid: int = 0

    def take(self, batch: Batch, *, resumed: bool) -> None:
        for each in batch.rows:
            self.last[each.external_id] = each
            if each.document is None:
                self.seen.pop(each.external_id, None)
            else:
                self.seen.setdefault(each.external_id, set()).add(each.scope)
        for complete in batch.completes:
            self.completes[complete.scope] = complete.listing != "offset" and not resumed
        self.invalid += sum(batch.invalid.values())


@dataclass
class Model:
    """Live records by id; `apply` is the promise of DESIGN section 8, written record by record."""

    live: dict[str, Record] = field(default_factory=dict)

    def load(self, staging: Staging) -> None:
        for key, each in staging.last.items():
            if each.document is not None:
                self.live[key] = Record(each.document, set(staging.seen[key]))

    def apply(self, staging: Staging) -> StreamChanges:
        counts: Counter[str] = Counter()
        after = {}
        for key in sorted({*self.live, *staging.last}):
            record = self._one(key, staging, counts)
            if record is not None:
                after[key] = record
        changes = StreamChanges(
            live=len(self.live),
            seen=len(staging.seen),
            invalid=staging.invalid,
            listed=bool(staging.completes),
            **counts,
        )
        self.live = after
        return changes

    def _one(self, key: str, staging: Staging, counts: Counter[str]) -> Record | None:
        before, said = self.live.get(key), staging.last.get(key)
        seen = staging.seen.get(key, set())
        if said is not None and said.document is None:
            counts["deleted"] += before is not None
            return None
        if before is None:
            assert said is not None
            counts["created"] += 1
            return Record(said.document, set(seen))
        if said is not None:
            counts["unchanged" if said.document == before.document else "updated"] += 1
        return self._stand(before, said, seen, staging, counts)

    def _stand(
        self, before: Record, said: Row | None, seen: set[str], staging: Staging, counts: Counter[str]
    ) -> Record | None:
        absent = {scope for scope in before.scopes if scope in staging.completes and scope not in seen}
        if staging.invalid:
            absent = set()
        removed = {scope for scope in absent if staging.completes[scope] or scope in before.marked}
        holding = (before.scopes | seen) - removed
        marked = ((before.marked | absent) - seen) & holding
        if not holding:
            counts["deleted"] += 1
            return None
        if said is None and marked == holding and absent - removed:
            counts["absent"] += 1
        return Record(said.document if said else before.document, holding, marked)


def _play(syncs: Syncs, lives: list[list[Batch]]) -> tuple[SyncWriter, Staging]:
    staging = Staging()
    writer = syncs.open()
    for number, life in enumerate(lives):
        if number:
            writer = syncs.open()
            assert writer.resumed
        for batch in life:
            writer.write(batch)
            staging.take(batch, resumed=writer.resumed)
    return writer, staging


def _check(syncs: Syncs, model: Model) -> None:
    records = syncs.records(deleted=False)
    assert {r.external_id: r.data for r in records} == {
        key: {"title": _title(record.document)} for key, record in model.live.items()
    }
    assert syncs.store.scopes(syncs.key, "people") == set().union(*(record.scopes for record in model.live.values()))
    tombstones = len(syncs.records()) - len(records)
    assert syncs.store.counts().get((syncs.key, "people"), (0, 0)) == (len(records), tombstones)


def _title(document: bytes | None) -> Any:
    return (document or b"").decode().removeprefix('{"title": "').removesuffix('"}')


def _examples(syncs: Syncs) -> settings:
    """Return how many to try: over the network each takes twenty times as long."""
    return settings(max_examples=120 if isinstance(syncs.store, SqliteStore) else 20, deadline=None)


def test_staged_runs_end_as_the_model_does(syncs: Syncs) -> None:
    numbers = count()

    @given(first=st.lists(st.lists(puts, max_size=6), max_size=2), rest=st.lists(runs, max_size=5))
    @_examples(syncs)
    def try_one(first: list[list[Row]], rest: list[list[list[Batch]]]) -> None:
        _staged_runs(_anew(syncs, next(numbers)), first, rest)

    try_one()


def _anew(syncs: Syncs, number: int) -> Syncs:
    """Return the runs of another integration, which has had none."""
    return Syncs(syncs.store, syncs.clock, KEY._replace(integration=f"roster-{number}"))


def _staged_runs(syncs: Syncs, first: list[list[Row]], rest: list[list[list[Batch]]]) -> None:
    model = Model()
    writer, staging = _play(syncs, [[Batch(rows=rows) for rows in first]])
    model.load(staging)
    created = writer.promote(syncs.clock.now())["people"]
    assert created == StreamChanges(created=len(model.live), seen=len(model.live))
    for lives in rest:
        writer, staging = _play(syncs, lives)
        expected = model.apply(staging)
        assert writer.changes()["people"] == expected
        assert writer.promote(syncs.clock.now())["people"] == expected
        _check(syncs, model)


ops = st.lists(st.lists(st.one_of(puts, puts, deletes), max_size=5), max_size=4)


def test_a_first_load_that_goes_on_counts_each_record_once(syncs: Syncs) -> None:
    numbers = count()

    @given(before=ops, lives=ops)
    @_examples(syncs)
    def try_one(before: list[list[Row]], lives: list[list[Row]]) -> None:
        _first_load(_anew(syncs, next(numbers)), before, lives)

    try_one()


def _first_load(syncs: Syncs, before: list[list[Row]], lives: list[list[Row]]) -> None:
    model = Model()
    _, staging = _play(syncs, [[Batch(rows=rows) for rows in before]])
    model.load(staging)
    writer, told, written = syncs.open(), Staging(), set[str]()
    for rows in lives:
        written |= _written(syncs, rows)
        writer.write(Batch(rows=rows))
        told.take(Batch(rows=rows), resumed=True)
    changes = writer.changes()["people"]
    assert changes.live == len(model.live)
    assert changes.created == len(set(told.seen) - set(model.live))
    assert changes.deleted == len(set(model.live) & (set(told.last) - set(told.seen)))
    assert changes.updated + changes.unchanged == len(set(told.seen) & set(model.live))
    assert changes.updated == len(set(told.seen) & set(model.live) & written)
    left = (model.live.keys() | told.seen.keys()) - (told.last.keys() - told.seen.keys())
    assert syncs.live().keys() == left


def _written(syncs: Syncs, rows: list[Row]) -> set[str]:
    """Return the ids whose last row of the batch differs from what is there now."""
    live = syncs.live()
    last = {each.external_id: each for each in rows}
    return {
        key
        for key, each in last.items()
        if (each.document is None) != (key not in live)
        or (each.document is not None and _title(each.document) != live[key])
    }
