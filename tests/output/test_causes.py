from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mkt.output.causes import also, by_cause


def printed(targets: list[str], command: str = "") -> str:
    console = Console(file=StringIO(), width=200)
    with console.capture() as capture:
        console.print(also(targets, command))
    return capture.get().strip()


def test_three_of_one_cause_are_each_told() -> None:
    assert list(by_cause(["a1", "a2", "a3"], lambda one: one[0])) == [("a1", ()), ("a2", ()), ("a3", ())]


def test_of_four_the_first_stands_for_the_others_at_its_own_place() -> None:
    found = ["b1", "a1", "a2", "a3", "a4"]
    assert list(by_cause(found, lambda one: one[0])) == [("b1", ()), ("a1", ["a2", "a3", "a4"])]


def test_what_has_no_cause_is_always_told() -> None:
    assert [one for one, _ in by_cause(range(9), dict[int, None]().get)] == list(range(9))


def test_the_others_are_named_with_what_shows_them() -> None:
    assert printed(["a/x", "b/x"]) == "and 2 alike: a/x, b/x"
    assert printed([f"t{n}/x" for n in range(1200)], "mkt triage 6df892") == (
        "and 1,200 alike: t0/x, t1/x, t2/x, t3/x, t4/x, …; mkt triage 6df892"
    )


@pytest.mark.parametrize("hostile", ["a\x1b[2J", "a\u202eb"])
def test_a_name_moves_no_cursor(hostile: str) -> None:
    assert hostile not in printed([hostile])


@given(st.lists(st.sampled_from("abc") | st.none()))
def test_nothing_is_lost_and_nothing_told_twice(causes: list[str | None]) -> None:
    found = list(enumerate(causes))
    told = [one for first, others in by_cause(found, lambda one: one[1]) for one in (first, *others)]
    assert sorted(told, key=lambda one: one[0]) == found
