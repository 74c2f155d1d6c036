"""Databases beside the one that the API serves, for what must not touch it."""

import uuid
from collections.abc import Callable, Iterator

import pytest
from tests.supalocal.stack import BOOTSTRAP, LocalSupabase

NewDatabase = Callable[[], str]


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
