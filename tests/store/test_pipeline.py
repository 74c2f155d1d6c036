"""Pieces of work that are done one after the other while their caller goes on."""

import threading
from functools import partial

import pytest

from mkt.errors import LeaseLost, StoreError
from mkt.store.pipeline import Pipeline

SECONDS = 30


def test_pieces_are_done_in_their_order_one_at_a_time() -> None:
    running, most, done = threading.Semaphore(1), list[int](), list[int]()
    pipeline = Pipeline()

    def work(number: int) -> None:
        assert running.acquire(blocking=False)
        most.append(number)
        done.append(number)
        running.release()

    for number in range(200):
        pipeline.put(partial(work, number))
    pipeline.settle()
    assert done == list(range(200))


def test_a_piece_is_begun_before_it_is_waited_for() -> None:
    begun, goes_on = threading.Event(), threading.Event()
    pipeline = Pipeline()

    def work() -> None:
        begun.set()
        assert goes_on.wait(SECONDS)

    pipeline.put(work)
    assert begun.wait(SECONDS)
    goes_on.set()
    pipeline.settle()


@pytest.mark.parametrize("error", [StoreError("away"), LeaseLost("northwind/roster"), KeyError("a bug")])
def test_what_a_piece_raises_is_raised_by_every_later_call_and_no_other_is_begun(error: Exception) -> None:
    def fails() -> None:
        raise error

    pipeline, done = Pipeline(), list[int]()
    pipeline.put(fails)
    for call in (pipeline.settle, partial(pipeline.put, partial(done.append, 1)), pipeline.settle):
        with pytest.raises(type(error)) as raised:
            call()
        assert raised.value is error
    assert done == []


def test_no_thread_is_left_when_all_is_settled() -> None:
    pipeline = Pipeline()
    pipeline.put(lambda: None)
    pipeline.settle()
    assert "mkt-batch" not in [thread.name for thread in threading.enumerate()]


def test_a_piece_is_done_by_the_caller_where_no_thread_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(thread: threading.Thread) -> None:
        del thread
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none)
    pipeline, done = Pipeline(), list[int]()
    pipeline.put(partial(done.append, 1))
    assert done == [1]
    pipeline.put(partial(done.append, 2))
    pipeline.settle()
    assert done == [1, 2]


def test_a_thread_that_ends_without_having_done_its_piece_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline, done = Pipeline(), list[int]()
    with monkeypatch.context() as patched:
        patched.setattr(Pipeline, "_do", lambda *_: None)
        pipeline.put(partial(done.append, 1))
    with pytest.raises(RuntimeError, match="no end"):
        pipeline.settle()
    with pytest.raises(RuntimeError, match="no end"):
        pipeline.put(partial(done.append, 2))
    assert done == []
