"""What a scheduled `mkt sync` does besides syncing: a fleet of workers does it once a minute, one for all of them."""

from contextlib import suppress
from datetime import timedelta
from typing import Final

from mkt.configs.base import Configs
from mkt.engine.base import Engine
from mkt.engine.broken import report_broken, worth_repeating
from mkt.engine.report import Result
from mkt.engine.retention import prune_daily
from mkt.engine.sync.heartbeat_url import beat
from mkt.engine.triage.alerts import alert_safely
from mkt.errors import StoreError
from mkt.store.base import Key

_EVERY: Final = timedelta(seconds=55)
_KEY: Final = Key("", "")
_MEMORY: Final = "worker.chores"


def do_chores(engine: Engine, configs: Configs, *, every: timedelta = _EVERY) -> list[Result]:
    """Report broken tenants, forget old history, tell the operator, call the heartbeat's address.

    Nothing, where some worker has done so within a minute. Two that begin at once do no harm: each of the chores
    knows by itself what another process has done.
    """
    now = engine.now()
    if engine.store.memory_get(_KEY, _MEMORY, now) is not None:
        return []
    engine.store.memory_put(_KEY, _MEMORY, now.isoformat(), now + every)
    broken = [report_broken(engine, each, "sync.failed") for each in configs.broken if worth_repeating(engine, each)]
    with suppress(StoreError):  # what was synced is safe, and the next day tries again
        prune_daily(engine)
    alert_safely(engine, configs)
    beat(engine)
    return broken
