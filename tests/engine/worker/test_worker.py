"""A worker over a queue in memory, with the real engine and the real store behind it."""

import gc
import threading
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.engine.rig import NOW, Context, Rig, Source, configuration, people

from mkt.configs.base import BrokenTenant, Position, Problem
from mkt.contract import AuthError, Change, Disabled, Record, Schedule
from mkt.engine.base import StopReason
from mkt.engine.sync.heartbeat import Heartbeat
from mkt.engine.sync.run import SyncOptions
from mkt.engine.worker.chores import do_chores
from mkt.engine.worker.hands import Hands
from mkt.engine.worker.plan import PLAN_SECONDS, Known, Planner, planned
from mkt.engine.worker.turn import TAKEN_SECONDS, TRIES, Turns
from mkt.engine.worker.worker import LONGEST_SECONDS, QUIET_SECONDS, Tally, Worker, Working
from mkt.errors import StartError, StoreError
from mkt.store.base import Key
from mkt.store.queue import Depth, Message, Planned, QueueLook

KEY = Key("acme", "roster")
NIGHTLY = Schedule("15 2 * * *")
HOURLY = Schedule("0 * * * *")
SECONDS = 20


@dataclass
class Waiting:
    """A queue in memory; `failures` are raised by the next reads."""

    messages: list[Message] = field(default_factory=list)
    archived: list[tuple[Message, datetime | None]] = field(default_factory=list)
    released: list[tuple[Message, float]] = field(default_factory=list)
    plans: list[list[Planned]] = field(default_factory=list)
    extended: list[set[int]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    there: bool = True
    now: datetime | None = None
    empty: Callable[[], object] = lambda: None
    heard: threading.Event = field(default_factory=threading.Event)

    def send(self, key: Key = KEY, *, tries: int = 1) -> Message:
        message = Message(len(self.messages) + len(self.archived) + 1, tries, key, NOW)
        self.messages.append(message)
        return message

    def read(self, count: int, seconds: float) -> list[Message]:
        del count, seconds
        if self.failures:
            raise self.failures.pop(0)
        if not self.messages:
            self.empty()
            return []
        return [self.messages.pop(0)]

    def extend(self, messages: Collection[Message], seconds: float) -> None:
        del seconds
        self.extended.append({message.id for message in messages})
        self.heard.set()

    def archive(self, message: Message, due_at: datetime | None) -> bool:
        self.archived.append((message, due_at))
        return True

    def release(self, message: Message, seconds: float) -> bool:
        self.released.append((message, seconds))
        return True

    def plan(self, planned: Collection[Planned]) -> int:
        self.plans.append(list(planned))
        return 0

    def look(self) -> QueueLook:
        depth = Depth(waiting=len(self.messages), taken=0, oldest=None)
        return QueueLook(depth=depth if self.there else None, waker=None, now=self.now)


@pytest.fixture
def queue() -> Waiting:
    return Waiting()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    rig.source.configurations = [configuration(schedule=NIGHTLY)]
    yield rig
    rig.store.close()


def work(rig: Rig, queue: Waiting, **how: Any) -> Tally:
    given = {"lanes": 2, "once": True, "timeout": timedelta(seconds=20), "idle_seconds": 0.01, **how}
    return Worker(rig.engine, queue, Working(**given)).work()


@pytest.fixture
def turns(rig: Rig, queue: Waiting) -> Iterator[Turns]:
    with Heartbeat(rig.store) as heartbeat:
        yield Turns(
            engine=rig.engine,
            queue=queue,
            known=Known(rig.engine),
            heartbeat=heartbeat,
            options=SyncOptions(timeout=timedelta(seconds=20)),
        )


def said(rig: Rig) -> list[str]:
    return [event.message for event in rig.recorder.events if event.event == "connector.message"]


# one message


def test_what_is_due_is_run_and_the_message_archived_with_the_next_turn(rig: Rig, queue: Waiting) -> None:
    message = queue.send()
    tally = work(rig, queue)
    assert (rig.names(), tally.exit_code, dict(tally.outcomes)) == (["anna", "ben"], 0, {"ok": 1})
    assert queue.archived == [(message, rig.store.states()[KEY].next_due_at)]
    assert [run.command for run in rig.store.runs()] == ["sync"]
    assert rig.events()[-1] == "run.summary"
    assert rig.recorder.events[-1].details["command"] == "worker"


def test_a_message_that_comes_twice_is_archived_and_nobody_is_told(rig: Rig, turns: Turns, queue: Waiting) -> None:
    turns.take(queue.send())
    events = rig.events()
    assert turns.take(queue.send()) is None
    assert rig.events() == events
    assert len(queue.archived) == 2


@pytest.mark.parametrize(
    "configurations", [[], [configuration(schedule=NIGHTLY, disabled=Disabled(reason="holidays"))]]
)
def test_what_is_disabled_or_gone_sleeps_silently(rig: Rig, queue: Waiting, configurations: list[Any]) -> None:
    rig.source.configurations = [*configurations, configuration("hooli")]
    message = queue.send()
    assert work(rig, queue).exit_code == 0
    assert queue.archived == [(message, None)]
    assert rig.events() == ["run.summary"]


def test_what_was_added_since_the_last_look_is_known(rig: Rig, turns: Turns, queue: Waiting) -> None:
    rig.source.configurations.append(configuration("hooli", schedule=NIGHTLY))
    result = turns.take(queue.send(Key("hooli", "roster")))
    assert result is not None
    assert result.outcome == "ok"


def test_what_somebody_else_runs_comes_back_later(rig: Rig, turns: Turns, queue: Waiting) -> None:
    lease = rig.store.acquire(KEY)
    assert lease is not None
    message = queue.send()
    assert turns.take(message) is None
    assert (queue.released, queue.archived) == ([(message, TAKEN_SECONDS)], [])
    rig.store.release(lease)
    assert turns.take(message) is not None


def test_a_failed_run_is_done_with_and_tried_again_when_the_engine_says(
    rig: Rig, turns: Turns, queue: Waiting
) -> None:
    def refuse(_: Context) -> Iterable[Change]:
        raise AuthError("the password is wrong")

    rig.script.changes = refuse
    result = turns.take(queue.send())
    assert result is not None
    assert result.outcome == "failed"
    ((_, due_at),) = queue.archived
    assert due_at == rig.store.states()[KEY].next_due_at
    assert due_at is not None
    assert due_at > rig.clock


def test_what_is_held_is_left_alone_and_keeps_its_turn(rig: Rig, turns: Turns, queue: Waiting) -> None:
    rig.yields(*people(*(f"p{number}" for number in range(40))))
    turns.take(queue.send())
    rig.pass_time(days=1)
    rig.yields(*people("p1"))
    held = turns.take(queue.send())
    assert held is not None
    assert held.outcome == "held"
    events = rig.events()
    rig.pass_time(days=1)
    assert turns.take(queue.send()) is None
    assert rig.events() == events
    assert queue.released == []
    (*_, (_, due_at)) = queue.archived
    assert due_at is not None
    assert due_at <= rig.clock  # as soon as the hold is closed


# given up


def test_what_no_worker_brings_to_an_end_is_a_failed_run_said_once(rig: Rig, turns: Turns, queue: Waiting) -> None:
    result = turns.take(queue.send(tries=TRIES + 1))
    assert result is not None
    assert result.failure is not None
    assert (result.outcome, result.failure.code, result.failure.actor) == ("failed", "local.dead_letter", "us")
    assert "mkt sync acme/roster --now" in result.failure.remedy
    state = rig.store.states()[KEY]
    assert (state.last_outcome, state.failures) == ("failed", 1)
    assert state.next_due_at == rig.clock + timedelta(minutes=5)
    assert turns.take(queue.send(tries=TRIES + 1)) is None
    assert rig.events() == ["sync.failed"]
    assert rig.names() == []


def test_what_is_running_is_not_given_up(rig: Rig, turns: Turns, queue: Waiting) -> None:
    rig.store.acquire(KEY)
    message = queue.send(tries=TRIES + 1)
    assert turns.take(message) is None
    assert queue.released == [(message, TAKEN_SECONDS)]
    assert rig.events() == []


def test_the_last_try_is_a_try(turns: Turns, queue: Waiting) -> None:
    result = turns.take(queue.send(tries=TRIES))
    assert result is not None
    assert result.outcome == "ok"


# stopping


def test_a_stop_in_mid_run_gives_the_rest_to_another_worker(rig: Rig, queue: Waiting) -> None:
    def endless(_: Context) -> Iterator[Change]:
        yield Record("people", "anna", {"given_name": "anna"})
        rig.engine.stop.request("terminated")
        yield Record("people", "ben", {"given_name": "ben"})

    rig.script.changes = endless
    message = queue.send()
    tally = work(rig, queue, once=False)
    assert (tally.exit_code, dict(tally.outcomes)) == (143, {"deferred": 1})
    assert (queue.released, queue.archived) == ([(message, 0)], [])
    rig.engine.stop.event.clear()
    rig.engine.stop.reason = None
    rig.yields(*people("anna", "ben"))
    queue.messages.append(message)
    assert work(rig, queue).exit_code == 0
    assert rig.names() == ["anna", "ben"]


def test_a_message_that_arrives_with_the_stop_is_given_back_untouched(rig: Rig, turns: Turns, queue: Waiting) -> None:
    rig.engine.stop.request("terminated")
    message = queue.send()
    assert turns.take(message) is None
    assert queue.released == [(message, 0)]
    assert rig.events() == []


class Told(threading.Event):
    """Waits no longer than it takes to say for how long it was asked to."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.waited: list[float | None] = []
        self._most = most

    def wait(self, timeout: float | None = None) -> bool:
        if timeout == SECONDS:  # who follows the configurations
            return super().wait(timeout)
        self.waited.append(timeout)
        if len(self.waited) == self._most:
            self.set()
        return self.is_set()


def test_an_empty_queue_is_left_alone_for_longer_and_longer(rig: Rig, queue: Waiting) -> None:
    """Over the network, each look is a request, of each worker all day."""
    told = rig.engine.stop.event = Told(6)
    work(rig, queue, once=False, lanes=1, idle_seconds=1.0, look_seconds=SECONDS)
    assert told.waited == [1, 2, 4, 8, QUIET_SECONDS, QUIET_SECONDS]
    told = rig.engine.stop.event = Told(8)
    queue.failures = [StoreError("away")] * 7
    work(rig, queue, once=False, lanes=1, idle_seconds=1.0, look_seconds=SECONDS)
    assert told.waited == [1, 2, 4, 8, 16, 32, LONGEST_SECONDS, QUIET_SECONDS]


def test_the_configurations_are_looked_at_more_often_than_the_chores_are_done(
    rig: Rig, queue: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[object] = []
    looks = [0]

    def look(_: Planner) -> None:
        looks[0] += 1
        if looks[0] == 6:  # the first is made before anything else
            rig.engine.stop.request("terminated")

    monkeypatch.setattr(Planner, "look", look)
    monkeypatch.setattr("mkt.engine.worker.worker.do_chores", lambda *_: done.append(1) or [])
    work(rig, queue, once=False, lanes=1, look_seconds=0.01)
    assert (looks[0], len(done)) == (6, 1)


def test_an_idle_worker_ends_at_a_stop(rig: Rig, queue: Waiting) -> None:
    queue.empty = lambda: rig.engine.stop.request("interrupted")
    assert work(rig, queue, once=False, idle_seconds=SECONDS).exit_code == 130


# trouble


def test_a_queue_that_is_away_is_said_once_and_its_return_once(rig: Rig, queue: Waiting) -> None:
    queue.failures = [StoreError("the connection was refused") for _ in range(3)]
    queue.empty = lambda: rig.engine.stop.request("terminated")
    queue.send()
    assert dict(work(rig, queue, once=False, lanes=1).outcomes) == {"ok": 1}
    away, back = said(rig)
    assert away == "the queue cannot be used: the connection was refused. The worker goes on trying"
    assert back == "the queue can be used again"


def test_once_a_queue_that_is_away_is_the_end(rig: Rig, queue: Waiting) -> None:
    queue.failures = [StoreError("the connection was refused")]
    with pytest.raises(StoreError):
        work(rig, queue)


def test_a_bug_of_ours_stops_no_other_run_and_is_raised_at_the_end(
    rig: Rig, queue: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = queue.archive

    def broken(message: Message, due_at: datetime | None) -> bool:
        if message.key.tenant in ("hooli", "initech"):
            raise ZeroDivisionError("a name that nobody should read")
        return archive(message, due_at)

    monkeypatch.setattr(queue, "archive", broken)
    for tenant in ("hooli", "initech"):
        rig.source.configurations.append(configuration(tenant, schedule=NIGHTLY))
        queue.send(Key(tenant, "roster"))
    queue.send()
    with pytest.raises(ZeroDivisionError):
        work(rig, queue, lanes=1)
    assert [message.key for message, _ in queue.archived] == [KEY]
    (once,) = said(rig)
    assert once.startswith("this worker: a bug in mkt: ZeroDivisionError in test_worker.py, line ")


def test_of_many_bugs_one_alone_is_kept_for_the_end(
    rig: Rig, queue: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each holds all that it was about, and a worker works for months."""

    class BugError(Exception):
        pass

    bugs: list[weakref.ref[BugError]] = []

    def broken(*_: object) -> bool:
        bug = BugError()
        bugs.append(weakref.ref(bug))
        raise bug

    monkeypatch.setattr(queue, "archive", broken)
    for _ in range(3):
        queue.send()
    with pytest.raises(BugError) as raised:
        work(rig, queue, lanes=1)
    gc.collect()
    assert [bug() for bug in bugs] == [raised.value, None, None]


def test_without_a_queue_nothing_starts(rig: Rig, queue: Waiting) -> None:
    queue.there = False
    with pytest.raises(StartError, match="no queue for workers"):
        work(rig, queue)


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_machine_whose_clock_is_hours_off_takes_nothing_from_the_others(
    rig: Rig, queue: Waiting, hours: int
) -> None:
    """It did: by its own clock nothing was due, and each message was archived, a minute after the other."""
    message = queue.send()
    queue.now = rig.clock + timedelta(hours=hours)
    with pytest.raises(StartError, match="this machine's clock says 2026-11-22 12:00 UTC, Supabase's"):
        work(rig, queue)
    assert queue.messages == [message]
    queue.now = rig.clock + timedelta(minutes=4)
    assert dict(work(rig, queue).outcomes) == {"ok": 1}


def test_messages_in_hand_are_kept(queue: Waiting) -> None:
    message = queue.send()
    failed: list[Exception] = []
    with Hands(queue, failed.append, seconds=0.03) as hands:
        assert hands.take() == message
        with hands.holding(message):
            assert queue.heard.wait(SECONDS)
    assert set(map(frozenset, queue.extended)) == {frozenset({message.id})}
    assert failed == []


def test_a_worker_keeps_on_beating_when_the_queue_was_away(queue: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
    failed: list[Exception] = []
    extend = queue.extend

    def away_at_first(messages: Collection[Message], seconds: float) -> None:
        if not failed:
            raise StoreError("away")
        extend(messages, seconds)

    monkeypatch.setattr(queue, "extend", away_at_first)
    message = queue.send()
    with Hands(queue, failed.append, seconds=0.03) as hands, hands.holding(message):
        assert queue.heard.wait(SECONDS)
    assert [str(error) for error in failed] == ["away"]


# the plan


def test_only_what_the_states_do_not_say_is_planned(rig: Rig) -> None:
    rig.source.configurations = [
        configuration("acme", schedule=NIGHTLY),
        configuration("bravo", schedule=NIGHTLY),
        configuration("coyote", schedule=NIGHTLY),
        configuration("delta", schedule=NIGHTLY),
        configuration("echo"),
    ]
    rig.sync("acme", "bravo", "coyote")
    acme, bravo, _, delta, echo = rig.source.configurations
    rig.source.configurations = [acme, replace(bravo, schedule=HOURLY), delta, echo]
    found = dict(planned(rig.source.load(), rig.store.states(), rig.clock))
    assert found == {
        Key("bravo", "roster"): NOW + timedelta(hours=1),
        Key("coyote", "roster"): None,
        Key("delta", "roster"): datetime.min.replace(tzinfo=NOW.tzinfo),
    }


def test_a_pause_ends_in_the_plan_with_a_change_of_the_file(rig: Rig) -> None:
    def refuse(_: Context) -> Iterable[Change]:
        raise AuthError("the password is wrong")

    rig.script.changes = refuse
    for _ in range(5):
        rig.sync("acme", now=True)
    assert rig.store.states()[KEY].paused_at is not None
    assert planned(rig.source.load(), rig.store.states(), rig.clock) == []
    rig.source.configurations = [configuration(schedule=NIGHTLY, settings={"mode": "b"})]
    ((key, due_at),) = planned(rig.source.load(), rig.store.states(), rig.clock)
    assert (key, due_at) == (KEY, rig.store.states()[KEY].next_due_at)


def test_the_plan_is_made_when_something_has_changed_at_midnight_and_once_an_hour(rig: Rig, queue: Waiting) -> None:
    time = [0.0]
    planner = Planner(rig.engine, queue, Known(rig.engine), monotonic=lambda: time[0])

    def plans_after_a_look() -> int:
        planner.look()
        return len(queue.plans)

    assert [plans_after_a_look(), plans_after_a_look()] == [1, 1]
    rig.source.configurations = [*rig.source.configurations, configuration("hooli", schedule=NIGHTLY)]
    assert [plans_after_a_look(), plans_after_a_look()] == [2, 2]
    rig.pass_time(hours=12)
    assert [plans_after_a_look(), plans_after_a_look()] == [3, 3]
    time[0] += PLAN_SECONDS
    assert [plans_after_a_look(), plans_after_a_look()] == [4, 4]


def test_a_plan_that_did_not_arrive_is_made_again(rig: Rig, queue: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
    planner = Planner(rig.engine, queue, Known(rig.engine))
    with monkeypatch.context() as patch:
        patch.setattr(queue, "plan", _away)
        with pytest.raises(StoreError):
            planner.look()
    planner.look()
    assert len(queue.plans) == 1


def _away(_: object) -> int:
    raise StoreError("away")


def test_configurations_that_cannot_be_read_any_more_stay_as_they_were(
    rig: Rig, queue: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = threading.Semaphore(0)

    def gone(_: Source) -> str:
        looked.release()
        raise StartError("no configurations: the connection was refused")

    def end() -> None:
        assert looked.acquire(timeout=SECONDS)
        assert looked.acquire(timeout=SECONDS)
        rig.engine.stop.request("terminated")

    version = Source.version
    monkeypatch.setattr(Source, "version", lambda own: version(own) if not queue.plans else gone(own))
    queue.send()
    queue.empty = end
    tally = work(rig, queue, once=False, lanes=1, look_seconds=0.01)
    assert dict(tally.outcomes) == {"ok": 1}
    (once,) = said(rig)
    assert once.startswith("the configurations cannot be used: no configurations: the connection was refused.")


# once a minute


def test_a_broken_tenant_is_told_by_one_worker_once_a_day(rig: Rig) -> None:
    problem = Problem("schema", "this is wrong", Position("configs/hooli.yaml", 3), "mend it", tenant="hooli")
    rig.source.broken = [BrokenTenant("hooli", (problem,), "digest")]
    configs = rig.source.load()
    assert [result.tenant for result in do_chores(rig.engine, configs)] == ["hooli"]
    assert do_chores(rig.engine, configs) == []
    rig.pass_time(minutes=2)
    assert do_chores(rig.engine, configs) == []
    rig.pass_time(days=1)
    assert [result.tenant for result in do_chores(rig.engine, configs)] == ["hooli"]


# what it ends with


@pytest.mark.parametrize(
    ("outcomes", "stopped", "code"),
    [
        ({}, None, 0),
        ({"ok": 2, "skipped": 1}, None, 0),
        ({"deferred": 1, "ok": 1}, None, 75),
        ({"failed": 1}, None, 1),
        ({"held": 1, "ok": 1, "deferred": 1}, None, 3),
        ({"failed": 1}, "terminated", 143),
    ],
)
def test_it_ends_as_a_sync_of_the_same_would(outcomes: dict[str, int], stopped: StopReason | None, code: int) -> None:
    tally = Tally(stopped=stopped)
    tally.outcomes.update(outcomes)
    assert tally.exit_code == code
