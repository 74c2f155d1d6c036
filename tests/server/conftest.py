"""The server in this process, on a free port, with the engine of `tests.engine.hooks` behind it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.engine.hooks import HookRig

from mkt.engine.webhooks.inbound import Inbound
from mkt.server.application import Application, Limits
from mkt.server.serving import listen, serve

SECONDS = 20


@dataclass(frozen=True)
class Running:
    """A running server."""

    rig: HookRig
    port: int
    inbound: Inbound
    stop: threading.Event

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def send(self, raw: bytes) -> bytes:
        """Send bytes and return everything that comes back until the server hangs up."""
        with closing(self.connect()) as connection:
            connection.sendall(raw)
            return received(connection)


def received(connection: socket.socket) -> bytes:
    """Return what comes until the server hangs up, rudely or not."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def started(*, rig: HookRig | None = None, limits: Limits | None = None, trusted: Any = ()) -> Running:
            rig = rig or HookRig(tmp_path)
            inbound = stack.enter_context(rig.inbound(workers=1))
            listening, stop = listen("127.0.0.1", 0), threading.Event()
            application = Application(inbound, limits=limits, trusted=trusted)
            thread = threading.Thread(target=serve, args=[application, listening, stop.is_set])
            port: int = listening.getsockname()[1]
            thread.start()
            stack.callback(thread.join, SECONDS)
            stack.callback(stop.set)
            return Running(rig, port, inbound, stop)

        yield started
