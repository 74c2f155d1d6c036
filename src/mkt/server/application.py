"""The ASGI application: an HTTP request becomes an `Arrival`, an `Answer` becomes an HTTP response.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Final

from mkt.engine.webhooks.arrival import ROOT, Answer, Arrival, answer_json
from mkt.engine.webhooks.inbound import Inbound
from mkt.server.threads import DaemonThreads

LARGEST_BODY: Final = 1_000_000
"""Bytes."""
LARGEST_HEAD: Final = 32_768
"""Bytes of the address and the headers."""
BODY_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 20.0
"""From a whole request to its answer, of which a connector that answers by itself has 15.

Whoever is told to come again finds what was done nevertheless: a repeated delivery is known.
"""
READY_SECONDS: Final = 5.0
AT_ONCE: Final = 64
"""Requests that the engine works on at a time."""
WAITING: Final = 448
"""Requests that wait for it; whoever comes then is told to come again."""
BYTES_TOGETHER: Final = 64_000_000
"""Of all bodies that are being read or wait: anybody can send them."""
_WITHOUT_BODY: Final = (204, 304)
_HEALTH: Final = ("/healthz", "/readyz")
_FORWARDED: Final = ("forwarded", "x-forwarded-", "x-real-ip")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Networks = tuple[IPv4Network | IPv6Network, ...]


class _BodyError(Exception):
    """A body that is not read to its end."""

    def __init__(self, status: int, error: Any, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.error = error
        self.reason = reason


class _GoneError(Exception):
    """Whoever asked has hung up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may take; smaller in tests."""

    body_bytes: int = LARGEST_BODY
    bytes_together: int = BYTES_TOGETHER
    body_seconds: float = BODY_SECONDS
    answer_seconds: float = ANSWER_SECONDS
    ready_seconds: float = READY_SECONDS
    at_once: int = AT_ONCE
    waiting: int = WAITING


class Application:
    """Translates, and decides nothing but what may not even reach the engine: too large, too slow, too many."""

    def __init__(self, inbound: Inbound, *, trusted: Networks = (), limits: Limits | None = None) -> None:
        self._inbound = inbound
        self._trusted = trusted
        self._limits = limits or Limits()
        self._threads = DaemonThreads(self._limits.at_once, "mkt-serve")
        self._lock = threading.Lock()
        self._look: Future[str] | None = None
        self._busy = 0
        self._bytes = 0

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError(scope["type"])  # neither lifespan nor websocket is offered
        path = scope["raw_path"].decode("latin-1")
        try:
            if _has_two_lengths(scope["headers"]):
                await _send(send, answer_json(400, error="two lengths"), close=True)
            elif _head_bytes(scope) > LARGEST_HEAD:
                await _send(send, answer_json(431, error="too large"), close=True)
            elif path.startswith(ROOT):
                await self._deliver(scope, receive, send)
            else:
                await _send(send, await self._other(path))
        except _GoneError:
            return

    def close(self) -> None:
        """Let the threads end; nothing is asked any more."""
        self._threads.shutdown()

    async def _other(self, path: str) -> Answer:
        if path not in _HEALTH:
            return answer_json(404, error="there is nothing here")
        problem = await self._problem() if path == "/readyz" else ""
        return answer_json(503, error=problem) if problem else answer_json(200, status="ok")

    async def _problem(self) -> str:
        """Return what keeps us from working; all who ask at a time share one look, however long that takes."""
        if self._look is None or self._look.done():
            self._look = self._threads.submit(self._inbound.not_ready)
        try:
            async with asyncio.timeout(self._limits.ready_seconds):
                return await asyncio.shield(asyncio.wrap_future(self._look))
        except TimeoutError:
            return "the store or the configurations do not answer"

    async def _deliver(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if max(self._busy, self._threads.waiting) >= self._limits.at_once + self._limits.waiting:
            await _send(send, answer_json(503, error="not now"), close=True)
            return
        with self._lock:
            self._busy += 1
        body = bytearray()
        work: Callable[[], Answer] | None = None
        try:
            arrival, close = self._arrival(scope), False
            try:
                await self._fill(body, arrival.headers, receive)
            except _BodyError as error:
                said = (arrival, error.status, error.error, error.reason)
                work, close = partial(self._inbound.refuse_unread, *said), True
            else:
                work = partial(self._inbound.receive, replace(arrival, body=bytes(body)))
        finally:
            if work is None:
                self._let_go(len(body))
        await _send(send, await self._answer(work, len(body)), close=close)

    async def _answer(self, work: Callable[[], Answer], size: int) -> Answer:
        """Return the engine's answer, or one that tells to come again where it takes too long, or a stop is too near.

        What no thread has begun is not done at all then. Other work goes on, and counts as long as it does: a store
        that hangs is not asked by ever more threads.
        """
        future = self._threads.submit(work)
        future.add_done_callback(lambda _: self._let_go(size))
        try:
            async with asyncio.timeout(self._limits.answer_seconds):
                return await asyncio.wrap_future(future)
        except (TimeoutError, asyncio.CancelledError):
            return answer_json(503, error="not now")

    def _let_go(self, size: int) -> None:
        with self._lock:
            self._busy -= 1
            self._bytes -= size

    def _arrival(self, scope: Mapping[str, Any]) -> Arrival:
        """Return the request without its body."""
        return Arrival(
            method=scope["method"],
            raw_path=scope["raw_path"].decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers=self._headers(scope["headers"], scope.get("client")),
            body=b"",
            received_at=datetime.now(UTC),
        )

    def _headers(self, pairs: Iterable[tuple[bytes, bytes]], client: tuple[str, int] | None) -> dict[str, str]:
        """Return the headers, those of one name joined; what a proxy adds only from a proxy that is trusted."""
        found: dict[str, str] = {}
        believed = client is not None and self._is_trusted(client[0])
        for raw_name, raw_value in pairs:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            if name.startswith(_FORWARDED) and not believed:
                continue
            separator = "; " if name == "cookie" else ", "
            found[name] = f"{found[name]}{separator}{value}" if name in found else value
        return found

    def _is_trusted(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._trusted)

    async def _fill(self, body: bytearray, headers: Mapping[str, str], receive: Receive) -> None:
        """Read the body to its end; raise `_BodyError` for one that is too long or takes too long."""
        limit, seconds = self._limits.body_bytes, self._limits.body_seconds
        said = headers.get("content-length", "0")
        if not said.isdecimal() or int(said) > limit:
            raise _BodyError(413, "too large", f"its body is larger than {limit:,} bytes")
        try:
            async with asyncio.timeout(seconds):
                while await self._read(body, receive):
                    pass
        except TimeoutError:
            raise _BodyError(408, "too slow", f"its body had not arrived after {seconds:g} s") from None

    async def _read(self, body: bytearray, receive: Receive) -> bool:
        """Read a part of the body, and tell whether there is more."""
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _GoneError
        part = message.get("body", b"")
        if len(body) + len(part) > self._limits.body_bytes:
            raise _BodyError(413, "too large", f"its body is larger than {self._limits.body_bytes:,} bytes")
        if self._bytes + len(part) > self._limits.bytes_together:
            raise _BodyError(503, "not now", "too many bodies came at once")
        body += part
        with self._lock:
            self._bytes += len(part)
        return bool(message.get("more_body", False))


def _has_two_lengths(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Tell whether a proxy before us could see another end of the body than we do (RFC 9112, 6.3)."""
    return {b"content-length", b"transfer-encoding"} <= {name for name, _ in headers}


def _head_bytes(scope: Mapping[str, Any]) -> int:
    return sum(len(name) + len(value) for name, value in scope["headers"]) + len(
        scope["raw_path"] + scope["query_string"]
    )


async def _send(send: Send, answer: Answer, *, close: bool = False) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
    if answer.status not in _WITHOUT_BODY:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if answer.status in _WITHOUT_BODY else answer.body})
