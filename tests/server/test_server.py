"""The server: what it lets through, what it stops, and that it stays up whatever comes."""

import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.hooks import INLINE, ROOT, HookRig, until
from tests.server.conftest import Running, Start, received

from mkt.contract import WebhookResponse, uuid7
from mkt.engine.webhooks.inbound import Inbound
from mkt.errors import StartError
from mkt.server import serving
from mkt.server.application import Limits
from mkt.server.serving import listen


def post(running: Running, path: str = ROOT, **given_: Any) -> httpx.Response:
    with httpx.Client(verify=False, timeout=20) as client:  # noqa: S501 - no TLS on loopback
        return client.post(f"http://127.0.0.1:{running.port}{path}", **given_)


def get(running: Running, path: str) -> httpx.Response:
    with httpx.Client(verify=False, timeout=20) as client:  # noqa: S501 - the same
        return client.get(f"http://127.0.0.1:{running.port}{path}")


def deliver(running: Running, name: str = "m1", body: bytes = b"{}") -> httpx.Response:
    arrival = running.rig.signed(name, body)
    return post(running, content=body, headers=dict(arrival.headers))


def request(body: bytes = b"", *lines: str, path: str = ROOT) -> bytes:
    head = [f"POST {path} HTTP/1.1", "host: x", *lines, "connection: close", "", ""]
    return "\r\n".join(head).encode() + body


def test_a_signed_delivery_is_accepted(start: Start) -> None:
    running = start()
    answer = deliver(running)
    assert answer.status_code == 202
    assert answer.json()["delivery"] == running.rig.ledger()[0].id
    assert "server" not in answer.headers


def test_the_connector_gets_the_request_as_it_was_sent(start: Start, tmp_path: Path) -> None:
    rig = HookRig(tmp_path, INLINE)
    rig.hook.handle = lambda _, __: WebhookResponse(200, {"Set-Cookie": "a=b; Secure", "X": "ü"}, b"\x00\xff")
    running = start(rig=rig)
    answer = post(running, f"{ROOT}/a%20b?x=1&x=%C3%BC", content=b"\x00\xfe", headers={"Cookie": "c=d"})
    (seen,) = rig.hook.requests
    assert (seen.method, seen.path, dict(seen.query), seen.body) == ("POST", "a b", {"x": ["1", "ü"]}, b"\x00\xfe")
    assert seen.headers["cookie"] == "c=d"
    assert (answer.content, answer.headers["set-cookie"]) == (b"\x00\xff", "a=b; Secure")


@pytest.mark.parametrize(("path", "status"), [("/healthz", 200), ("/readyz", 200), ("/", 404), ("/hooks", 404)])
def test_other_paths(start: Start, path: str, status: int) -> None:
    assert get(start(), path).status_code == status


def test_ready_says_why_it_is_not(start: Start) -> None:
    running = start()
    running.rig.store.close()
    answer = get(running, "/readyz")
    assert (answer.status_code, answer.json()) == (503, {"error": "the store cannot be written"})
    assert get(running, "/healthz").status_code == 200


@pytest.mark.parametrize("trusted", ["127.0.0.0/8", "10.0.0.0/8"])
def test_what_a_proxy_says_is_believed_of_a_trusted_one_only(start: Start, tmp_path: Path, trusted: str) -> None:
    rig = HookRig(tmp_path, INLINE)
    running = start(rig=rig, trusted=(ip_network(trusted),))
    post(running, headers={"X-Forwarded-For": "192.0.2.1", "Forwarded": "for=192.0.2.1", "X-Real-IP": "192.0.2.1"})
    said = [name for name in rig.hook.requests[0].headers if "forward" in name or "real" in name]
    assert len(said) == (3 if trusted.startswith("127") else 0)


# --- too much, too slow, too many


def test_a_body_that_says_it_is_too_large_is_not_even_read(start: Start) -> None:
    running = start()
    said = running.send(request(b"", "content-length: 100000000"))
    assert said.startswith(b"HTTP/1.1 413 ")
    assert b'"error":"too large"' in said
    assert deliver(running).status_code == 202


