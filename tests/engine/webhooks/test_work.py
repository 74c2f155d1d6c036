"""How often the ledger is looked at."""

from collections.abc import Iterator
from pathlib import Path
from threading import Semaphore
from typing import Any

import pytest
from tests.engine.hooks import HookRig

from mkt.engine.webhooks import lanes, work
from mkt.engine.webhooks.routes import Routes
from mkt.engine.webhooks.work import Work
from mkt.store.base import Key
from mkt.store.deliveries import Delivery

SECONDS = 20
LOOKS = 60


@pytest.fixture
def rig(tmp_path: Path) -> HookRig:
    return HookRig(tmp_path)


@pytest.fixture
def looks() -> Semaphore:
    return Semaphore(0)


@pytest.fixture
def claims(rig: HookRig, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many each look at the ledger has found."""
    found: list[int] = []
    claim = rig.store.claim_deliveries

    def counted(*given: Any, **named: Any) -> list[Delivery]:
        claimed = claim(*given, **named)
        found.append(len(claimed))
        return claimed

    monkeypatch.setattr(rig.store, "claim_deliveries", counted)
    return found


@pytest.fixture
def working(rig: HookRig, looks: Semaphore, claims: list[int], monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    del claims
    monkeypatch.setattr(work, "_POLL_SECONDS", 0.005)
    monkeypatch.setattr(Work, "_abandon_late", lambda _: looks.release())  # at the end of each look
    opened = Work(rig.engine, Routes(rig.engine), workers=0)
    yield opened
    opened.stop(1)


def passed(looks: Semaphore, number: int) -> None:
    for _ in range(number):
        assert looks.acquire(timeout=SECONDS)


@pytest.mark.usefixtures("working")
def test_where_nothing_waits_it_is_left_alone_for_longer_and_longer(looks: Semaphore, claims: list[int]) -> None:
    """Over Supabase each is a request: two a second, all day, of every server."""
    passed(looks, LOOKS)
    assert 2 <= len(claims) < LOOKS / 3


def test_what_had_no_room_here_is_fetched_at_the_next_look(
    working: Work, looks: Semaphore, claims: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    passed(looks, LOOKS)
    with monkeypatch.context() as full:
        full.setattr(lanes, "MOST", 0)
        with working.lanes.place(Key("acme", "roster")) as room:
            assert not room
    before = len(claims)
    passed(looks, 3)
    assert len(claims) > before
