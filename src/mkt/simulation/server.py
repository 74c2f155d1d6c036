"""HTTP/1.1 on a free loopback port: one daemon thread for the server, one for each connection."""

import socket
import struct
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from mkt.simulation.exchange import Exchange, Reply, Request

_POLL_SECONDS: Final = 0.02
_CLOSE_SECONDS: Final = 5
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_BODILESS: Final = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class Server:
    """Serves from construction to `close`."""

    def __init__(self, serve: Callable[[Exchange], None]) -> None:
        self._tcp = _TcpServer(serve)
        self._thread = threading.Thread(
            target=self._tcp.serve_forever, args=(_POLL_SECONDS,), name="simulator", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._tcp.server_address[1]}"

    def close(self) -> None:
        """Stop accepting, wake what waits, end the connections and free the port."""
        self._tcp.closing.set()
        self._tcp.shutdown()
        self._tcp.end_connections()
        self._tcp.server_close()
        self._thread.join()


class _TcpServer(ThreadingTCPServer):
    # Not http.server's own server: that one asks the name service for the host's name.
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, serve: Callable[[Exchange], None]) -> None:
        self.serve = serve
        self.closing = threading.Event()
        self._open: set[Any] = set()
        self._changed = threading.Condition()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        # No orderly shutdown first: its FIN would come before the RST of a fault.
        request.close()
        with self._changed:
            self._open.discard(request)
            self._changed.notify_all()

    def end_connections(self) -> None:
        with self._changed:
            for connection in self._open:
                _wake(connection)
            self._changed.wait_for(lambda: not self._open, _CLOSE_SECONDS)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over a client that hung up; print what is a bug in the simulator."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def _wake(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the client was faster


class _Handler(BaseHTTPRequestHandler):
    """One connection, which serves one request after the other."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _TcpServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing: `Simulator.requests` is the log."""

    def _serve(self) -> None:
        url = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=url.path,
            query=dict(parse_qsl(url.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
            target=self.path,
        )
        self.server.serve(_Exchange(self, request))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815 - the base class looks for these


class _Exchange:
    """An `Exchange` over the connection that its request came on."""

    def __init__(self, handler: _Handler, request: Request) -> None:
        self.request = request
        self._handler = handler

    def send(self, reply: Reply) -> None:
        self.send_head(reply)
        if self.request.method != "HEAD" and reply.status not in _BODILESS:
            self.write(reply.body)

    def send_head(self, reply: Reply) -> None:
        self._handler.send_response(reply.status)
        for name, value in reply.headers.items():
            self._handler.send_header(name, value)
        if reply.status not in _BODILESS:
            self._handler.send_header("Content-Length", str(len(reply.body)))
        self._handler.end_headers()

    def write(self, part: bytes) -> None:
        self._handler.wfile.write(part)
        self._handler.wfile.flush()

    def hang_up(self, *, reset: bool = False) -> None:
        if reset:
            self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._handler.close_connection = True

    def wait(self, seconds: float) -> None:
        if self._handler.server.closing.wait(seconds):
            raise ConnectionAbortedError("the simulator is closed")
