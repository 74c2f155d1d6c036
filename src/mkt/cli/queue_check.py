"""`mkt doctor`: the queue of the workers, where the store is in Supabase."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING

from mkt.cli.wiring import build_store
from mkt.errors import MktError
from mkt.output.checks import Check
from mkt.output.queue_text import queue_line, troubles, waker_line
from mkt.store.queue import Queued, QueueLook

if TYPE_CHECKING:
    from mkt.settings import ProjectSettings


def queue_checks(settings: "ProjectSettings", now: datetime) -> Iterator[Check]:
    """Tell how much waits, and whether it is filled and taken."""
    if not settings.store.startswith("supabase"):
        return
    try:
        with closing(build_store(settings)) as store:
            look = store.queue.look() if isinstance(store, Queued) else QueueLook(depth=None, waker=None)
    except MktError:  # the check of the store says what is wrong with it
        return
    found = list(troubles(look, now))
    for what, remedy in found:
        # Who lets cron run `mkt sync` needs no queue.
        yield Check(name="queue", ok=look.depth is None, found=what, remedy=remedy)
    if not found:
        yield Check(name="queue", found=f"{queue_line(look).removeprefix('queue: ')}; {waker_line(look.waker, now)}")
