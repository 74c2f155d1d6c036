from typing import Any

import pytest
from tests.engine.receiver import Receiver

from mkt.runtime.masking import PROCESS
from mkt.runtime.ping import ping


def _closed() -> str:
    with Receiver() as receiver:
        return receiver.url


def test_a_short_path_is_no_secret_but_the_whole_address_is() -> None:
    address = f"{_closed()}/heartbeat"
    assert ping(address, 1).startswith("no connection")
    assert PROCESS.mask("the heartbeat") == "the heartbeat"
    assert PROCESS.mask(f"GET {address}") == "GET ***"


def test_a_proxy_that_refuses_is_told_from_a_receiver_that_is_not_there(
    partner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner.sends(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    monkeypatch.setenv("HTTPS_PROXY", partner.url)
    monkeypatch.setenv("NO_PROXY", "")
    assert ping("https://hc.example/6f1f2b60", 5) == "the proxy did not let the request through"


def test_a_long_path_is_masked_wherever_it_stands() -> None:
    assert ping(f"{_closed()}/ping/6f1f2b60-4711", 1).startswith("no connection")
    assert PROCESS.mask("GET /ping/6f1f2b60-4711") == "GET /***"
