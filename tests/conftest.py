"""What tests of several rooms share."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from mkt.runtime.masking import PROCESS

if TYPE_CHECKING:
    from tests.supalocal.stack import LocalSupabase


@pytest.fixture(autouse=True)
def _unmasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the secrets of other tests: a process of its own would know none of them."""
    monkeypatch.setattr(PROCESS, "_forms", {})


@pytest.fixture(scope="session")
def session() -> Iterator[dict[str, str]]:
    """The variables of a session with an unlocked keyring (Secret Service)."""
    if sys.platform != "linux":
        pytest.skip("the Secret Service is Linux's")
    from tests.secret_service import secret_service  # noqa: PLC0415 - its libraries are there on Linux alone

    with secret_service() as variables:
        yield dict(variables)


@pytest.fixture(scope="session")
def supabase_local() -> "Iterator[LocalSupabase]":
    """A Supabase of our own with mkt's migrations, started by the first test that asks for it."""
    from tests.supalocal.stack import local_supabase  # noqa: PLC0415 - most sessions of one file never start it

    with local_supabase() as stack:
        yield stack


@pytest.fixture
def supabase(supabase_local: "LocalSupabase") -> "LocalSupabase":
    """The same, with no row in any table."""
    supabase_local.empty()
    return supabase_local
