"""Databases beside the one that the API serves, for what must not touch it; stores of several hosts."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.store.conftest import Clock
from tests.supalocal.stack import BOOTSTRAP, LocalSupabase

from mkt.runtime.supabase import open_supabase
from mkt.runtime.supabase_access import find_access
from mkt.store.supabase.calls import Calls
from mkt.store.supabase.store import SupabaseStore

NewDatabase = Callable[[], str]
OpenOn = Callable[[Path], SupabaseStore]


class Twice(Calls):
    """Makes every call again that may be made again, as if the answer had been lost."""

    def call(
        self, function: str, given: Mapping[str, Any], *, repeatable: bool = True, longest: float | None = None
    ) -> Any:
        if repeatable:
            super().call(function, given, longest=longest)
        return super().call(function, given, repeatable=repeatable, longest=longest)


def twice(store: SupabaseStore) -> SupabaseStore:
    """Let a store lose every answer once."""
    store._calls = Twice(store._calls.client)
    return store


@pytest.fixture
def open_on(supabase: LocalSupabase) -> Iterator[OpenOn]:
    """Open stores of the local Supabase: one folder is one host."""
    with ExitStack() as stack:

        def opened(folder: Path) -> SupabaseStore:
            access = find_access(folder.parent, supabase.environment)
            store = SupabaseStore.open(open_supabase(access), folder)
            stack.callback(store.close)
            return store

        yield opened


@pytest.fixture
def held_clock(supabase: LocalSupabase, clock: Clock) -> Iterator[Clock]:
    """Stop the database's clock; the test moves it."""
    clock.moved = supabase.hold_clock
    clock.moved(clock.time)
    yield clock
    supabase.free_clock()


@pytest.fixture
def new_database(supabase_local: LocalSupabase) -> Iterator[NewDatabase]:
    """Make databases as they are before the first migration; return their names."""
    made: list[str] = []

    def make() -> str:
        made.append(f"test_{uuid.uuid4().hex}")
        supabase_local.sql(f"create database {made[-1]}")
        supabase_local.sql(BOOTSTRAP.read_text(), database=made[-1])
        return made[-1]

    yield make
    for name in made:
        supabase_local.sql(f"drop database {name} with (force)")
