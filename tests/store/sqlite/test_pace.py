"""The slots of a window, and the file that they stand in."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.store.conftest import Clock

from mkt.contract import RateLimit
from mkt.errors import StoreError
from mkt.runtime.budgets import Budget
from mkt.store.sqlite.pace import Slots, SqliteBudgets, find_place

HOST = Budget("host", "api.acme.example")
RATES = st.builds(
    RateLimit,
    requests=st.integers(min_value=1, max_value=30),
    seconds=st.sampled_from([0.5, 1.0, 10.0, 60.0, 86400.0]),
)
STEPS = st.lists(
    st.tuples(
        st.floats(min_value=0, max_value=0.7),  # how long later, in windows
        st.integers(min_value=1, max_value=8),  # asked for at once
        st.floats(min_value=0, max_value=3),  # patience, in windows
        st.floats(min_value=0, max_value=0.99),  # where in the slot they are sent
    ),
    max_size=60,
)


@given(rate=RATES, steps=STEPS, start=st.floats(min_value=0, max_value=1e6))
def test_no_window_has_more_requests_than_the_partner_allows(
    rate: RateLimit, steps: list[tuple[float, int, float, float]], start: float
) -> None:
    now, spent, sent = start, Slots(), list[float]()
    for later, most, patience, where in steps:
        now += later * rate.seconds
        slot, place = find_place(spent, rate, now, most=most, patience=patience * rate.seconds)
        assert place.wait <= patience * rate.seconds or place.requests == 0
        spent[slot] = spent.get(slot, 0) + place.requests
        sent += [now + place.wait + where * place.lasts] * place.requests
    for moment in sent:
        # A hair less than the window: the ends of slots are floats.
        assert sum(moment <= other < moment + rate.seconds * 0.999 for other in sent) <= rate.requests


@given(rate=RATES, asked=st.integers(min_value=1, max_value=200))
def test_who_waits_long_enough_always_gets_a_place(rate: RateLimit, asked: int) -> None:
    spent = Slots()
    for number in range(asked):
        slot, place = find_place(spent, rate, 1000.0, most=1, patience=float("inf"))
        assert place.requests == 1
        assert place.wait <= (number // rate.requests) * rate.seconds * 1.04
        spent[slot] = spent.get(slot, 0) + 1


def _budgets(folder: Path, clock: Clock) -> SqliteBudgets:
    return SqliteBudgets(folder / "mkt.db", clock.now, clock.monotonic)


def _rows(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "mkt.db.pace")) as connection:
        return int(
            connection.execute("select (select count(*) from budgets) + (select count(*) from holds)").fetchone()[0]
        )


def test_the_file_is_the_owners_alone_and_made_when_it_is_needed(tmp_path: Path) -> None:
    clock = Clock()
    with closing(_budgets(tmp_path, clock)) as budgets:
        assert list(tmp_path.iterdir()) == []
        budgets.held(HOST)
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_what_is_over_is_forgotten_by_the_next_process(tmp_path: Path) -> None:
    clock = Clock()
    for number in range(20):
        with closing(_budgets(tmp_path, clock)) as budgets:
            for name in ("one", "two"):
                budgets.reserve(
                    Budget("host", f"{name}{number}"), RateLimit(requests=1, seconds=1), most=1, patience=0
                )
            budgets.hold(Budget("host", f"three{number}"), clock.now())
        clock.pass_by(seconds=30)
    assert _rows(tmp_path) == 3


def test_after_a_reboot_the_clock_begins_anew_and_so_does_the_budget(tmp_path: Path) -> None:
    clock, rate = Clock(), RateLimit(requests=1, seconds=3600)
    with closing(_budgets(tmp_path, clock)) as before:
        assert before.reserve(HOST, rate, most=1, patience=0).requests == 1
    booted = SqliteBudgets(tmp_path / "mkt.db", clock.now, lambda: 7.0)
    with closing(booted):
        assert booted.reserve(HOST, rate, most=1, patience=0).requests == 1
        assert booted.reserve(HOST, rate, most=1, patience=0).requests == 0


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    budgets = _budgets(tmp_path / "gone", Clock())
    with closing(budgets), pytest.raises(StoreError, match=r"the budgets in .* cannot be used: No such file"):
        budgets.held(HOST)


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from mkt.contract import RateLimit
from mkt.runtime.budgets import Budget
from mkt.store.sqlite.pace import SqliteBudgets
budgets = SqliteBudgets(Path(sys.argv[1]), lambda: datetime.now(UTC))
budgets.reserve(Budget("host", "api.acme.example"), RateLimit(requests=5, seconds=1), most=5, patience=0)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_places_of_a_process_that_was_really_killed_come_back_with_the_window(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "mkt.db")], check=False)
    assert killed.returncode == -signal.SIGKILL
    budgets = SqliteBudgets(tmp_path / "mkt.db", lambda: datetime.now(UTC))
    with closing(budgets):
        place = budgets.reserve(HOST, RateLimit(requests=5, seconds=1), most=5, patience=5)
    assert place.requests == 5
    assert place.wait < 1.04
