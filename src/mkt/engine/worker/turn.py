"""One message's turn: what it stands for is run as `mkt sync` runs what is due, and the message is done with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mkt.contract import ConnectorConfiguration, LocalError, uuid7
from mkt.engine.base import Engine
from mkt.engine.call import Call
from mkt.engine.failure import failure_of
from mkt.engine.pool import Pool
from mkt.engine.report import Result
from mkt.engine.reporter import sync_details
from mkt.engine.sync.heartbeat import Heartbeat
from mkt.engine.sync.job import SyncJob, next_state
from mkt.engine.sync.run import SyncOptions, killed
from mkt.engine.sync.schedule import is_due
from mkt.engine.worker.plan import Known, awaited
from mkt.store.base import IntegrationState, Key, Lease
from mkt.store.queue import Message, Queue

TRIES: Final = 5
"""So many workers may fail to bring one message to an end; the next one gives it up."""
TAKEN_SECONDS: Final = 30.0
"""So long a message waits whose integration somebody else is running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """What every turn of one worker works with."""

    engine: Engine
    queue: Queue
    known: Known
    heartbeat: Heartbeat
    options: SyncOptions
    count: Callable[[Result], None] = lambda _: None
    """Is told what came of a run, also where Supabase goes away right after it."""

    def take(self, message: Message) -> Result | None:
        """Run what is due and be done with the message; None where there was nothing to run.

        Raise `StoreError` or `StartError` where Supabase is away: the message comes back by itself.
        """
        configuration = self.known.find(message.key)
        if configuration is None:
            self.queue.archive(message, None)
            return None
        result = self._given_up(message, configuration) if message.tries > TRIES else self._run(configuration)
        if result is not None:
            self.count(result)
        self._settle(message, configuration, result)
        return result

    def _run(self, configuration: ConnectorConfiguration) -> Result | None:
        """Return what came of it; None where it was not due, is taken, or may not begin any more."""
        job = SyncJob(self.engine, configuration, self.options, self.heartbeat)
        results = Pool[Result | None]([job], 1, self.engine.stop).run()
        return results[0] if results else None

    def _settle(self, message: Message, configuration: ConnectorConfiguration, result: Result | None) -> None:
        """Archive the message with what the engine says is next, or leave the run to another worker.

        What is still due after a run is woken again in a minute; what did not run is taken elsewhere, or was stopped.
        """
        key, now = message.key, self.engine.now()
        state = self.engine.store.states([key]).get(key)
        stopped = self.engine.stop.event.is_set()
        if (stopped or result is None) and is_due(configuration, state, now):
            self.queue.release(message, 0 if stopped else TAKEN_SECONDS)
        else:
            self.queue.archive(message, awaited(configuration, state, now))

    def _given_up(self, message: Message, configuration: ConnectorConfiguration) -> Result | None:
        """Store a failed run in the place of those that had no end: it says when to try again, and who acts."""
        store = self.engine.store
        lease = store.acquire(message.key)
        if lease is None:
            return None
        with self.heartbeat.holding(lease):
            state = store.states([message.key]).get(message.key)
            if not is_due(configuration, state, self.engine.now()):
                return None
            return self._dead(message, configuration, state, lease)

    def _dead(
        self, message: Message, configuration: ConnectorConfiguration, state: IntegrationState | None, lease: Lease
    ) -> Result:
        call = Call.prepare(self.engine, configuration, uuid7())
        error = dead_letter(configuration.target, message.tries - 1, message.enqueued_at)
        result = Result(
            tenant=configuration.tenant,
            integration=configuration.name,
            connector=configuration.connector,
            category=call.reporter.category,
            run_id=call.run_id,
            outcome="failed",
            failure=call.failure(error),
        )
        run = call.new_run("sync")
        self.engine.store.start_run(run, killed=failure_of(killed(), configuration.connector).as_dict())
        entry = call.ended(run, result, sync_details(result))
        previous = state or IntegrationState(key=Key(configuration.tenant, configuration.name))
        self.engine.store.finish_run(entry, next_state(previous, configuration, result, entry), lease)
        call.reporter.synced(result)
        return result


def dead_letter(target: str, tries: int, since: datetime) -> LocalError:
    """Return the error of a run that no worker has brought to an end."""
    return LocalError(
        f"{target} was given up: since {since:%Y-%m-%d %H:%M} UTC {tries} workers one after the other did not come to"
        " the end of its sync, nor say why",
        remedy="Look on the workers' hosts: the kernel's log for the out-of-memory killer, the log of `mkt worker`."
        f" Then run it where you can see it: `mkt sync {target} --now`.",
        code="local.dead_letter",
    )
