"""The stores that the contract tests run over, and a clock that the tests move by hand."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Protocol

import pytest
from tests.supalocal.stack import LocalSupabase

from mkt.contract import Complete, Json, Stream
from mkt.runtime.supabase import open_supabase
from mkt.runtime.supabase_access import find_access
from mkt.store.base import Batch, Key, Lease, Row, Store, StoredRecord, SyncWriter
from mkt.store.sqlite import SqliteStore
from mkt.store.supabase.store import SupabaseStore

KEY = Key("northwind", "roster")


@dataclass
class Clock:
    """Every clock of a store; `moved` is told of each new time."""

    time: datetime = datetime(2026, 11, 22, 18, tzinfo=UTC)
    moved: Callable[[datetime], object] = lambda _: None

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def pass_by(self, **span: float) -> None:
        self.time += timedelta(**span)
        self.moved(self.time)


class Opener(Protocol):
    """Opens one more store on the same data, as another process would."""

    def __call__(self) -> Store: ...


class _Sqlite:
    """A file of the test's own."""

    def __init__(self, request: pytest.FixtureRequest, clock: Clock) -> None:
        self._path = request.getfixturevalue("tmp_path") / ".mkt" / "mkt.db"
        self._clock = clock

    def __call__(self) -> Store:
        return SqliteStore.open(self._path, now=self._clock.now, monotonic=self._clock.monotonic)


class _Supabase:
    """The local Supabase, whose clock is the test's."""

    def __init__(self, request: pytest.FixtureRequest, clock: Clock) -> None:
        self._stack: LocalSupabase = request.getfixturevalue("supabase")
        self._folder = request.getfixturevalue("tmp_path") / ".mkt"
        request.addfinalizer(self._stack.free_clock)
        clock.moved = self._stack.hold_clock
        clock.moved(clock.time)

    def __call__(self) -> Store:
        access = find_access(self._folder.parent, self._stack.environment)
        return SupabaseStore.open(open_supabase(access), self._folder)


STORES: dict[str, Callable[[pytest.FixtureRequest, Clock], Opener]] = {"sqlite": _Sqlite, "supabase": _Supabase}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=STORES)
def open_store(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Opener]:
    opener = STORES[request.param](request, clock)
    with ExitStack() as stack:

        def one_more() -> Store:
            store = opener()
            stack.callback(store.close)
            return store

        yield one_more


@pytest.fixture
def store(open_store: Opener) -> Store:
    return open_store()


def document(value: Any) -> bytes:
    return json.dumps({"title": value}).encode()


def row(external_id: str, value: Any = "x", scope: str = "", stream: Stream = "people") -> Row:
    content = document(value)
    return Row(stream, external_id, scope, content, blake2b(content, digest_size=16).digest())


def gone(external_id: str, stream: Stream = "people") -> Row:
    return Row(stream, external_id, "", None, b"")


def _settling(writer: SyncWriter) -> SyncWriter:
    write = writer.write

    def write_and_settle(batch: Batch) -> None:
        write(batch)
        writer.settle()

    vars(writer)["write"] = write_and_settle
    return writer


@dataclass
class Syncs:
    """Runs of one integration, told shortly."""

    store: Store
    clock: Clock
    key: Key = KEY
    fingerprint: str = "f1"
    streams: tuple[Stream, ...] = ("people",)
    lease: Lease | None = None
    number: int = field(default=0)
    settles: bool = True
    """Whether each batch is stored when `write` returns, as most tests look at the store next."""

    def open(self, **options: Any) -> SyncWriter:
        """Begin a run; the one before it, if it has not ended, was killed."""
        if self.lease is not None:
            self.store.release(self.lease)
        self.lease = self.store.acquire(self.key)
        assert self.lease is not None
        self.number += 1
        wanted = {"fingerprint": self.fingerprint, "streams": self.streams, **options}
        writer = self.store.open_sync(self.lease, run_id=f"run-{self.key.integration}-{self.number:03}", **wanted)
        return _settling(writer) if self.settles else writer

    def load(self, *rows: Row, cursor: Json = None, listing: Any = None, scope: str = "", **options: Any) -> Any:
        """Make a whole run of one batch, and return what it changed in people."""
        writer = self.open(**options)
        completes = [] if listing is None else [Complete("people", scope, listing)]
        writer.write(Batch(rows=list(rows), completes=completes, cursors={"people": cursor}))
        return writer.promote(self.clock.now())["people"]

    def live(self) -> dict[str, str]:
        return {record.external_id: record.data["title"] for record in self.records(deleted=False)}

    def records(self, **query: Any) -> list[StoredRecord]:
        return list(self.store.records(keys=[self.key], **query))


@pytest.fixture
def syncs(store: Store, clock: Clock) -> Syncs:
    return Syncs(store, clock)
