"""What a worker knows of the configurations, and what the queue has to know of it.

The queue compares times: it knows of an integration what its last run has stored. What no run can say is planned by
the workers, each time that the configurations change, at midnight, and once an hour in any case: which integrations
never ran, which are disabled or gone, which have another schedule than at their last run, and whose pause has ended
because its file is another. So what an admin enables runs within a minute, without anybody deploying anything.

All workers of a project read the same configurations: what one of them does not know is for all of them gone.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Final

from mkt.configs.base import Configs
from mkt.contract import ConnectorConfiguration
from mkt.engine.base import Engine
from mkt.engine.sync.schedule import due_at
from mkt.store.base import IntegrationState, Key
from mkt.store.queue import Planned, Queue

LOOK_SECONDS: Final = 15.0
"""So often each worker asks whether the configurations have changed."""
PLAN_SECONDS: Final = 3600.0


class Known:
    """The configurations as they were read last. Safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._looking = threading.Lock()
        self._version = engine.source.version()
        self.configs: Configs
        self._take(engine.source.load())

    def find(self, key: Key) -> ConnectorConfiguration | None:
        """Return an integration that is enabled today; look again before saying that there is none."""
        found = self._active(key)
        if found is None and self.look():
            found = self._active(key)
        return found

    def look(self) -> bool:
        """Read the configurations again where they have changed, and tell so; raise `StartError` as the source."""
        with self._looking:
            version = self._engine.source.version()
            if version == self._version:
                return False
            # The version is of before the load: what changes in between is found at the next look.
            self._take(self._engine.source.load())
            self._version = version
            return True

    def _take(self, configs: Configs) -> None:
        self._by_key = {Key(c.tenant, c.name): c for c in configs.configurations}
        self.configs = configs

    def _active(self, key: Key) -> ConnectorConfiguration | None:
        found = self._by_key.get(key)
        return found if found and found.active(self._engine.now().date()) else None


class Planner:
    """Tells the queue what it cannot know, when that may be something else than before."""

    def __init__(
        self, engine: Engine, queue: Queue, known: Known, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine = engine
        self._queue = queue
        self._known = known
        self._monotonic = monotonic
        self._told: tuple[Configs, date] | None = None
        self._told_at = 0.0

    def look(self) -> None:
        """Plan where there is a reason to. Raise `StartError` or `StoreError` where it cannot be done now."""
        self._known.look()
        configs, today = self._known.configs, self._engine.now().date()
        same = self._told is not None and self._told[0] is configs and self._told[1] == today
        if same and self._monotonic() < self._told_at + PLAN_SECONDS:
            return
        states = self._engine.store.states(streams=False)
        self._queue.plan(planned(configs, states, self._engine.now()))
        self._told, self._told_at = (configs, today), self._monotonic()


def planned(configs: Configs, states: dict[Key, IntegrationState], now: datetime) -> list[Planned]:
    """Return when each integration is due of which the states alone say something else."""
    today = now.date()
    active = {Key(c.tenant, c.name): c for c in configs.configurations if c.active(today)}
    due = {key: awaited(configuration, states.get(key), now) for key, configuration in active.items()}
    return [Planned(key, due.get(key)) for key in {**states, **due} if due.get(key) != _said(states.get(key))]


def awaited(configuration: ConnectorConfiguration, state: IntegrationState | None, now: datetime) -> datetime | None:
    """Return when the integration is due, were it not for an open hold, of which the queue knows by itself."""
    return due_at(configuration, replace(state, hold_id="") if state and state.hold_id else state, now)


def _said(state: IntegrationState | None) -> datetime | None:
    """Return when the queue takes it to be due by its state."""
    if state is None or state.last_finished_at is None or state.paused_at is not None:
        return None
    return state.next_due_at
