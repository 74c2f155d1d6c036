"""A worker: takes messages from the queue, runs what they stand for, and is done with them. Any number may work.

What can happen                       and what comes of it
------------------------------------  --------------------------------------------------------------------------------
it is killed, or its host is          its messages come to others after a minute, and they go on from what is stored
a message comes twice                 nothing is due any more: it is archived, and nobody is told
somebody else runs the integration    the message waits half a minute, as often as it takes
no worker comes to the run's end      after five of them, a failed run that says so: retried as every failure of ours
one tenant has a thousand that wait   who has the fewest in work comes next: nobody waits for all of them
its clock is hours off                it does not start, and says so
it is told to stop                    runs end at their next checkpoint and go to other workers
Supabase is away                      it asks again and again, and says so once, and when it is over
a message is lost or thrown away      the integration is still due: the next minute sends another
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from mkt.engine.base import Engine, StopReason
from mkt.engine.isolation import attempt
from mkt.engine.pool import GRACE_SECONDS
from mkt.engine.report import Result
from mkt.engine.summary import summarize
from mkt.engine.sync.heartbeat import Heartbeat
from mkt.engine.sync.run import TIMEOUT, SyncOptions
from mkt.engine.tally import exit_code_of, summary_of
from mkt.engine.voice import Voice
from mkt.engine.worker.chores import do_chores
from mkt.engine.worker.hands import Hands
from mkt.engine.worker.plan import LOOK_SECONDS, Known, Planner
from mkt.engine.worker.turn import Turns
from mkt.errors import MktError, StartError
from mkt.store.queue import Message, Queue, QueueLook

IDLE_SECONDS: Final = 1.0
"""So long a queue is left alone that has just become empty; twice as long each time that it is empty still."""
QUIET_SECONDS: Final = 15.0
"""So long at most: it is filled once a minute."""
LONGEST_SECONDS: Final = 60.0
"""So long at most a queue is left alone that does not answer."""
CLOCKS_APART: Final = timedelta(minutes=5)
"""So far from the database's clock this machine's may be."""
CHORES_SECONDS: Final = 60.0
_GOES_ON: Final = "The worker goes on trying"
END_SECONDS: Final = GRACE_SECONDS + 10.0
"""So long after a stop Supabase's last answers are waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """How a worker works. `once` ends it when nothing waits any more; the seconds are for tests."""

    lanes: int
    once: bool = False
    timeout: timedelta = TIMEOUT
    idle_seconds: float = IDLE_SECONDS
    look_seconds: float = LOOK_SECONDS


@dataclass(slots=True)
class Tally:
    """How many runs of each outcome there were: no results, for a worker may work for months."""

    outcomes: Counter[str] = field(default_factory=Counter)
    stopped: StopReason | None = None

    @property
    def exit_code(self) -> int:
        return exit_code_of(self.outcomes, self.stopped)

    def summary(self, seconds: float) -> dict[str, object]:
        """Return the details of the `run.summary` event."""
        duration = round(seconds * 1000)
        return summary_of("worker", self.outcomes, exit_code=self.exit_code, duration_ms=duration)


