"""Work for a few threads, and what becomes of it while they are all busy."""

import threading
from functools import partial
from weakref import ref

from mkt.server.threads import DaemonThreads


class Body:
    """Something large."""


def test_what_is_given_up_keeps_nothing_though_no_thread_has_come_upon_it() -> None:
    threads, back, done = DaemonThreads(1, "test"), threading.Event(), list[Body]()
    first = threads.submit(back.wait, 20)
    body = Body()
    kept, left = ref(body), threads.submit(partial(done.append, body))
    del body
    assert kept() is not None
    assert left.cancel()
    assert kept() is None
    assert threads.waiting <= 2
    back.set()
    assert first.result(20)
    assert threads.submit(lambda: 5).result(20) == 5
    assert (done, threads.waiting) == ([], 0)
    threads.shutdown()
