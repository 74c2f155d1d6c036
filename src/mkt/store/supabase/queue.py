"""The queue in Supabase: messages of pgmq, which a job of pg_cron sends once a minute.

Workers reach it as they reach everything else, over HTTPS by URL and key. The functions are mkt's own, for
`pgmq_public`, which hosted Supabase can expose, lets nobody keep a message for longer, and shows every tenant's
messages to every signed-in user.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from math import ceil
from typing import Any, NoReturn

from mkt.errors import StoreError
from mkt.store.key import Key
from mkt.store.queue import Depth, Message, Planned, QueueLook, Waker
from mkt.store.supabase.calls import Calls, RefusalError


class SupabaseQueue:
    """The messages of one project."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def read(self, count: int, seconds: float) -> list[Message]:
        return [_message(row) for row in self._call("mkt_queue_read", count=count, seconds=ceil(seconds))]

    def extend(self, messages: Collection[Message], seconds: float) -> None:
        given = [[message.id, message.tries] for message in messages]
        self._call("mkt_queue_extend", messages=given, seconds=ceil(seconds))

    def archive(self, message: Message, due_at: datetime | None) -> bool:
        return bool(self._call("mkt_queue_archive", **_named(message), due_at=_text(due_at)))

    def release(self, message: Message, seconds: float) -> bool:
        # Twice is not once: it may be somebody else's by then, and of the same number of tries.
        return bool(self._call("mkt_queue_release", **_named(message), seconds=ceil(seconds), repeatable=False))

    def plan(self, planned: Collection[Planned]) -> int:
        given = [[*key, _text(due_at)] for key, due_at in planned]
        return int(self._call("mkt_queue_plan", plan=given))

    def look(self) -> QueueLook:
        found = self._call("mkt_queue_look")
        now = datetime.fromisoformat(found["now"])
        return QueueLook(depth=_depth(found["queue"]), waker=_waker(found["cron"]), now=now)

    def _call(self, function: str, *, repeatable: bool = True, **given: Any) -> Any:
        try:
            return self._calls.call(function, given, repeatable=repeatable)
        except RefusalError:
            _refuse()


def _refuse() -> NoReturn:
    raise StoreError(
        "Supabase has no queue for workers: the extension pgmq (Queues) was not there when mkt's migrations ran",
        remedy="`mkt db check` says what to do. Without a queue, cron's `mkt sync` brings over what is due.",
        code="local.no_queue",
    )


def _named(message: Message) -> dict[str, Any]:
    tenant, integration = message.key
    return {"tenant": tenant, "integration": integration, "message": message.id, "tries": message.tries}


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _message(row: Mapping[str, Any]) -> Message:
    key = Key(str(row["tenant"]), str(row["integration"]))
    return Message(int(row["id"]), int(row["tries"]), key, datetime.fromisoformat(row["enqueued_at"]))


def _depth(found: Mapping[str, Any] | None) -> Depth | None:
    if found is None:
        return None
    seconds = found["oldest_seconds"]
    oldest = None if seconds is None else timedelta(seconds=float(seconds))
    return Depth(waiting=found["waiting"], taken=found["taken"], oldest=oldest)


def _waker(found: Mapping[str, Any] | None) -> Waker | None:
    if found is None:
        return None
    at = found["last_started_at"]
    started = datetime.fromisoformat(at) if at else None
    return Waker(active=found["active"], last_started_at=started, last_status=found["last_status"] or "")
