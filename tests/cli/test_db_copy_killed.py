"""Killed at any request or statement (SIGKILL), `mkt db copy` goes on and ends as an undisturbed one.

`CRASH_RUNS=100 CRASH_SEED=20261122 pytest tests/cli/test_db_copy_killed.py` for more points than a usual run tries.
"""

import os
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.cli.killing import KILLED, NOWHERE, Forks, Point, Run
from tests.cli.test_killed_supabase import SEED, Line, _between
from tests.store.conftest import Clock
from tests.store.test_copying import fill, portrait
from tests.supalocal.stack import LocalSupabase

from mkt.runtime.supabase import open_supabase
from mkt.runtime.supabase_access import find_access
from mkt.store.base import Store
from mkt.store.sqlite import SqliteStore
from mkt.store.supabase.store import SupabaseStore

ROUNDS = max(1, int(os.environ.get("CRASH_RUNS", "10")) // 10)
REQUESTS = {"up": 28, "down": 47}
STATEMENTS = 240
"""More than a copy sends."""
COPY = {
    "up": ("db", "copy", "--from", "sqlite:.mkt/old.db", "--to", "supabase"),
    "down": ("db", "copy", "--from", "supabase", "--to", "sqlite:.mkt/new.db"),
}


@pytest.fixture
def line(supabase: LocalSupabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    with _between(supabase) as found:
        monkeypatch.setenv("SUPABASE_URL", found.url)
        monkeypatch.setenv("SUPABASE_SECRET_KEY", supabase.secret_key)
        yield found


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with Forks(tmp_path_factory.mktemp("forks")) as forks:
        yield forks


def _opened(way: str, stack: LocalSupabase, file: str, clock: Clock) -> Store:
    if way == "sqlite":
        return SqliteStore.open(Path(".mkt") / file, now=clock.now, monotonic=clock.monotonic)
    return SupabaseStore.open(open_supabase(find_access(Path.cwd(), stack.environment)), Path(".mkt").absolute())


def _seen(store: Store, clock: Clock) -> dict[str, Any]:
    """Return what the store tells, but for the copy itself."""
    found = portrait(store, clock)
    return {**found, "events": [event for event in found["events"] if event.event != "operator.action"]}


def _kill(forks: Forks, line: Line, way: str, chance: random.Random) -> tuple[str, Run]:
    """Let a copy be killed at a request, lost or answered in vain, or at a statement."""
    done, started = chance.random() < 0.5, lambda process: setattr(line, "process", process)
    if way == "down" and chance.random() < 0.5:
        point = Point(statement=chance.randrange(1, STATEMENTS), when=chance.choice(["before", "after"]))
        return f"{point}", forks.run(*COPY[way], point=point)
    at = chance.randrange(1, REQUESTS[way])
    line.arm(at, done=done)
    run = forks.run(*COPY[way], started=started, point=NOWHERE)
    line.arm(0, done=False)
    return f"request {at}, {'done' if done else 'lost'}", run


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.parametrize("way", ["up", "down"])
@pytest.mark.usefixtures("project")
def test_a_copy_that_was_killed_ends_as_an_undisturbed_one(forks: Forks, line: Line, way: str, number: int) -> None:
    supabase, clock = line.supabase, Clock()
    chance = random.Random(f"{SEED} {way} {number}")  # noqa: S311 - the same points for the same seed
    said = [f"CRASH_SEED={SEED}"]
    origin, to = ("sqlite", "supabase") if way == "up" else ("supabase", "sqlite")
    if way == "down":
        clock.moved = supabase.hold_clock
        clock.moved(clock.time)
    with closing(_opened(origin, supabase, "old.db", clock)) as store:
        fill(store, clock)
        wanted = _seen(store, clock)
    supabase.free_clock()
    for _ in range(chance.choice([1, 1, 2])):
        point, run = _kill(forks, line, way, chance)
        said.append(point)
        assert run.code in (KILLED, 0) or "othing is left to do" in run.err, (said, run)
    last = forks.run(*COPY[way])
    assert last.code == 0 or "othing is left to do" in last.err, (said, last)
    with closing(_opened(to, supabase, "new.db", clock)) as store:
        assert _seen(store, clock) == wanted, said
    assert not list(Path(".mkt").glob(".new.db*")), said
