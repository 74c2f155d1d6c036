"""The queue of the workers: how much waits, for how long, and whether it is filled."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from mkt.output.objects import moment
from mkt.output.text import ago, amount
from mkt.store.queue import QueueLook, Waker

_LATE: Final = timedelta(minutes=5)
"""What happens once a minute has not happened for too long after this."""
_MAKE: Final = "then run `select mkt_private.make_queue();` in its SQL editor."


class Trouble(NamedTuple):
    """What keeps workers from being woken, and what to do."""

    what: str
    remedy: str


def missing(look: QueueLook) -> Iterator[Trouble]:
    """Return what has to be set up for workers."""
    if look.depth is None:
        yield Trouble(
            "there is no queue for `mkt worker`: the extension pgmq is missing",
            f"Enable Queues under Integrations in Supabase's dashboard, {_MAKE} Without workers nothing is needed.",
        )
    elif look.waker is None:
        yield Trouble(
            "nothing wakes `mkt worker`: the extension pg_cron, or mkt's job of it, is missing",
            f"Enable Cron under Integrations in Supabase's dashboard, {_MAKE}",
        )
    elif not look.waker.active:
        yield Trouble(
            "nothing wakes `mkt worker`: the job mkt-wake was switched off",
            "Switch it on under Integrations > Cron in Supabase's dashboard.",
        )


def troubles(look: QueueLook, now: datetime) -> Iterator[Trouble]:
    """Return that too, and what has stopped to work."""
    yield from missing(look)
    waker = look.waker
    if look.depth is None or waker is None or not waker.active:
        return
    runs = "Look at its runs under Integrations > Cron in Supabase's dashboard."
    if waker.last_status == "failed":
        yield Trouble("the job mkt-wake failed when it ran last", runs)
    elif waker.last_started_at and waker.last_started_at < now - _LATE:
        yield Trouble(f"the job mkt-wake has not run since {ago(waker.last_started_at, now)}", runs)
    if look.depth.waiting and look.depth.oldest and look.depth.oldest > _LATE:
        yield Trouble(
            f"{look.depth.waiting:,} messages wait, the oldest for {amount(look.depth.oldest.total_seconds())}",
            "Start a worker, or more of them: `mkt worker`.",
        )


def queue_line(look: QueueLook) -> str:
    """Return how much waits, as one line; nothing where there is no queue."""
    depth = look.depth
    if depth is None:
        return ""
    oldest = f", the oldest for {amount(depth.oldest.total_seconds())}" if depth.oldest is not None else ""
    return f"queue: {depth.waiting:,} waiting, {depth.taken:,} with workers{oldest}"


def waker_line(waker: Waker | None, now: datetime) -> str:
    """Return when the queue was filled last."""
    if waker is None or waker.last_started_at is None:
        return "filled by the job mkt-wake, which has not run yet"
    return f"filled by the job mkt-wake, last {ago(waker.last_started_at, now)}"


def queue_object(look: QueueLook) -> dict[str, Any]:
    """Return the same for scripts."""
    depth, waker = look.depth, look.waker
    return {
        "waiting": depth.waiting if depth else None,
        "taken": depth.taken if depth else None,
        "oldest_seconds": round(depth.oldest.total_seconds()) if depth and depth.oldest is not None else None,
        "last_filled_at": moment(waker.last_started_at) if waker else None,
    }
