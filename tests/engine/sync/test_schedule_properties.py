"""A cron that starts `mkt sync` every minute, simulated: over months, outcomes, zones and clocks that are set."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mkt.contract import ConnectorConfiguration, Schedule
from mkt.engine.report import Failure, Result
from mkt.engine.sync.job import next_state
from mkt.engine.sync.schedule import RETRIES, delay, is_due
from mkt.store.base import IntegrationState, Key, Run

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
KEY = Key("northwind", "roster")
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "America/Havana"])
JITTER = st.sampled_from([None, timedelta(), timedelta(minutes=7), timedelta(hours=1)])
NAMES = st.sampled_from([f"n{number}" for number in range(20)])
FEW = settings(max_examples=15, deadline=None)


def configuration(cron: str, zone: str, name: str, jitter: timedelta | None) -> ConnectorConfiguration:
    schedule = Schedule(cron, zone)
    return ConnectorConfiguration(tenant="northwind", name=name, connector="c", schedule=schedule, jitter=jitter)


def integrations(*crons: str) -> st.SearchStrategy[ConnectorConfiguration]:
    return st.builds(configuration, st.sampled_from(crons), ZONES, NAMES, JITTER)


@dataclass(frozen=True)
class Ended:
    """How a run ends: after so long, with this outcome."""

    outcome: str = "ok"
    error_class: str = ""
    minutes: int = 0
    retry_in: int | None = None


@dataclass
class Cron:
    """Calls once in a minute of real time; the clock shows something else where it was set."""

    integration: ConnectorConfiguration
    start: datetime
    off: Callable[[timedelta], timedelta] = lambda _: timedelta()
    """By how much the clock is wrong, so long after the start."""
    ends: Iterator[Ended] = field(default_factory=lambda: iter(Ended, None))
    state: IntegrationState = field(default_factory=lambda: IntegrationState(key=KEY))

    def runs(self, days: int) -> Iterator[tuple[datetime, datetime, Ended]]:
        """Yield the start and the end, by the clock, and how it ended, of each run."""
        passed = timedelta()
        while passed < days * DAY:
            now = self._clock(passed)
            if is_due(self.integration, self.state, now):
                how = next(self.ends)
                passed += how.minutes * MINUTE
                yield now, self._finish(now, self._clock(passed), how), how
            passed += MINUTE

    def _clock(self, passed: timedelta) -> datetime:
        return self.start + passed + self.off(passed)

    def _finish(self, started: datetime, finished: datetime, how: Ended) -> datetime:
        retry_at = None if how.retry_in is None else finished + how.retry_in * MINUTE
        failure = (
            Failure(
                error_class=how.error_class,  # type: ignore[arg-type]
                code="",
                message="",
                remedy="",
                actor="us",
                fingerprint="",
                retry_at=retry_at,
            )
            if how.error_class
            else None
        )
        result = Result(tenant="northwind", integration="roster", outcome=how.outcome, failure=failure)  # type: ignore[arg-type]
        run = Run(id="r", command="sync", key=KEY, connector="c", started_at=started, finished_at=finished)
        self.state = next_state(self.state, self.integration, result, run)
        return finished


def slots(integration: ConnectorConfiguration, start: datetime, end: datetime) -> list[datetime]:
    """Return the turns between: each slot with its delay."""
    schedule, found = integration.schedule, []
    assert schedule is not None
    slot = schedule.next_after(start)
    while slot + delay(integration, slot) < end:
        found.append(slot + delay(integration, slot))
        slot = schedule.next_after(slot)
    return found


@FEW
@given(
    one=integrations("*/5 * * * *", "0 * * * *", "15 2 * * *", "30 2 * * *", "0 9 * * 1-5", "0 0 1 * *"),
    month=st.sampled_from([datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 10, 20, 12, tzinfo=UTC)]),
)
def test_over_a_month_each_slot_runs_exactly_once(one: ConnectorConfiguration, month: datetime) -> None:
    started = [started for started, _, _ in Cron(one, month).runs(31)]
    assert started == [month, *slots(one, month, month + 31 * DAY)]


def test_what_is_due_every_minute_runs_every_minute() -> None:
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    every = configuration("* * * * *", "UTC", "roster", None)
    started = [started for started, _, _ in Cron(every, noon).runs(2)]
    assert started == [noon + number * MINUTE for number in range(2 * 24 * 60)]


ENDS = st.one_of(
    st.builds(Ended, minutes=st.integers(0, 200)),
    st.builds(
        Ended,
        st.just("failed"),
        st.sampled_from(["transient", "local", "partner", "bug"]),
        minutes=st.integers(0, 90),
    ),
    st.builds(
        Ended,
        st.just("deferred"),
        st.just("rate_limit"),
        minutes=st.integers(0, 30),
        retry_in=st.none() | st.integers(-10, 100_000),
    ),
    st.builds(Ended, st.just("deferred"), minutes=st.integers(0, 30)),
)


@FEW
@given(
    ends=st.lists(ENDS, min_size=60, max_size=60),
    one=integrations("*/15 * * * *", "0 * * * *", "15 2 * * *"),
)
def test_whatever_comes_of_runs_the_next_one_comes_when_it_should(
    ends: list[Ended], one: ConnectorConfiguration
) -> None:
    assert one.schedule is not None
    start = datetime(2026, 10, 22, 12, tzinfo=UTC)
    runs = list(Cron(one, start, ends=iter(ends * 100)).runs(7))
    for (_, ended, how), (following, _, _) in pairwise(runs):
        slot = one.schedule.next_after(ended)
        turn = slot + delay(one, slot)
        if how.outcome == "deferred":
            asked = how.retry_in if how.retry_in is not None else 5
            soon = 0 if not how.error_class else min(asked, 24 * 60) if asked > 0 else 5
            assert following == ended + max(soon, 1) * MINUTE
        elif how.error_class in ("transient", "local"):
            assert following == turn or following - ended in RETRIES or following == ended + MINUTE
            assert following <= turn or turn <= ended + MINUTE
        else:
            assert following == max(turn, ended + MINUTE)


QUICK = {"*/15 * * * *": 14, "0 * * * *": 59, "15 2 * * *": 22 * 60}
"""Less than the shortest interval of each, in minutes."""


@FEW
@given(
    one=integrations(*QUICK),
    at=st.integers(0, 4 * 24 * 60),
    share=st.floats(-1, 40),
    minutes=st.integers(0, 10),
)
@example(one=configuration("15 2 * * *", "UTC", "n0", timedelta()), at=14 * 60 + 17, share=-0.1, minutes=5)
def test_a_clock_that_is_set_doubles_no_slot_and_what_it_leaps_over_runs_once(
    one: ConnectorConfiguration, at: int, share: float, minutes: int
) -> None:
    """Back by less than one interval, or ahead by any."""
    assert one.schedule is not None
    start, jump = datetime(2026, 10, 22, 12, tzinfo=UTC), round(share * QUICK[one.schedule.cron]) * MINUTE
    set_once = Cron(
        one,
        start,
        off=lambda passed: jump if passed > at * MINUTE else timedelta(),
        ends=iter(lambda: Ended(minutes=minutes), None),
    )
    runs = [started for started, _, _ in set_once.runs(8)]
    turns = slots(one, start - DAY, start + 8 * DAY + max(jump, timedelta()))
    served = [max(turn for turn in turns if turn <= started) for started in runs[1:]]
    assert len(served) == len(set(served)), "no slot runs twice"
    last = turns[-2]
    assert any(started >= last - 2 * DAY for started in runs), "it goes on"


@FEW
@given(
    one=integrations("*/15 * * * *", "0 * * * *", "15 2 * * *"),
    jumps=st.lists(
        st.tuples(st.integers(0, 5 * 24 * 60), st.integers(-3 * 24 * 60, 3 * 24 * 60) | st.just(365 * 24 * 60 * 70)),
        max_size=6,
    ),
    minutes=st.integers(0, 40),
)
@example(one=configuration("0 * * * *", "UTC", "n0", None), jumps=[(100, 36792000), (200, -5)], minutes=0)
def test_however_a_clock_was_set_nothing_stands_still(
    one: ConnectorConfiguration, jumps: list[tuple[int, int]], minutes: int
) -> None:
    """Five days of chaos, then the clock is right: within two intervals it runs, and from then on as ever."""
    start, chaos = datetime(2026, 10, 22, 12, tzinfo=UTC), 5 * DAY

    def off(passed: timedelta) -> timedelta:
        if passed > chaos:
            return timedelta()
        return next((by * MINUTE for at, by in sorted(jumps, reverse=True) if at * MINUTE <= passed), timedelta())

    cron_job = Cron(one, start, off=off, ends=iter(lambda: Ended(minutes=minutes), None))
    runs = [started for started, _, _ in cron_job.runs(10)]
    right = start + chaos + timedelta(hours=1)
    turns = slots(one, right, right + 4 * DAY)
    settled = [started for started in runs[-len(turns) :] if started >= turns[1]]
    assert any(right - timedelta(hours=2) <= started <= turns[1] + MINUTE * 41 for started in runs)
    assert settled[-1] >= turns[-2]
