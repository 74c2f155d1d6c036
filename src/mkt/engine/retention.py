"""Forgetting old history: at the end of a sync at most once a day, and when a person asks."""

from datetime import timedelta
from typing import Final

from mkt.engine.base import Engine
from mkt.settings import ProjectSettings
from mkt.store.base import Key, Retention

_EVERY: Final = timedelta(days=1)
_KEY: Final = Key("", "")
_MEMORY: Final = "pruned"


def retention_of(settings: ProjectSettings) -> Retention:
    """Return how long the operator wants history to be kept."""
    kept = settings.retention
    return Retention(
        events=timedelta(days=kept.events),
        runs=timedelta(days=kept.runs),
        tombstones=timedelta(days=kept.tombstones),
        holds=timedelta(days=kept.holds),
        deliveries=timedelta(days=kept.deliveries),
    )


def prune_daily(engine: Engine) -> None:
    """Prune, unless some process did so within a day. The mark comes first: one that fails is not tried at once."""
    now = engine.now()
    if engine.store.memory_get(_KEY, _MEMORY, now) is None:
        engine.store.memory_put(_KEY, _MEMORY, now.isoformat(), now + _EVERY)
        engine.store.prune(retention_of(engine.settings), now)
