"""uvicorn with our limits: of headers, of the time for them, of connections; and our own way to stop."""

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from mkt.errors import StartError
from mkt.server.application import LARGEST_HEAD, Application

HEADER_SECONDS: Final = 10.0
CONNECTIONS: Final = 1000
KEEP_ALIVE_SECONDS: Final = 5
GRACE_SECONDS: Final = 10
_BACKLOG: Final = 512
_NO_ADDRESS: Final = (
    "Name an address of this machine with --host: 127.0.0.1 for a reverse proxy here, 0.0.0.0 for one elsewhere."
)
_REMEDIES: Final = {
    errno.EADDRINUSE: "Stop what listens there (ss -ltnp tells what it is), or name another port with --port.",
    errno.EACCES: "Below 1024 a port is the system's: leave it to the reverse proxy, and name another with --port.",
}


class GuardedProtocol(H11Protocol):
    """A connection that has no request under way must bring one in time: uvicorn itself waits without end."""

    header_seconds = HEADER_SECONDS
    connections_most = CONNECTIONS

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or hang up where there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.connections_most:
            transport.abort()
        else:
            self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        under_way = bool(self.cycle) and not self.cycle.response_complete
        if under_way:
            self._stop_waiting()
        elif not self.transport.is_closing():
            self._wait()  # also for the rest of a body that nobody asked for

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(self.header_seconds, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


class _Server(uvicorn.Server):
    """A server that stops when it is told to, and leaves signals to the command."""

    def __init__(self, config: uvicorn.Config, stopped: Callable[[], bool]) -> None:
        super().__init__(config)
        self._stopped = stopped

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or self._stopped()


def listen(host: str, port: int) -> socket.socket:
    """Return the bound socket; raise `StartError` where the address cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        remedy = _REMEDIES.get(0 if isinstance(error, socket.gaierror) else error.errno or 0, _NO_ADDRESS)
        raise StartError(f"{host} port {port} cannot be listened on: {why}", remedy=remedy) from None


def serve(application: Application, listening: socket.socket, stopped: Callable[[], bool]) -> None:
    """Serve until `stopped`, then let what has begun come to its end, at most `GRACE_SECONDS`."""
    # A warning for every broken request would be a flood that anybody can send.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        application,
        http=GuardedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        h11_max_incomplete_event_size=LARGEST_HEAD,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        backlog=_BACKLOG,
        loop="asyncio",
    )
    try:
        asyncio.run(_Server(config, stopped).serve(sockets=[listening]))
    finally:
        application.close()
