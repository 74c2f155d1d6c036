"""What a person sees of a sync is the same over every store, also where a partner sends what none can keep."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.engine.rig import Rig

from mkt.contract import Change, Checkpoint, Complete, Record
from mkt.store.base import Key, Store

KEY = Key("acme", "roster")
LONGEST = "x" * 1999


@pytest.fixture
def rig(store: Store, tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "rig")
    rig.store.close()
    rig.engine = replace(rig.engine, store=store)
    yield rig
    rig.engine.telemetry.close()


def _course(scope: str, *names: str) -> list[Change]:
    return [*(Record("people", name, {}, scope=scope) for name in names), Complete("people", scope)]


def _refused(rig: Rig, *changes: Change) -> str:
    rig.yields(*changes, Checkpoint("people", "next"))
    result = rig.sync_one()
    assert (result.outcome, result.failure and result.failure.error_class) == ("failed", "partner")
    assert result.failure is not None
    assert (result.failure.code, result.failure.actor) == ("partner.bad_scope", "partner")
    return result.failure.message


@pytest.mark.parametrize(
    ("scope", "why"),
    [
        ("course\0one", "NUL in it"),
        ("course\ud800", "a broken character in it"),
        ("x" * 2001, "2001 bytes of external id and scope, 2000 are the most"),
    ],
)
def test_a_scope_that_no_store_can_keep_is_the_partners_error_and_nothing_is_changed(
    rig: Rig, scope: str, why: str
) -> None:
    rig.yields(*_course("one", "anna", "ben"), Checkpoint("people", "first"))
    assert rig.sync_one().outcome == "ok"
    message = _refused(rig, *_course("one", "anna"), Complete("people", scope))
    assert message == f"a scope of people was listed that cannot be stored: {why}"
    assert rig.names() == ["anna", "ben"]
    (state,) = rig.store.states().values()
    assert state.streams["people"].cursor == "first"
    rig.yields(*_course("one", "ben"), Checkpoint("people", "next"))
    assert rig.sync_one().outcome == "ok"
    assert rig.names() == ["ben"]


def test_the_longest_scope_is_kept(rig: Rig) -> None:
    for names in (("1", "2"), ("1",)):
        rig.yields(*_course(LONGEST, *names), Checkpoint("people", None))
        assert rig.sync_one().outcome == "ok"
    assert (rig.names(), rig.store.scopes(KEY, "people")) == (["1"], {LONGEST})
