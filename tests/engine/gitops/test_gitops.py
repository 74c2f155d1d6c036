import json
from pathlib import Path
from typing import Any

import pytest

from mkt.configs.canonical import Entry, digest, of_file
from mkt.configs.supabase_rows import IntegrationRow
from mkt.engine.gitops.difference import Difference, compare, differing
from mkt.engine.gitops.known import CommonGround

KEY = ("northwind", "roster")
OLD, NEW, OTHER = (of_file({"connector": "c", "name": "roster", "timezone": zone}, {}) for zone in ("A", "B", "C"))


def row(entry: Entry, pushed: Entry | None = None) -> IntegrationRow:
    mark = digest(pushed) if pushed else None
    return IntegrationRow(id="7", tenant="northwind", entry=entry, revision=1, pushed=mark)


def found(here: Entry | None, there: IntegrationRow | None, known: list[Entry] | None = None) -> Difference:
    remembered = {} if known is None else {KEY: frozenset(map(digest, known))}
    (one,) = compare({KEY: (here, "a.yaml:4")} if here else {}, [there] if there else [], remembered)
    return one


@pytest.mark.parametrize(
    ("here", "there", "known", "state"),
    [
        (OLD, row(OLD), None, "same"),
        (OLD, row(OLD), [OTHER], "same"),
        (OLD, None, None, "here"),
        (None, row(OLD), None, "there"),
        (NEW, row(OLD), [OLD], "here"),
        (OLD, row(NEW), [OLD], "there"),
        (NEW, row(OTHER), [OLD], "conflict"),
        (NEW, row(OLD), None, "conflict"),
        (None, row(OLD), [OLD], "here"),
        (None, row(NEW), [OLD], "conflict"),
        (OLD, None, [OLD], "there"),
        (NEW, None, [OLD], "conflict"),
        (NEW, row(OLD, pushed=OLD), None, "here"),
        (NEW, row(OTHER, pushed=OLD), None, "conflict"),
        (OLD, row(NEW, pushed=OLD), None, "there"),
        (OLD, row(NEW, pushed=OLD), [OTHER], "there"),
        (NEW, row(OLD, pushed=OLD), [OTHER], "conflict"),
        (OTHER, row(NEW), [OLD, NEW], "here"),
        (OTHER, row(OLD), [OLD, NEW], "here"),
    ],
)
def test_what_has_changed_since_the_sides_were_the_same(
    here: Entry | None, there: IntegrationRow | None, known: list[Entry] | None, state: str
) -> None:
    assert found(here, there, known).state == state


def resting(**how: Any) -> Entry:
    return of_file({"connector": "c", "name": "roster", **how}, {})


@pytest.mark.parametrize(
    ("here", "there", "wakes"),
    [
        (OLD, resting(disabled={}), True),
        (OLD, resting(enabled=False), True),
        (resting(disabled={}), resting(disabled={"until": "2027-01-07"}), False),
        (resting(disabled={"until": "2027-01-06"}), resting(disabled={"until": "2027-01-07"}), True),
        (resting(disabled={"until": "2027-01-07"}), resting(disabled={"until": "2027-01-07"}), False),
        (resting(disabled={"until": "2027-01-07"}), resting(enabled=False), True),
        (OLD, resting(disabled={"until": "someday"}), True),
        (resting(enabled=False), OLD, False),
    ],
)
def test_ending_or_shortening_a_rest_is_seen(here: Entry, there: Entry, *, wakes: bool) -> None:
    assert found(here, row(there)).wakes is wakes
    assert not found(here, row(there, pushed=there)).wakes


def test_each_setting_differs_by_itself() -> None:
    here = resting(settings={"a": 1, "b": {"c": 2, "d": []}})
    there = resting(settings={"a": 1, "b": {"c": 3}})
    named = {each.key: (each.here, each.there) for each in differing(found(here, row(there)))}
    assert named == {"settings.b.c": (2, 3), "settings.b.d": ([], None)}


def test_common_ground_is_kept_for_one_project_alone(tmp_path: Path) -> None:
    CommonGround(tmp_path, "https://a.example").settle({KEY: ["x", "y"], ("acme", "crm"): ["z"]})
    CommonGround(tmp_path, "https://a.example").settle({KEY: []})
    assert CommonGround(tmp_path, "https://a.example").known == {("acme", "crm"): {"z"}}
    assert CommonGround(tmp_path, "https://b.example").known == {}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"project": "p", "tenants": [1]}', '{"project": "p", "tenants": {"a": 1}}']
)
def test_common_ground_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / ".mkt").mkdir()
    (tmp_path / ".mkt" / "supabase.json").write_text(text)
    ground = CommonGround(tmp_path, "p")
    assert ground.known == {}
    ground.settle({KEY: ["x"]})
    assert json.loads((tmp_path / ".mkt" / "supabase.json").read_text())["tenants"] == {
        "northwind": {"roster": ["x"]}
    }
