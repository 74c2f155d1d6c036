"""Idle connections, which one run leaves to the next."""

import gc
import threading
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from mkt.errors import ConfigError, TransientError
from mkt.runtime.clock import Clock
from mkt.runtime.connections import IDLE_SECONDS, Connections, Place
from mkt.runtime.transport import CheckAddress, Patience, Transport, anywhere


@pytest.fixture
def callers(partner: Any) -> list[tuple[str, int]]:
    """Return the list of the addresses that the partner was called from, one for each request."""
    seen: list[tuple[str, int]] = []

    def answer(handler: Any) -> None:
        seen.append(handler.client_address)
        partner.says(times=1)
        partner.answers.pop()(handler)

    partner.answers.extend([answer] * 20)
    return seen


def test_a_run_goes_on_with_the_connection_of_the_one_before(bench: Any, partner: Any, callers: list[Any]) -> None:
    for _ in range(3):
        with bench.runtime() as runtime:
            runtime.http.get(partner.url)
    assert len(callers) == 3
    assert len(set(callers)) == 1


def test_two_runs_at_once_have_a_connection_each(bench: Any, partner: Any, callers: list[Any]) -> None:
    with bench.runtime() as one, bench.runtime() as other:
        one.http.get(partner.url)
        other.http.get(partner.url)
        one.http.get(partner.url)
    assert callers[0] == callers[2] != callers[1]


def test_a_connection_that_failed_is_left_to_nobody(bench: Any, partner: Any, callers: list[Any]) -> None:
    with bench.runtime(wait=lambda _seconds: None) as runtime:
        runtime.http.get(partner.url)
        partner.answers.clear()
        for _ in range(5):
            partner.sends(b"no HTTP\r\n\r\n")
        with pytest.raises(TransientError):
            runtime.http.get(partner.url)
    partner.answers.clear()
    with bench.runtime() as runtime:
        assert runtime.http.get(partner.url).status == 200
    assert len(callers) == 1


def test_what_the_partner_has_closed_is_opened_anew(bench: Any, partner: Any) -> None:
    def answer(handler: Any) -> None:
        partner.says()
        partner.answers.pop()(handler)
        handler.close_connection = True

    partner.answers.append(answer)
    with bench.runtime() as runtime:
        runtime.http.get(partner.url)
    with bench.runtime() as runtime:
        assert runtime.http.get(partner.url).status == 200
    assert len(partner.requests) == 2


def test_what_must_not_be_sent_twice_goes_by_no_connection_that_another_run_has_left(
    bench: Any, partner: Any, callers: list[Any]
) -> None:
    for method in ("GET", "POST", "GET"):
        with bench.runtime() as runtime:
            runtime.http.request(method, partner.url)
    assert callers[1] != callers[0] == callers[2]


def test_what_comes_behind_an_answer_is_nobodys_answer(bench: Any, partner: Any) -> None:
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"n":%d}'
    partner.answers.append(lambda handler: handler.wfile.write(answer % 1 + answer % 2))
    with bench.runtime() as runtime:
        assert runtime.http.get(partner.url).json() == {"n": 1}
    partner.says({"n": 3})
    with bench.runtime() as runtime:
        assert runtime.http.get(partner.url).json() == {"n": 3}


def test_a_run_that_is_closed_while_its_answer_ends_leaves_its_connection(
    bench: Any, partner: Any, callers: list[Any]
) -> None:
    class ClosedMeanwhile(dict[Any, Any]):
        def __setitem__(self, place: Any, transport: Any) -> None:
            runtime.close()
            super().__setitem__(place, transport)

    runtime = bench.runtime()
    runtime.http._transports = ClosedMeanwhile()
    runtime.http.get(partner.url)
    with bench.runtime() as after:
        after.http.get(partner.url)
    assert callers[0] == callers[1]


def refused(host: str, port: int, address: str) -> None:
    raise ConfigError(f"{host}:{port} leads to {address}", remedy="", code="config.host_refused")


