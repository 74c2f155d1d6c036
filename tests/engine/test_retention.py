"""Pruning at the end of a sync."""

from datetime import timedelta

import pytest
from tests.engine.rig import Rig, people

from mkt.engine.retention import retention_of
from mkt.errors import StoreError
from mkt.settings import ProjectSettings, Retention
from mkt.store.base import Pruned


@pytest.fixture
def pruned(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The times at which the store was pruned, as day and hour."""
    times: list[str] = []
    real = rig.store.prune

    def prune(*given: object, **options: object) -> Pruned:
        times.append(f"{rig.clock:%d %H}")
        return real(*given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(rig.store, "prune", prune)
    return times


def test_a_sync_prunes_once_a_day(rig: Rig, pruned: list[str]) -> None:
    for _ in range(5):
        rig.sync(all=True)
        rig.pass_time(hours=11)
    assert pruned == ["22 12", "23 21"]


def test_a_sync_forgets_what_is_older_than_it_is_kept(rig: Rig) -> None:
    rig.sync(all=True)
    rig.pass_time(days=366)
    rig.yields(*people("anna"))
    rig.sync(all=True)
    assert len(rig.store.runs()) == 1
    assert rig.sync(all=True).exit_code == 0


def test_a_dry_run_and_a_stopped_sync_prune_nothing(rig: Rig, pruned: list[str]) -> None:
    rig.sync(all=True, dry_run=True)
    rig.engine.stop.request("interrupted")
    rig.sync(all=True)
    assert pruned == []


def test_a_store_that_cannot_prune_fails_no_sync(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> Pruned:
        raise StoreError("the disk is full")

    monkeypatch.setattr(rig.store, "prune", broken)
    assert rig.sync_one().outcome == "ok"


def test_the_operator_says_how_many_days_are_kept() -> None:
    settings = ProjectSettings.model_construct(
        retention=Retention(events=1, runs=2, tombstones=3, holds=4, deliveries=5)
    )
    assert [kept / timedelta(days=1) for kept in retention_of(settings)] == [1, 2, 3, 4, 5]
