"""When what a connector yields is committed, and with which cursors."""

from collections.abc import Callable, Iterator

import pytest
from tests.engine.rig import Context, Rig

from mkt.contract import Change, Checkpoint, Complete, Json, Record, TransientError
from mkt.engine.sync import collector
from mkt.errors import StoreError
from mkt.store.sqlite import promotion


@pytest.fixture(autouse=True)
def _every_checkpoint_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "BATCH_ROWS", 1)


def _disk_is_full(*_: object) -> None:
    raise StoreError("the disk is full", remedy="free some")


def pages(starts: list[Json], *, listing: bool) -> Callable[[Context], list[Change]]:
    """A connector of two pages; its cursor says which comes next, and the last one is of the next run."""

    def changes(context: Context) -> list[Change]:
        start = context.cursor("people")
        starts.append(start)
        first: list[Change] = [Record("people", "anna", {}), Checkpoint("people", "page 2")]
        rest: list[Change] = [Record("people", "ben", {}), *([Complete("people")] * listing)]
        return [*(first if start != "page 2" else []), *rest, Checkpoint("people", "next")]

    return changes


@pytest.mark.parametrize("listing", [True, False])
def test_the_last_cursor_is_stored_by_the_promotion_and_not_before(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, *, listing: bool
) -> None:
    rig.sync_one()
    starts: list[Json] = []
    rig.script.changes = pages(starts, listing=listing)
    with monkeypatch.context() as broken:
        broken.setattr(promotion, "apply", _disk_is_full)
        assert rig.sync_one().outcome == "failed"
    assert rig.sync_one().outcome == "ok"
    rig.sync_one()
    assert starts == [None, "page 2", "next"]


def test_the_cursors_of_checkpoints_in_a_row_are_committed_together(rig: Rig) -> None:
    rig.sync_one()
    starts: list[dict[str, Json]] = []

    def changes(context: Context) -> Iterator[Change]:
        starts.append({stream: context.cursor(stream) for stream in sorted(context.streams)})
        yield Record("people", "anna", {})
        yield Checkpoint("people", 1)
        yield Checkpoint("org_units", 1)
        yield Record("people", "ben", {})
        raise TransientError("reset")

    rig.script.changes = changes
    for _ in range(2):
        rig.sync_one()
    assert starts == [{"org_units": None, "people": None}, {"org_units": 1, "people": 1}]


def test_a_stop_behind_the_last_checkpoint_lets_the_run_come_to_its_end(rig: Rig) -> None:
    rig.sync_one()

    def changes(_: Context) -> Iterator[Change]:
        yield Record("people", "anna", {})
        yield Complete("people")
        rig.engine.stop.request("terminated")
        yield Checkpoint("people", "next")

    rig.script.changes = changes
    assert rig.sync_one().outcome == "ok"
    (state,) = rig.store.states().values()
    assert state.streams["people"].cursor == "next"
    assert rig.names() == ["anna"]
