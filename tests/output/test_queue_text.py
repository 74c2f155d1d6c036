from datetime import UTC, datetime, timedelta

import pytest

from mkt.output.queue_text import missing, queue_line, queue_object, troubles, waker_line
from mkt.store.queue import Depth, QueueLook, Waker

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
EMPTY = Depth(waiting=0, taken=0, oldest=None)


def waker(*, active: bool = True, minutes: float | None = 1, status: str = "succeeded") -> Waker:
    at = None if minutes is None else NOW - timedelta(minutes=minutes)
    return Waker(active=active, last_started_at=at, last_status=status)


def test_all_is_well() -> None:
    look = QueueLook(depth=Depth(waiting=2, taken=1, oldest=timedelta(seconds=70)), waker=waker())
    assert list(troubles(look, NOW)) == []
    assert queue_line(look) == "queue: 2 waiting, 1 with workers, the oldest for 1 min"
    assert waker_line(look.waker, NOW).startswith("filled by the job mkt-wake, last 1 min ago")
    assert queue_object(look) == {
        "waiting": 2,
        "taken": 1,
        "oldest_seconds": 70,
        "last_filled_at": "2026-11-23T11:59:00.000Z",
    }


@pytest.mark.parametrize(
    ("look", "what", "remedy"),
    [
        (QueueLook(depth=None, waker=None), "the extension pgmq is missing", "mkt_private.make_queue()"),
        (QueueLook(depth=None, waker=waker()), "the extension pgmq is missing", "Without workers nothing is needed"),
        (QueueLook(depth=EMPTY, waker=None), "the extension pg_cron, or mkt's job", "mkt_private.make_queue()"),
        (QueueLook(depth=EMPTY, waker=waker(active=False)), "was switched off", "Switch it on"),
    ],
)
def test_what_has_to_be_set_up_is_said_with_what_to_do(look: QueueLook, what: str, remedy: str) -> None:
    (trouble,) = missing(look)
    assert what in trouble.what
    assert remedy in trouble.remedy
    assert list(troubles(look, NOW)) == [trouble]


@pytest.mark.parametrize(
    ("look", "what"),
    [
        (QueueLook(depth=EMPTY, waker=waker(status="failed")), "failed when it ran last"),
        (QueueLook(depth=EMPTY, waker=waker(minutes=6)), "has not run since 6 min ago"),
        (
            QueueLook(depth=Depth(waiting=1200, taken=0, oldest=timedelta(hours=3)), waker=waker()),
            "1,200 messages wait, the oldest for 3 h",
        ),
    ],
)
def test_what_has_stopped_to_work_is_told_apart_from_what_is_missing(look: QueueLook, what: str) -> None:
    assert list(missing(look)) == []
    (trouble,) = troubles(look, NOW)
    assert what in trouble.what


@pytest.mark.parametrize("minutes", [None, 4])
def test_a_job_that_is_new_or_was_slow_is_no_trouble(minutes: float | None) -> None:
    assert list(troubles(QueueLook(depth=EMPTY, waker=waker(minutes=minutes)), NOW)) == []


def test_a_run_that_takes_long_is_no_queue_that_waits() -> None:
    look = QueueLook(depth=Depth(waiting=0, taken=3, oldest=timedelta(hours=1)), waker=waker())
    assert list(troubles(look, NOW)) == []


def test_a_queue_that_is_not_there_has_no_depth() -> None:
    look = QueueLook(depth=None, waker=None)
    assert queue_line(look) == ""
    assert queue_object(look)["waiting"] is None
    assert waker_line(None, NOW) == "filled by the job mkt-wake, which has not run yet"
