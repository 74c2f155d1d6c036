"""The contracts of the holds and of erasing once more, over a store that loses every answer once."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from tests.store import test_holds_contract, test_housekeeping_contract
from tests.store.conftest import Clock, Opener
from tests.store.test_holds_contract import loaded

from mkt.store.base import Store

from .conftest import OpenOn, twice

__all__ = ["loaded"]
_COUNTED = ("forgotten", "prun", "ends_as")
"""How many were forgotten is not known of an answer that was lost; and random runs take long."""


@pytest.fixture
def open_store(open_on: OpenOn, held_clock: Clock, tmp_path: Path) -> Opener:
    del held_clock
    return lambda: twice(open_on(tmp_path / ".mkt"))


@pytest.fixture
def store(open_store: Opener) -> Store:
    return open_store()


def _promises(module: ModuleType) -> dict[str, Callable[..., None]]:
    found = {name: test for name, test in vars(module).items() if name.startswith("test_")}
    return {name: test for name, test in found.items() if not any(word in name for word in _COUNTED)}


globals().update(_promises(test_holds_contract) | _promises(test_housekeeping_contract))