def test_a_hundred_megabytes_without_a_length_are_cut_off(start: Start) -> None:
    running = start()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with closing(running.connect()) as connection:
        connection.sendall(request(b"", "transfer-encoding: chunked"))
        chunk, sent = b"%x\r\n%s\r\n" % (65536, b"x" * 65536), 0
        try:
            while sent < 1600:
                connection.sendall(chunk)
                sent += 1
        except OSError:
            pass
        said = received(connection)
    assert sent < 400
    assert said.startswith((b"HTTP/1.1 413 ", b""))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000
    assert deliver(running).status_code == 202
    assert [entry.status for entry in running.rig.ledger()][-1] == 202


@pytest.mark.parametrize("length", ["-1", "abc", "1e9", "9" * 400])
def test_a_length_that_is_none_is_refused(start: Start, length: str) -> None:
    assert start().send(request(b"", f"content-length: {length}"))[9:12] in (b"400", b"413")


def test_a_body_that_never_comes_is_waited_for_only_so_long(start: Start) -> None:
    running = start(limits=Limits(body_seconds=0.2))
    said = running.send(request(b"x", "content-length: 10"))
    assert said.startswith(b"HTTP/1.1 408 ")
    running.inbound.stop(1)
    assert "had not arrived" in running.rig.ledger()[0].reason


def test_headers_that_trickle_in_are_waited_for_only_so_long(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving.GuardedProtocol, "header_seconds", 0.3)
    running = start()
    slow = [running.connect() for _ in range(20)]
    for connection in slow:
        connection.sendall(b"POST /hooks/a/b HTTP/1.1\r\nhost: x\r\nx-slow: ")
    assert deliver(running).status_code == 202
    assert [received(connection) for connection in slow] == [b""] * 20
    for connection in slow:
        connection.close()


def test_a_second_request_that_trickles_in_is_not_waited_for_either(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving.GuardedProtocol, "header_seconds", 0.3)
    with closing(start().connect()) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        said = b""
        while not said.endswith(b'{"status":"ok"}\n'):
            said += connection.recv(65536)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nx-slow: ")
        assert received(connection) == b""


def test_the_rest_of_a_body_that_nobody_wants_is_not_waited_for_either(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving.GuardedProtocol, "header_seconds", 0.3)
    with closing(start().connect()) as connection:
        connection.sendall(b"POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"x")
        received(connection)


def test_bodies_together_take_no_more_memory_than_is_meant_for_them(start: Start) -> None:
    running = start(limits=Limits(bytes_together=50_000))
    assert deliver(running, "large", b'{"a": "%s"}' % (b"x" * 60_000)).status_code == 503
    for number in range(5):
        assert deliver(running, f"m{number}", b'{"a": "%s"}' % (b"x" * 40_000)).status_code == 202


@pytest.mark.parametrize("path", [ROOT, "/healthz"])
def test_a_request_with_two_lengths_is_refused_and_hung_up_on(start: Start, path: str) -> None:
    both = ("content-length: 5", "transfer-encoding: chunked")
    said = start().send(request(b"0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", *both, path=path))
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "lines",
    [
        ["content-length: 2", "content-length: 3"],
        ["transfer-encoding: gzip"],
        ["transfer-encoding: chunked, identity"],
        ["transfer-encoding: chunked"],  # its first chunk is none
        ["content-length: " + "9" * 5000],
    ],
)
def test_a_body_whose_end_is_not_clear_is_not_taken(start: Start, lines: list[str]) -> None:
    running = start()
    assert running.send(request(b"zz\r\n", *lines))[9:12] in (b"400", b"413", b"501")
    assert deliver(running).status_code == 202
    assert [entry.verdict for entry in running.rig.ledger()] in (["received"], ["handled"])


@pytest.mark.parametrize(
    "path",
    [
        "//hooks/acme/roster",
        "/hooks//acme/roster",
        "/hooks/acme%2froster",
        "/hooks/x/../acme/roster",
        "/hooks/ACME/roster",
    ],
)
def test_a_path_that_is_written_in_another_way_leads_nowhere(start: Start, path: str) -> None:
    running = start()
    headers = dict(running.rig.signed().headers)
    lines = [f"{name}: {value}" for name, value in headers.items()]
    assert running.send(request(b"{}", "content-length: 2", *lines, path=path))[9:12] in (b"403", b"404")