def taken_twice(url: httpx.URL, proxy: httpx.Proxy | None, check: CheckAddress) -> tuple[Transport, Transport]:
    """Return the transport that a request was sent by, and the one that a run with this check gets after it."""
    connections = Connections()
    patience = Patience(Clock(lambda: datetime.now(UTC), stop=threading.Event()))
    patience.start(30, interruptible=True)
    with closing(connections.take(url, proxy, patience, anywhere)) as first:
        with closing(first.handle_request(httpx.Request("GET", url))) as response:
            response.read()
        connections.give_back(Place.of(url, proxy), first)
        with closing(connections.take(url, proxy, patience, check)) as second:
            return first, second


def test_an_address_that_one_run_may_call_is_checked_again_for_the_next(partner: Any) -> None:
    first, second = taken_twice(httpx.URL(partner.url), None, anywhere)
    assert second is first
    first, second = taken_twice(httpx.URL(partner.url), None, refused)
    assert second is not first


def test_a_proxy_in_the_operators_own_network_is_as_good_for_the_next_run(partner: Any) -> None:
    first, second = taken_twice(httpx.URL("http://hr.example/"), httpx.Proxy(partner.url), refused)
    assert second is first


class _Opened:
    """`Connections` under a clock of the test, and a transport that stands for an idle one."""

    def __init__(self, url: str) -> None:
        self.now = 0.0
        self.connections = Connections(monotonic=lambda: self.now)
        self.url = httpx.URL(url)

    def take(self, check: Any = anywhere) -> Transport:
        return self.connections.take(self.url, None, None, check)  # type: ignore[arg-type] - nothing is sent

    def give_back(self, transport: Transport) -> None:
        self.connections.give_back(Place.of(self.url, None), transport)


@pytest.fixture
def opened() -> _Opened:
    return _Opened("https://hr.example/people")


def test_what_was_idle_for_too_long_is_not_used(opened: _Opened) -> None:
    old = opened.take()
    opened.give_back(old)
    opened.now = IDLE_SECONDS / 2
    assert opened.take() is old
    opened.give_back(old)
    opened.now += IDLE_SECONDS
    assert opened.take() is not old


def test_each_origin_has_its_own(opened: _Opened) -> None:
    mine = opened.take()
    opened.give_back(mine)
    for other in ("https://hr.example:8443/people", "https://crm.example/people", "http://hr.example/people"):
        opened.url = httpx.URL(other)
        assert opened.take() is not mine


def test_a_proxys_credentials_keep_connections_apart() -> None:
    url = httpx.URL("https://hr.example/")
    places = {Place.of(url, httpx.Proxy(text)) for text in ("http://a:1@proxy:3128", "http://b:2@proxy:3128")}
    assert len({*places, Place.of(url, None)}) == 3


def test_a_proxys_password_is_not_shown() -> None:
    place = Place.of(httpx.URL("https://hr.example/"), httpx.Proxy("http://ann:hunter2@proxy:3128"))
    assert "hunter2" not in repr(place)


def test_only_so_many_are_kept(opened: _Opened) -> None:
    taken = [opened.take() for _ in range(80)]
    for transport in taken:
        opened.give_back(transport)
    again = {opened.take() for _ in range(80)}
    assert len(again & set(taken)) == 64


def test_the_last_ones_are_closed_with_what_keeps_them(bench: Any, partner: Any) -> None:
    hung_up = threading.Event()

    def answer(handler: Any) -> None:
        partner.says()
        partner.answers.pop()(handler)
        if handler.connection.recv(1) == b"":
            hung_up.set()

    partner.answers.append(answer)
    with bench.runtime() as runtime:
        runtime.http.get(partner.url)
    assert not hung_up.is_set()
    bench.opened.clear()
    bench.runtimes = None
    del runtime
    gc.collect()
    assert hung_up.wait(10)