class Worker:
    """One process's share: so many lanes, each of which runs one integration at a time."""

    def __init__(self, engine: Engine, queue: Queue, working: Working) -> None:
        self._engine = engine
        self._queue = queue
        self._working = working
        self._reading = threading.Lock()
        self._drained = False
        self._counting = threading.Lock()
        self._tally = Tally()
        self._error: Exception | None = None
        self._voice = Voice(engine, "the queue", _GOES_ON)
        self._following = Voice(engine, "the configurations", _GOES_ON)
        self._bugs = Voice(engine, "this worker")

    def work(self) -> Tally:
        """Work until there is a stop or, once, until nothing waits. Raise `StartError` where it cannot begin.

        A bug of ours is kept from the other runs and raised at the end; once, so is what Supabase did not answer.
        """
        started = time.monotonic()
        engine = self._engine
        _require(self._queue.look(), engine.now())
        known = Known(engine)
        planner = Planner(engine, self._queue, known)
        planner.look()
        with Hands(self._queue, self._voice.failed) as hands, Heartbeat(engine.store) as heartbeat:
            options = SyncOptions(timeout=self._working.timeout)
            turns = Turns(
                engine=engine,
                queue=self._queue,
                known=known,
                heartbeat=heartbeat,
                options=options,
                count=self._count,
            )
            lanes = [_daemon(lambda: self._lane(hands, turns)) for _ in range(self._working.lanes)]
            if not self._working.once:
                lanes.append(_daemon(lambda: self._follow(planner, known)))
            _wait_for(lanes, engine.stop.event)
        if self._working.once and not engine.stop.reason:
            self._chores(known)
        return self._ended(time.monotonic() - started)

    def _lane(self, hands: Hands, turns: Turns) -> None:
        while (message := self._next(hands)) is not None:
            self._turn(hands, turns, message)

    def _turn(self, hands: Hands, turns: Turns, message: Message) -> None:
        with hands.holding(message):
            done = attempt(lambda: turns.take(message))
        if isinstance(done, Exception):
            self._failed(done)

    def _next(self, hands: Hands) -> Message | None:
        """Wait for a message; None where there will be no more. One lane at a time asks for all of them."""
        stop, seconds = self._engine.stop.event, self._working.idle_seconds
        with self._reading:
            while not (stop.is_set() or self._drained):
                found = attempt(hands.take)
                if isinstance(found, Exception):
                    self._failed(found)
                else:
                    self._voice.over()
                if isinstance(found, Message):
                    return found
                self._drained = self._working.once
                if not self._drained:
                    seconds = min(seconds, LONGEST_SECONDS if found else QUIET_SECONDS)
                    stop.wait(seconds)
                    seconds *= 2
        return None

    def _follow(self, planner: Planner, known: Known) -> None:
        """Follow the configurations, and do what comes once a minute."""
        chores_at = 0.0
        while not self._engine.stop.event.wait(self._working.look_seconds):
            self._following.listen(planner.look)
            if time.monotonic() >= chores_at:
                self._chores(known)
                chores_at = time.monotonic() + CHORES_SECONDS

    def _chores(self, known: Known) -> None:
        done = self._voice.listen(lambda: do_chores(self._engine, known.configs))
        for result in done if isinstance(done, list) else ():
            self._count(result)

    def _failed(self, error: Exception) -> None:
        if self._working.once or not isinstance(error, MktError):
            with self._counting:
                self._error = self._error or error  # one alone: it holds all that it was about
        # A bug is never over: a message that meets it comes back every minute, and it is said once.
        (self._voice if isinstance(error, MktError) else self._bugs).failed(error)

    def _count(self, result: Result) -> None:
        with self._counting:
            self._tally.outcomes[result.outcome] += 1

    def _ended(self, seconds: float) -> Tally:
        engine, tally = self._engine, self._tally
        tally.stopped = engine.stop.reason
        summarize(engine, tally.summary(seconds))
        if self._error:
            raise self._error
        return tally


def _require(look: QueueLook, now: datetime) -> None:
    if look.depth is None:
        raise StartError(
            "Supabase has no queue for workers: the extension pgmq (Queues) is not there",
            remedy="`mkt db check` says what to do. Without a queue, cron's `mkt sync` brings over what is due.",
        )
    if look.now and abs(look.now - now) > CLOCKS_APART:
        # It would take what is due from the others and, by its own clock, find that nothing is.
        raise StartError(
            f"this machine's clock says {now:%Y-%m-%d %H:%M} UTC, Supabase's {look.now:%Y-%m-%d %H:%M}",
            remedy="Set this machine's clock, best by NTP: what is due, tokens and signatures depend on it.",
        )


def _daemon(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, name="mkt-lane", daemon=True)
    thread.start()
    return thread


def _wait_for(threads: Sequence[threading.Thread], stop: threading.Event) -> None:
    """Wait for their end; after a stop, no longer than it takes to give back what they have."""
    for thread in threads:
        while thread.is_alive() and not stop.is_set():
            thread.join(0.1)
    until = time.monotonic() + END_SECONDS
    for thread in threads:
        thread.join(max(until - time.monotonic(), 0.0))
