"""Sockets below httpx: one TLS context per process, checked addresses, and a deadline that nothing drips past."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from functools import cache
from math import inf
from typing import Any, Final

import httpcore
import httpx

from mkt.runtime.clock import Clock

_SLICE: Final = 0.5
"""Seconds after which a wait for the partner looks up to see whether the run is to stop."""
SLOW_SECONDS: Final = 5.0
"""Without an answer for so long, a person would like to know what is being waited for."""
_CONNECTIONS: Final = 4
_tls_lock = threading.Lock()

CheckAddress = Callable[[str, int, str], None]


def tls_context() -> ssl.SSLContext:
    """Return the process's one context: loading the authorities takes longer than most requests."""
    with _tls_lock:
        return _tls_context()


@cache
def _tls_context() -> ssl.SSLContext:
    paths = ssl.get_default_verify_paths()
    if paths.cafile or paths.capath:
        return ssl.create_default_context()
    return httpx.create_ssl_context()


class Patience(threading.local):
    """How long the answer that is being waited for may still take. One request of a thread at a time.

    `slow` is called where nothing was heard `SLOW_SECONDS` after `since`, the beginning of the first try.
    """

    def __init__(self, clock: Clock, slow: Callable[[], None] | None = None) -> None:
        self._clock = clock
        self._slow = slow
        self._slow_at = inf
        self._until = inf
        self._interruptible = True
        self._silence = 0.0

    def start(self, seconds: float, *, interruptible: bool, silence: float = 0.0, since: float | None = None) -> None:
        """Begin an answer. What must not be cut, such as a token that replaces another, runs on through a stop.

        Who answers may be silent for so many seconds, where that is more than the client's own limit.
        """
        self._until = time.monotonic() + min(seconds, self._clock.left)
        self._slow_at = inf if since is None or silence else since + SLOW_SECONDS
        self._interruptible = interruptible
        self._silence = silence

    @property
    def over(self) -> bool:
        return time.monotonic() >= self._until

    def until(self, timeout: float | None) -> float:
        """Return when a single operation has to end, in monotonic seconds."""
        return min(self._until, inf if timeout is None else time.monotonic() + timeout)

    def until_heard(self, timeout: float | None) -> float:
        """Return when a read has to end, in monotonic seconds."""
        return self.until(None if timeout is None else max(timeout, self._silence))

    def heard(self) -> None:
        """Note that the answer has begun."""
        self._slow_at = inf

    def check(self) -> None:
        if self._slow and time.monotonic() >= self._slow_at:
            self._slow_at = inf
            self._slow()
        if self._interruptible:
            self._clock.check()


class _Stream(httpcore.NetworkStream):
    """A socket whose every operation ends by the deadline of the answer that it is lent for."""

    def __init__(self, stream: httpcore.NetworkStream, backend: "_Backend") -> None:
        self._stream = stream
        self._backend = backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        patience = self._backend.patience
        until = patience.until_heard(timeout)
        while (left := until - time.monotonic()) > 0:
            patience.check()
            try:
                found = self._stream.read(max_bytes, min(left, _SLICE))
            except httpcore.ReadTimeout:
                continue
            patience.heard()
            return found
        raise httpcore.ReadTimeout

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        left = self._backend.patience.until(timeout) - time.monotonic()
        if left <= 0:
            raise httpcore.WriteTimeout
        self._stream.write(buffer, left)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = max(self._backend.patience.until(timeout) - time.monotonic(), 0.001)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left), self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.SyncBackend):
    """Connects to the very address that was checked, so that a name cannot change its mind in between."""

    def __init__(self, patience: Patience, check: CheckAddress) -> None:
        self.patience = patience
        self._check = check
        self._connected: set[tuple[str, int, str]] = set()

    def lend(self, patience: Patience, check: CheckAddress) -> None:
        """Keep to the rules of another run from now on; raise as `check` does for an address that is connected."""
        for host, port, address in self._connected:
            check(host, port, address)
        self.patience, self._check = patience, check

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectTimeout()
        for address in self._addresses(host, port):
            left = self.patience.until(timeout) - time.monotonic()
            if left <= 0:
                break
            self.patience.check()
            try:
                stream = super().connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                self._connected.add((host, port, address))
                return _Stream(stream, self)
        raise failure

    def _addresses(self, host: str, port: int) -> list[str]:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            self._check(host, port, address)
        return addresses


class Transport(httpx.HTTPTransport):
    """httpx's own transport around a pool of ours: its constructor has no way to take a network backend.

    It is used without `httpx.Client`, which would keep cookies, parse redirects and read ~/.netrc, whose passwords
    must not be lent to a tenant.
    """

    def __init__(self, pool: httpcore.ConnectionPool, backend: _Backend) -> None:
        self._pool = pool
        self._backend = backend

    def lend(self, patience: Patience, check: CheckAddress) -> None:
        """Keep to the rules of another run from now on; raise as `check` does for an address that is connected."""
        self._backend.lend(patience, check)

    @property
    def has_more(self) -> bool:
        """Tell whether more was read than the answer: whoever sends the next request would take it for its own."""
        connections: list[Any] = list(self._pool.connections)
        return any(each._connection._h11_state.trailing_data[0] for each in connections)  # noqa: SLF001 - httpcore looks at the socket alone


def open_transport(
    url: httpx.URL,
    *,
    proxy: httpx.Proxy | None,
    patience: Patience,
    check: CheckAddress,
    connections: int = _CONNECTIONS,
) -> Transport:
    """Return a transport for the scheme of this URL, by way of a proxy where one is given.

    Behind a proxy it is the proxy that looks names up, so `check` sees no address there.
    """
    context = tls_context() if url.scheme == "https" else None
    backend = _Backend(patience, check if proxy is None else anywhere)
    if proxy is None:
        pool = httpcore.ConnectionPool(ssl_context=context, max_connections=connections, network_backend=backend)
        return Transport(pool, backend)
    pool = httpcore.HTTPProxy(
        str(proxy.url),
        proxy_auth=proxy.raw_auth,
        ssl_context=context,
        proxy_ssl_context=context if proxy.url.scheme == "https" else None,
        max_connections=connections,
        network_backend=backend,
    )
    return Transport(pool, backend)


def anywhere(host: str, port: int, address: str) -> None:
    """Let the operator's own, a proxy or Supabase, be at any address."""
