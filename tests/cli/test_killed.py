"""Killed at any instant (SIGKILL), the next syncs end in the same records as undisturbed ones.

`CRASH_RUNS=300 CRASH_SEED=20261122 pytest tests/cli/test_killed.py` for more points than a usual run tries, which
takes others each day.
"""

import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.cli.front import Project
from tests.cli.killing import KILLED, Forks, Point, Run
from tests.cli.process import Gate, ended, expected, live, run, start

from mkt.connectors.lti_1p3_deeplink.simulator import LtiSimulator
from mkt.connectors.workday_hris.simulator import WorkdaySimulator
from mkt.output.objects import record_object
from mkt.simulation import Reply, Simulator
from mkt.simulation.exchange import Exchange
from mkt.store.sqlite import SqliteStore

RUNS = int(os.environ.get("CRASH_RUNS", "10"))
SEED = int(os.environ.get("CRASH_SEED", f"{datetime.now(UTC):%Y%m%d}"))
REAL = range(max(2, RUNS // 10))
PAGES = 44
"""So many requests one sync of the paged partner makes, the one for a token included."""
STORE, OTHER = Path(".mkt/mkt.db"), Path("undisturbed/mkt.db")
PARTNERS: tuple[tuple[type[Simulator], str, int], ...] = (
    (LtiSimulator, "custom", 25),
    (WorkdaySimulator, "rest", 60),
    (LtiSimulator, "moodle", 25),
    (LtiSimulator, "canvas", 25),
    (WorkdaySimulator, "raas", 40),
)
ANY_CHANGE = {"max_delete_percent": 100, "max_change_percent": 100}
LEFTOVERS = ("integration_staging", "integration_staging_seen", "integration_staging_streams")
Record = tuple[str, str]
"""Stream and external id."""


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with Forks(tmp_path_factory.mktemp("forks")) as forks:
        yield forks


def query(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


@dataclass
class Stored:
    """What a store shows: records and tombstones with their data, and the scopes that records stand in."""

    live: dict[Record, Any] = field(default_factory=dict)
    gone: set[Record] = field(default_factory=set)
    scopes: set[tuple[str, str, str]] = field(default_factory=set)

    @classmethod
    def of(cls, path: Path) -> "Stored":
        stored = cls()
        if not path.exists():
            return stored
        with closing(SqliteStore.open(path)) as store:
            for record in map(record_object, store.records()):
                key = (record["stream"], record["external_id"])
                assert key not in stored.live
                if record["deleted"]:
                    stored.gone.add(key)
                else:
                    stored.live[key] = record["data"]
        stored.scopes = set(
            query(
                path,
                "select stream, scope, external_id from integration_record_scopes join integration_sources"
                " using (source) union all select stream, '', external_id from integration_records"
                " join integration_sources using (source) where unscoped = 1 and deleted = 0",
            )
        )
        return stored


def as_ofs(path: Path) -> set[str]:
    return {as_of for (as_of,) in query(path, "select coalesce(as_of, '') from integration_sources")}


class Disturbed:
    """A partner whose data moves, and a store whose syncs are killed."""

    def __init__(self, forks: Forks, partner: Simulator, chance: random.Random) -> None:
        self._forks = forks
        self._partner = partner
        self._chance = chance
        self._statements = 400
        self.ever: set[Record] = set()
        self.said: list[str] = [f"CRASH_SEED={SEED}"]

    def clean(self, *options: str) -> Run:
        run = self._forks.run("sync", "--all", *options, batch=self._chance.choice([1, 7, 1000]))
        assert run.code == 0, (self.said, run)
        self._statements = run.statements
        if not options:
            self.ever |= Stored.of(STORE).live.keys()
        return run

    def killed(self) -> None:
        """Run a sync that is killed somewhere, during which the partner's data may move."""
        chance, before = self._chance, Stored.of(STORE)
        known = as_ofs(STORE) if STORE.exists() else {""}
        if chance.random() < 0.5:
            self._partner.inject(self._moving, after=chance.randrange(1, 8))
        batch = chance.choice([1, 1, 7, 1000])
        if chance.random() < 0.2:
            run = self._killed_at_a_request(batch)
        else:
            run = self._forks.run("sync", "--all", point=self._point(), batch=batch)
        self._partner.heal()
        assert run.code in (KILLED, 0, -signal.SIGKILL), (self.said, run)
        self.said.append(f"ended with {run.code} after {run.statements} statements, batches of {batch}")
        self._check(before, known)

    def _point(self) -> Point:
        """Mostly at a statement of a sync as long as the last one."""
        if self._chance.random() < 0.15:
            point = Point(seconds=self._chance.uniform(0.01, 0.4))
        else:
            when = self._chance.choice(["before", "after"])
            point = Point(statement=self._chance.randrange(1, self._statements + 1), when=when)
        self.said.append(str(point))
        return point

    def _killed_at_a_request(self, batch: int) -> Run:
        """The partner kills who asks, and may answer first."""
        process: list[int] = []
        number, first = self._chance.randrange(10), self._chance.random() < 0.5

        def kill(exchange: Exchange, answer: Callable[[], Reply]) -> None:
            if first:
                exchange.send(answer())
            os.kill(process[0], signal.SIGKILL)
            if not first:
                with suppress(OSError):
                    exchange.send(answer())

        self.said.append(f"killed at request {number}")
        self._partner.inject(kill, after=number)
        return self._forks.run("sync", "--all", batch=batch, started=process.append)

    def _moving(self, exchange: Exchange, answer: Callable[[], Reply]) -> None:
        self._partner.change()
        exchange.send(answer())

    def _check(self, before: Stored, known: set[str]) -> None:
        """All streams are promoted together or none: where nothing was promoted, nothing has changed."""
        if not STORE.exists():
            return
        after, now = Stored.of(STORE), as_ofs(STORE)
        self.ever |= after.live.keys()
        if known not in ({""}, set()):
            assert len(now) == 1, (self.said, now)
            if now == known:
                assert after == before, self.said
        assert query(STORE, "pragma integrity_check") == [("ok",)]


@pytest.mark.parametrize("number", range(RUNS))
def test_syncs_that_were_killed_end_as_undisturbed_ones(
    forks: Forks, project: Project, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    kind, variant, size = PARTNERS[number % len(PARTNERS)]
    chance = random.Random(f"{SEED} {number}")  # noqa: S311 - the same points for the same seed
    with kind(size) as partner:
        for name, value in partner.secrets(variant).items():
            monkeypatch.setenv(f"MKT_SECRET__NORTHWIND__ROSTER__{name}", value)
        project.write("northwind", connector=kind.connector, settings=partner.settings(variant), guard=ANY_CHANGE)
        # At the partners' own pace their pages would take most of the time.
        pace = f"[defaults.{kind.connector}]\nrate_limit = {{requests = 1000, seconds = 1}}\n"
        (project.root / "mkt.toml").write_text(pace)
        disturbed = Disturbed(forks, partner, chance)
        if chance.random() < 0.6:  # else the first load is killed too
            disturbed.clean()
        for _ in range(chance.randint(2, 4)):
            if chance.random() < 0.6:
                partner.change()
            disturbed.killed()
        # It stands still now. A resumed sync may have met who has left since; absent from the next two, they go.
        for _ in range(3):
            disturbed.clean()
        last = disturbed.clean()
        disturbed.clean("--store", f"sqlite:{OTHER}")
        _compare(disturbed, partner, variant)
        (counts,) = [line["details"] for line in last.lines if line["event"] == "sync.completed"]
        assert (counts["created"], counts["updated"], counts["deleted"]) == (0, 0, 0), disturbed.said


def _compare(disturbed: Disturbed, partner: Simulator, variant: str) -> None:
    ours, undisturbed = Stored.of(STORE), Stored.of(OTHER)
    wanted = {(s, name): data for s, records in partner.expected(variant).items() for name, data in records.items()}
    assert undisturbed.live == wanted
    assert ours.live == wanted, disturbed.said
    assert ours.scopes == undisturbed.scopes, disturbed.said
    assert ours.gone == disturbed.ever - wanted.keys(), disturbed.said
    left = {table: query(STORE, f"select count(*) from {table}") for table in LEFTOVERS}  # noqa: S608
    assert left == {table: [(0,)] for table in LEFTOVERS}, disturbed.said
    assert query(STORE.with_name("mkt.db.leases"), "select * from leases") == []
    assert list(STORE.with_name("holders").iterdir()) == []
    outcomes = [outcome for (outcome,) in query(STORE, "select outcome from integration_runs")]
    assert "running" not in outcomes, disturbed.said


# processes of their own, which nobody has prepared


def _killed_somewhere(paged: WorkdaySimulator, seed: int) -> int:
    """Run a sync and kill it at a random request or shortly after it; return its exit code."""
    chance = random.Random(f"{SEED} {seed}")  # noqa: S311 - the same points for the same seed
    gate = Gate()
    paged.inject(gate, after=chance.randrange(PAGES))
    with start("sync", "--all") as mkt:
        gate.wait()
        time.sleep(chance.choice([0, 0.002, 0.01, 0.03, 0.1]))  # into a commit or the promotion, not for anything
        mkt.kill()
        return ended(mkt).code


@pytest.mark.parametrize("seed", REAL)
def test_a_first_load_that_was_killed_is_brought_to_its_end_by_the_next_sync(
    paged: WorkdaySimulator, seed: int
) -> None:
    assert _killed_somewhere(paged, seed) in (-9, 0)
    assert run("sync", "--all").code == 0
    assert live() == expected(paged, "rest")


@pytest.mark.parametrize("seed", REAL)
def test_a_sync_that_was_killed_shows_nothing_half_done_and_loses_nothing(paged: WorkdaySimulator, seed: int) -> None:
    assert run("sync", "--all").code == 0
    before = live()
    paged.change()
    assert _killed_somewhere(paged, 1000 + seed) in (-9, 0)
    after = live()
    assert after == before or after >= expected(paged, "rest")  # who left a listing by offset stays for one more
    assert run("sync", "--all").code == 0  # at once: the lease of the dead is nobody's
    assert run("sync", "--all").code == 0
    assert live() == expected(paged, "rest")
