"""A partner on loopback that answers what a test tells it to, byte for byte where that matters."""

import json
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from mkt.contract import ConnectorConfiguration, Manifest, Origin
from mkt.runtime.factory import Runtime, Runtimes
from mkt.runtime.masking import Masker

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)


@dataclass
class Seen:
    """A request as it came in."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass
class Partner:
    """The server: each request takes the next answer; without one it gets an empty object."""

    requests: list[Seen] = field(default_factory=list)
    answers: deque[Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=deque)
    released: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def says(self, body: Any = None, *, status: int = 200, times: int = 1, **headers: str) -> "Partner":
        raw = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        named = {"content_type": "application/json", "content_length": str(len(raw))} | headers

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in named.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.end_headers()
            handler.wfile.write(raw)

        self.answers.extend([answer] * times)
        return self

    def sends(self, *parts: bytes, pause: float = 0, reset: bool = False) -> "Partner":
        """Write these bytes, each after a pause that the test's end cuts short, then hang up."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            with suppress(OSError):
                for part in parts:
                    self.released.wait(pause)
                    handler.wfile.write(part)
            if reset:
                handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.close_connection = True

        self.answers.append(answer)
        return self


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    partner: Partner

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.partner.requests.append(Seen(self.command, url.path, parse_qsl(url.query), headers, body))
        if not self.partner.answers:
            self.partner.says()
        self.partner.answers.popleft()(self)

    do_POST = do_CONNECT = do_GET  # noqa: N815 - the server's own naming

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that hung up is what some tests are about."""


@pytest.fixture(autouse=True)
def _no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def serve() -> Iterator[Callable[..., Partner]]:
    running: list[tuple[_Server, Partner, threading.Thread]] = []

    def start(context: ssl.SSLContext | None = None) -> Partner:
        partner = Partner(scheme="https" if context else "http")
        server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"partner": partner}))
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        partner.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        running.append((server, partner, thread))
        return partner

    yield start
    for server, partner, thread in running:
        partner.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def partner(serve: Callable[..., Partner]) -> Partner:
    return serve()


def configuration_of(url: str = "", **fields: Any) -> ConnectorConfiguration:
    origin = Origin(
        source=fields.pop("source", "yaml"),
        place="configs/north.yaml:4",
        lines={"settings.base_url": "configs/north.yaml:7"},
    )
    settings = fields.pop("settings", {"base_url": url})
    return ConnectorConfiguration(
        tenant="north", name="roster", connector="acme-hris", settings=settings, origin=origin, **fields
    )


def manifest_of(*hosts: str) -> Manifest:
    return Manifest.model_validate(
        {
            "id": "acme-hris",
            "name": "Acme",
            "category": "hris",
            "description": "Acme HR",
            "docs": "https://acme.example/docs",
            "hosts": hosts or ("*.acme.example",),
            "verify": [{"id": "token", "title": "Token"}],
        }
    )


@dataclass
class Bench:
    """A runtime for the partner's URL, and what came out of it."""

    root: Path
    url: str
    masker: Masker = field(default_factory=Masker)
    waits: list[float] = field(default_factory=list)
    messages: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)
    rotated: list[tuple[str, str]] = field(default_factory=list)
    opened: list[Runtime] = field(default_factory=list)
    now: datetime = NOW
    runtimes: Runtimes | None = None

    def runtime(
        self, *, rotate: Callable[[str, str], None] | None = None, deadline: float | None = None, **given: Any
    ) -> Runtime:
        """Open a runtime; what is given is for `Runtimes`, whose tokens the later runtimes share."""
        if self.runtimes is None or given:
            self.runtimes = Runtimes(self.root, **({"now": lambda: self.now, "wait": self.waits.append} | given))
        runtime = self.runtimes.open(
            configuration_of(self.url),
            manifest_of(),
            masker=self.masker,
            emit=lambda message, level, details: self.messages.append((message, level, details)),
            rotate=rotate or (lambda name, value: self.rotated.append((name, value))),
            deadline=deadline,
        )
        self.opened.append(runtime)
        return runtime


@pytest.fixture
def bench(tmp_path: Path, partner: Partner) -> Iterator[Bench]:
    made = Bench(tmp_path, partner.url)
    yield made
    for runtime in made.opened:
        runtime.close()


@pytest.fixture
def configure() -> Callable[..., ConnectorConfiguration]:
    return configuration_of


@pytest.fixture
def manifest() -> Callable[..., Manifest]:
    return manifest_of