def test_headers_without_end_are_cut_off(start: Start) -> None:
    running = start()
    said = running.send(request(b"", f"x-long: {'x' * 200_000}"))
    assert said[9:12] in (b"400", b"431", b"")
    assert deliver(running).status_code == 202


@pytest.mark.parametrize(("path", "line"), [(ROOT, f"x-long: {'x' * 32_768}"), (f"{ROOT}?q={'x' * 32_768}", "x: y")])
def test_a_large_head_that_comes_at_once_is_not_taken_either(start: Start, path: str, line: str) -> None:
    running = start()
    said = running.send(request(b"", line, "content-length: 0", path=path))
    assert said.startswith(b"HTTP/1.1 431 ")
    assert b"connection: close" in said.lower()
    assert running.rig.ledger() == []


def test_more_connections_than_are_allowed_are_hung_up_on(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving.GuardedProtocol, "connections_most", 5)
    running = start()
    many = [running.connect() for _ in range(5)]
    with closing(running.connect()) as one_more:
        assert received(one_more) == b""
    for connection in many:
        connection.close()


def test_whoever_comes_while_all_are_busy_is_told_to_come_again(start: Start, tmp_path: Path) -> None:
    stuck, began = threading.Event(), threading.Event()
    rig = HookRig(tmp_path, INLINE)
    rig.hook.handle = lambda _, __: WebhookResponse(200 if began.set() or stuck.wait(20) else 500)  # type: ignore[func-returns-value]
    running = start(rig=rig, limits=Limits(at_once=1, waiting=0))
    first = threading.Thread(target=post, args=[running])
    first.start()
    assert began.wait(10)
    answer = post(running)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    stuck.set()
    first.join()


