"""The contract once more, over a store that loses every answer once: all but syncs and holds."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from tests.store import test_alerts_contract, test_deliveries_contract, test_store_contract
from tests.store.conftest import Clock, Opener

from mkt.store.base import Store

from .conftest import OpenOn, twice

_COUNTED = "test_old_deliveries_are_forgotten_unless_they_wait"
"""How many were forgotten is not known of an answer that was lost."""


@pytest.fixture
def open_store(open_on: OpenOn, held_clock: Clock, tmp_path: Path) -> Opener:
    del held_clock
    return lambda: twice(open_on(tmp_path / ".mkt"))


@pytest.fixture
def store(open_store: Opener) -> Store:
    return open_store()


def _promises(module: ModuleType) -> dict[str, Callable[..., None]]:
    return {name: test for name, test in vars(module).items() if name.startswith("test_") and name != _COUNTED}


for _module in (test_alerts_contract, test_deliveries_contract, test_store_contract):
    globals().update(_promises(_module))
