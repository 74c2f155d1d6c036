"""The heartbeat of leases: what becomes of it at the end."""

import threading
import time
from collections.abc import Collection

import pytest

from mkt.engine.sync import heartbeat
from mkt.engine.sync.heartbeat import Heartbeat
from mkt.store.base import Key, Lease, Store


class Silent:
    """A store that does not answer, as when the network swallows what is sent."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.answers = threading.Event()

    def renew(self, leases: Collection[Lease]) -> None:
        del leases
        self.asked.set()
        self.answers.wait(30)

    def release(self, lease: Lease) -> None:
        del lease


def test_a_store_that_is_silent_keeps_nobody_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "EVERY_SECONDS", 0.01)
    monkeypatch.setattr(heartbeat, "END_SECONDS", 0.1)
    silent: Store = Silent()  # type: ignore[assignment]
    assert isinstance(silent, Silent)
    with Heartbeat(silent) as beating, beating.holding(Lease(Key("acme", "roster"), "me", 1)):
        assert silent.asked.wait(20)
        began = time.monotonic()
    assert time.monotonic() - began < 10
    silent.answers.set()
