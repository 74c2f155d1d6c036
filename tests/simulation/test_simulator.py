import http.client
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest

from mkt.simulation import Exchange, Reply, Simulator


def test_a_request_arrives_with_method_query_and_form(partner: Simulator) -> None:
    heard = httpx.post(f"{partner.url}/a%20b?x=1&x=2&y=", data={"name": "Ünal & Co"}).json()
    assert heard["method"] == "POST"
    assert heard["query"] == {"x": "2", "y": ""}
    assert heard["form"] == {"name": "Ünal & Co"}
    (request,) = partner.requests
    assert request.target == "/a%20b?x=1&x=2&y="
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"


def test_one_connection_serves_many_requests(partner: Simulator) -> None:
    connection = http.client.HTTPConnection(urlsplit(partner.url).netloc)
    connection.connect()
    first = connection.sock
    for _ in range(3):
        connection.request("GET", "/")
        assert connection.getresponse().read()
    assert connection.sock is first
    connection.close()


def test_an_answer_to_head_has_no_body_and_one_without_content_no_length(partner: Simulator) -> None:
    with httpx.Client(base_url=partner.url) as client:
        head = client.head("/")
        assert int(head.headers["content-length"]) > 0
        assert head.content == b""
        nothing = client.get("/nothing")
        assert nothing.status_code == 204
        assert "content-length" not in nothing.headers
        assert client.get("/").headers["x-parrot"] == "1"


def test_many_callers_at_once_are_all_answered_and_recorded(partner: Simulator) -> None:
    with httpx.Client(base_url=partner.url) as client, ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda n: client.get("/", params={"n": n}).json()["query"]["n"], range(100)))
    assert sorted(map(int, numbers)) == list(range(100))
    assert len(partner.requests) == 100


def test_a_bug_in_a_simulator_is_printed_and_ends_the_connection(
    partner: Simulator, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{partner.url}/bug")
    assert "KeyError: '/bug'" in capfd.readouterr().err


def test_closing_frees_the_port_and_ends_idle_connections(partner: Simulator) -> None:
    url = partner.url
    with httpx.Client() as client:
        client.get(url)
        partner.close()
        with pytest.raises(httpx.TransportError):
            client.get(url)
    partner.start()
    assert httpx.get(partner.url).status_code == 200


def test_closing_ends_an_answer_that_is_waited_for(partner: Simulator) -> None:
    arrived = threading.Event()

    def hang(exchange: Exchange, answer: Callable[[], Reply]) -> None:
        del answer
        arrived.set()
        exchange.wait(3600)

    partner.inject(hang)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(httpx.get, partner.url, timeout=30)
        assert arrived.wait(10)
        partner.close()
        with pytest.raises(httpx.RemoteProtocolError):
            waiting.result(timeout=10)
    partner.start()


def test_a_simulator_that_does_not_serve_has_no_url(partner: Simulator) -> None:
    with pytest.raises(RuntimeError, match="use it in a `with` statement"):
        _ = type(partner)().url