def test_an_answer_that_a_hanging_store_keeps_back_is_to_come_again(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start(limits=Limits(at_once=1, answer_seconds=0.3, ready_seconds=0.1))
    back, store, fetched = threading.Event(), running.rig.store, running.rig.hook.requests
    add = store.add_deliveries
    monkeypatch.setattr(store, "add_deliveries", lambda many: add(many) if back.wait(20) else [])
    for name in ("m1", "m2"):  # the second one finds no thread and is not begun
        answer = deliver(running, name)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert get(running, "/readyz").status_code == 503
    assert get(running, "/healthz").status_code == 200
    back.set()
    until(lambda: fetched)
    assert [deliver(running, name).status_code for name in ("m1", "m2")] == [202, 202]
    until(lambda: len(fetched) == 2)


def test_however_often_a_hanging_store_is_asked_for_it_keeps_one_thread(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start(limits=Limits(at_once=2, waiting=0, ready_seconds=0.02))
    back, asked = threading.Event(), list[int]()
    monkeypatch.setattr(Inbound, "not_ready", lambda _: asked.append(1) or ("" if back.wait(20) else "no"))
    assert [get(running, "/readyz").status_code for _ in range(10)] == [503] * 10
    assert asked == [1]
    assert deliver(running).status_code == 202
    back.set()
    until(lambda: get(running, "/readyz").status_code == 200)


def test_what_is_still_in_work_counts_though_it_was_answered(start: Start, tmp_path: Path) -> None:
    stuck, rig = threading.Event(), HookRig(tmp_path, INLINE)
    rig.hook.handle = lambda _, __: WebhookResponse(200 if stuck.wait(20) else 500)
    running = start(rig=rig, limits=Limits(at_once=2, waiting=0, answer_seconds=0.2))
    assert [post(running).status_code for _ in range(3)] == [503, 503, 503]
    assert len(rig.hook.requests) == 2
    stuck.set()
    until(lambda: post(running).status_code == 200)


def test_a_flood_of_bad_signatures_leaves_memory_and_ledger_flat(start: Start) -> None:
    running = start()
    bad = request(b"{}", "content-length: 2", "webhook-id: m", "webhook-timestamp: 1", "webhook-signature: v1,x")
    for _ in range(50):
        running.send(bad)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(500):
        assert running.send(bad).startswith(b"HTTP/1.1 403 ")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000
    running.inbound.stop(1)
    assert len(running.rig.ledger()) < 50
    assert sum(entry.count for entry in running.rig.ledger()) == 550


# --- whatever comes


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for many examples."""
    rig = HookRig(tmp_path_factory.mktemp("fuzz"))
    listening, stop = listen("127.0.0.1", 0), threading.Event()
    with ExitStack() as stack:
        inbound = stack.enter_context(rig.inbound(workers=1))
        application = serving.Application(inbound, limits=Limits(body_seconds=0.5))
        thread = threading.Thread(target=serving.serve, args=[application, listening, stop.is_set])
        port = listening.getsockname()[1]
        thread.start()
        stack.callback(thread.join, 20)
        stack.callback(stop.set)
        yield Running(rig, port, inbound, stop)


_HEADER = st.text(st.characters(min_codepoint=1, max_codepoint=255, exclude_characters="\r\n"), max_size=60)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(_HEADER, max_size=4), values=st.lists(_HEADER, max_size=4), path=_HEADER, body=st.binary())
def test_fuzzed_requests_never_bring_it_down(
    fuzzed: Running, names: list[str], values: list[str], path: str, body: bytes
) -> None:
    lines = [f"{name}: {value}" for name, value in zip(names, values, strict=False)]
    head = "\r\n".join([f"POST {ROOT}/{path} HTTP/1.1", "host: x", f"content-length: {len(body)}", *lines, "", ""])
    with closing(fuzzed.connect()) as connection:
        connection.sendall(head.encode("latin-1") + body)
        connection.shutdown(socket.SHUT_WR)
        said = received(connection)
    assert not said or said[9:12] not in (b"500", b"202")
    assert deliver(fuzzed, f"after-{uuid7()}").status_code == 202


@settings(max_examples=40, deadline=None)
@given(raw=st.binary(min_size=1, max_size=300))
def test_what_is_no_http_at_all_never_brings_it_down(fuzzed: Running, raw: bytes) -> None:
    with closing(fuzzed.connect()) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        received(connection)
    assert get(fuzzed, "/healthz").status_code == 200


def test_a_taken_port_is_said_with_what_to_do() -> None:
    with listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(StartError) as caught:
            listen("127.0.0.1", port)
    assert str(port) in caught.value.message
    assert "--port" in caught.value.remedy


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_an_address_that_is_not_ours_is_said_with_those_that_are(host: str) -> None:
    with pytest.raises(StartError) as caught:
        listen(host, 0)
    assert host in caught.value.message
    assert "--host" in caught.value.remedy


def test_a_connector_that_hangs_does_not_keep_the_server_from_its_end(start: Start, tmp_path: Path) -> None:
    stuck, began = threading.Event(), threading.Event()
    rig = HookRig(tmp_path, INLINE)
    rig.hook.handle = lambda _, __: WebhookResponse(200 if began.set() or stuck.wait(60) else 500)  # type: ignore[func-returns-value]
    running = start(rig=rig)
    with closing(running.connect()) as connection:
        connection.sendall(request())
        assert began.wait(10)
    alive = [each for each in threading.enumerate() if each.name == "mkt-serve"]
    assert alive
    assert all(each.daemon for each in alive)
    stuck.set()


def test_whoever_still_waits_at_a_stop_is_told_to_come_again(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "GRACE_SECONDS", 0)
    stuck, began = threading.Event(), threading.Event()
    rig = HookRig(tmp_path, INLINE)
    rig.hook.handle = lambda _, __: WebhookResponse(200 if began.set() or stuck.wait(20) else 500)  # type: ignore[func-returns-value]
    running = start(rig=rig)
    with closing(running.connect()) as connection:
        connection.sendall(request())
        assert began.wait(10)
        running.stop.set()
        said = received(connection)
    stuck.set()
    assert said.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 30" in said


def test_an_answer_without_content_has_none(start: Start, tmp_path: Path) -> None:
    rig = HookRig(tmp_path, INLINE)
    rig.hook.handle = lambda _, __: WebhookResponse(204, body=b"nothing")
    assert b"content-length" not in start(rig=rig).send(request())
