import threading
from collections.abc import Callable

import pytest

from mkt.engine import pool
from mkt.engine.base import Stop
from mkt.engine.pool import Pool


class Work:
    def __init__(self, name: str, do: Callable[[], object] = lambda: None, seconds: float = 60) -> None:
        self.name = name
        self.do = do
        self.seconds = seconds

    def run(self) -> str:
        self.do()
        return self.name

    def abandon(self) -> str:
        return f"{self.name} abandoned"


def test_every_job_runs_once() -> None:
    names = [str(number) for number in range(500)]
    results = Pool([Work(name) for name in names], 16, Stop()).run()
    assert sorted(results) == sorted(names)


def test_no_more_jobs_at_once_than_workers() -> None:
    running, most = set[int](), [0]
    gate = threading.Barrier(4)

    def together() -> None:
        running.add(threading.get_ident())
        most[0] = max(most[0], len(running))
        gate.wait()

    Pool([Work(str(number), together) for number in range(16)], 4, Stop()).run()
    assert most == [4]


def test_one_that_hangs_is_abandoned_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "GRACE_SECONDS", 0.0)
    hang = threading.Event()
    jobs = [Work("hangs", hang.wait, seconds=0), *(Work(str(number)) for number in range(20))]
    results = Pool(jobs, 1, Stop()).run()
    hang.set()
    assert "hangs abandoned" in results
    assert "hangs" not in results
    assert len(results) == 21


def test_a_job_that_raises_is_a_bug_that_is_told_when_the_others_are_done() -> None:
    done: list[str] = []

    def breaks() -> None:
        raise ZeroDivisionError

    jobs = [Work("breaks", breaks), *(Work(name, lambda name=name: done.append(name)) for name in "abc")]  # type: ignore[misc]
    with pytest.raises(ZeroDivisionError):
        Pool(jobs, 1, Stop()).run()
    assert done == ["a", "b", "c"]


def test_a_stop_starts_nothing_more_and_waits_for_what_runs() -> None:
    stop = Stop()
    jobs = [Work("first", lambda: stop.request("interrupted")), Work("second")]
    assert Pool(jobs, 1, stop).run() == ["first"]
    assert stop.reason == "interrupted"


def test_a_stop_abandons_what_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "GRACE_SECONDS", 0.0)
    stop, hang = Stop(), threading.Event()

    def hangs() -> None:
        stop.request("terminated")
        hang.wait()

    assert Pool([Work("hangs", hangs)], 1, stop).run() == ["hangs abandoned"]
    hang.set()


def test_the_first_reason_of_a_stop_stays() -> None:
    stop = Stop()
    stop.request("terminated")
    stop.request("interrupted")
    assert stop.reason == "terminated"
