"""The change feed while many write: who follows it by `since_seq` misses nothing that is committed late."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.store.conftest import Clock, Opener, Syncs, gone, row

from mkt.store.base import Batch, Key, Store

_WRITERS = 8
_RUNS = 5


def test_who_follows_the_feed_of_eight_writers_misses_nothing(open_store: Opener, clock: Clock) -> None:
    stores = [open_store() for _ in range(_WRITERS)]
    done = threading.Event()
    with ThreadPoolExecutor(_WRITERS + 1) as threads:
        following = threads.submit(_follow, open_store(), done)
        writing = [threads.submit(_write, Syncs(one, clock, Key(f"t{n}", f"i{n}"))) for n, one in enumerate(stores)]
        try:
            for one in writing:
                one.result()
        finally:
            done.set()
        followed = following.result()
    assert followed == _read(stores[0], 0)[0]
    assert len(followed) == _WRITERS * 40


def _write(syncs: Syncs) -> None:
    for run in range(_RUNS):
        writer = syncs.open()
        for start in range(0, 40, 10):
            writer.write(Batch(rows=[row(f"{n}", f"in run {run}") for n in range(start, start + 10)]))
        writer.write(Batch(rows=[gone(f"{run}")]))
        writer.promote(syncs.clock.now())


def _follow(store: Store, done: threading.Event) -> dict[tuple[Key, str], Any]:
    known: dict[tuple[Key, str], Any] = {}
    last = 0
    while not done.is_set():
        found, last = _read(store, last)
        known |= found
    return known | _read(store, last)[0]


def _read(store: Store, last: int) -> tuple[dict[tuple[Key, str], Any], int]:
    found = {}
    for record in store.records(since_seq=last):
        found[record.key, record.external_id] = (record.seq, record.data, record.deleted)
        last = record.seq
    return found, last
