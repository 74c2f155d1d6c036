"""A way to the local Supabase that notes what is asked and what is answered, whoever asks: also other processes."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import httpx

_OF_ONE_CONNECTION = {"connection", "content-encoding", "content-length", "date", "server", "transfer-encoding"}


@dataclass(frozen=True)
class Asked:
    """One request and its answer, both as text. `what` is a function's or a table's name."""

    method: str
    what: str
    query: str
    body: str
    answer: str

    @property
    def given(self) -> Any:
        return json.loads(self.body) if self.body else {}

    @property
    def request(self) -> str:
        return f"{self.method} {self.what}?{self.query} {self.body}"


class Recorder(ThreadingHTTPServer):
    """Hands on to Supabase what comes to a port of its own."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = url
        self.http = httpx.Client(trust_env=False, timeout=60)
        self._asked: list[Asked] = []
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def note(self, asked: Asked) -> None:
        with self._lock:
            self._asked.append(asked)

    def take(self) -> list[Asked]:
        """Return what was asked since the last time."""
        with self._lock:
            asked, self._asked = self._asked, []
        return asked

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that has gone."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Recorder

    def _hand_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        headers["accept-encoding"] = "identity"
        answer = self.server.http.request(self.command, self.server.target + self.path, content=body, headers=headers)
        parts = urlsplit(self.path)
        what = parts.path.removeprefix("/rest/v1/").removeprefix("rpc/")
        self.server.note(Asked(self.command, what, parts.query, body.decode(), answer.text))
        self.send_response_only(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in _OF_ONE_CONNECTION:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.content)

    do_GET = do_POST = do_PATCH = do_DELETE = do_HEAD = _hand_on  # noqa: N815 - the names that it looks for

    def log_message(self, format: str, *given: Any) -> None:  # noqa: A002 - its own name
        """Be quiet."""


@contextmanager
def recording(url: str) -> Iterator[Recorder]:
    with Recorder(url) as recorder:
        serving = threading.Thread(target=recorder.serve_forever, daemon=True)
        serving.start()
        try:
            yield recorder
        finally:
            recorder.shutdown()
            serving.join()
            recorder.http.close()
