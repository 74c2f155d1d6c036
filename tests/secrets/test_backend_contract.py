"""What every place does that values can be stored in."""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mkt.runtime.supabase import open_supabase
from mkt.runtime.supabase_access import find_access
from mkt.secrets.base import WritableBackend
from mkt.secrets.env import EnvBackend
from mkt.secrets.file import FileBackend
from mkt.secrets.keyring import KeyringBackend
from mkt.secrets.sealed_rows import SealedRows
from mkt.secrets.sealing_keys import CURRENT, SealingKeys
from mkt.secrets.supabase import SupabaseBackend


def in_supabase(request: pytest.FixtureRequest, tenant: str = "northwind") -> SupabaseBackend:
    stack, keys = request.getfixturevalue("supabase"), {CURRENT: base64.b64encode(bytes(32)).decode()}
    access = find_access(Path("/nowhere"), stack.environment)

    @contextmanager
    def opened() -> Iterator[Any]:
        with open_supabase(access) as client:
            request.addfinalizer(client.close)
            yield client

    return SupabaseBackend(SealedRows(lambda: opened), SealingKeys(EnvBackend(keys), KeyringBackend()), tenant)


def in_file(request: pytest.FixtureRequest) -> FileBackend:
    return FileBackend(request.getfixturevalue("tmp_path"))


def in_keyring(request: pytest.FixtureRequest) -> KeyringBackend:
    request.getfixturevalue("memory_keyring")
    return KeyringBackend()


@pytest.fixture(params=[in_file, in_keyring, in_supabase])
def backend(request: pytest.FixtureRequest) -> WritableBackend:
    make: Callable[[pytest.FixtureRequest], WritableBackend] = request.param
    return make(request)


PLACE = "roster/TOKEN"


def test_it_can_be_written(backend: WritableBackend) -> None:
    assert isinstance(backend, WritableBackend)
    assert backend.check(PLACE) == ""


def test_a_value_that_nobody_stored_is_not_there(backend: WritableBackend) -> None:
    assert backend.read(PLACE) is None
    assert not backend.holds(PLACE)
    assert not backend.delete(PLACE)


@pytest.mark.parametrize("value", ["s3cret", "zwei\nZeilen\n", "Ünï-çødé 🔑", "a" * 60_000, " blank at both ends "])
def test_a_value_comes_back_as_it_was(backend: WritableBackend, value: str) -> None:
    backend.write(PLACE, value)
    assert backend.read(PLACE) == value
    assert backend.holds(PLACE)


def test_a_new_value_takes_the_place_of_the_old_one(backend: WritableBackend) -> None:
    backend.write(PLACE, "old")
    backend.write(PLACE, "new")
    assert backend.read(PLACE) == "new"


def test_a_deleted_value_is_gone_and_its_neighbour_stays(backend: WritableBackend) -> None:
    backend.write(PLACE, "s3cret")
    backend.write("roster/OTHER", "other")
    assert backend.delete(PLACE)
    assert backend.read(PLACE) is None
    assert backend.read("roster/OTHER") == "other"


def test_one_place_has_one_identity(backend: WritableBackend) -> None:
    assert backend.identity(PLACE) == backend.identity(PLACE)
    assert backend.identity(PLACE) != backend.identity("roster/OTHER")
