"""What one run leaves open, the next one to the same place goes on with: a handshake costs more than a request."""

import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple

import httpx

from mkt.errors import ConfigError
from mkt.runtime.transport import CheckAddress, Patience, Transport, anywhere, open_transport

IDLE_SECONDS: Final = 4.0
"""Less than the five after which the common servers hang up: what is sent at that very moment would be lost."""
_AT_MOST: Final = 64


class Place(NamedTuple):
    """Where a transport leads: to one origin, by way of one proxy or of none."""

    scheme: str
    host: str
    port: int | None
    proxy: str

    @classmethod
    def of(cls, url: httpx.URL, proxy: httpx.Proxy | None) -> "Place":
        # The password tells proxies apart, and stands in no repr.
        return cls(url.scheme, url.host, url.port, f"{proxy.url} {hash(proxy.raw_auth)}" if proxy else "")


@dataclass(frozen=True, slots=True)
class _Idle:
    place: Place
    transport: Transport
    since: float


class Connections:
    """One process's idle connections. A transport is used by one run at a time, and keeps to that run's rules.

    No credential belongs to a connection: each request brings its own.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._idle: list[_Idle] = []
        weakref.finalize(self, _close, self._idle)

    def take(self, url: httpx.URL, proxy: httpx.Proxy | None, patience: Patience, check: CheckAddress) -> Transport:
        """Return a transport to this place, one that is open already where its addresses pass the `check`."""
        place = Place.of(url, proxy)
        check = check if proxy is None else anywhere  # as `open_transport`: the proxy is the operator's own
        while (idle := self._found(place)) is not None:
            with suppress(ConfigError):
                idle.lend(patience, check)
                return idle
            idle.close()
        return open_transport(url, proxy=proxy, patience=patience, check=check)

    def give_back(self, place: Place, transport: Transport) -> None:
        """Keep a transport whose every request has come to its end."""
        with self._lock:
            self._idle.append(_Idle(place, transport, self._monotonic()))
            late = self._late()
            del self._idle[: len(late)]
        _close(late)

    def _found(self, place: Place) -> Transport | None:
        with self._lock:
            for number, idle in enumerate(self._idle):
                if idle.place == place and idle.since > self._monotonic() - IDLE_SECONDS:
                    return self._idle.pop(number).transport
        return None

    def _late(self) -> list[_Idle]:
        """Return those that were idle for too long, and what is too much: the oldest stand first."""
        expired = sum(idle.since <= self._monotonic() - IDLE_SECONDS for idle in self._idle)
        return self._idle[: max(expired, len(self._idle) - _AT_MOST)]


def _close(idle: list[_Idle]) -> None:
    while idle:
        idle.pop().transport.close()
