"""Access tokens of one process: kept in memory, never written."""

import hashlib
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from mkt.contract import Token, TokenGrant

_MARGIN: Final = 60.0


class TokenKey(NamedTuple):
    """Whose token it is. The client id is hashed, so that a changed one starts anew."""

    target: str
    client: str
    grant: str

    @classmethod
    def of(cls, target: str, grant: TokenGrant) -> "TokenKey":
        client = hashlib.sha256(grant.client.username.encode()).hexdigest() if grant.client else ""
        return cls(target, client, grant.key or grant.url)


@dataclass(frozen=True, slots=True)
class _Kept:
    token: Token
    until: datetime | None


class TokenStore:
    """The tokens of one process; safe in threads. `lock` lets one caller at a time ask for a grant's token."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: defaultdict[TokenKey, threading.Lock] = defaultdict(threading.Lock)
        self._kept: dict[TokenKey, _Kept] = {}

    @contextmanager
    def lock(self, key: TokenKey) -> Iterator[None]:
        with self._guard:
            lock = self._locks[key]
        with lock:
            yield

    def get(self, key: TokenKey, now: datetime) -> Token | None:
        """Return a token that is still good for a while."""
        with self._guard:
            kept = self._kept.get(key)
        return kept.token if kept and (kept.until is None or now < kept.until) else None

    def put(self, key: TokenKey, token: Token, now: datetime) -> None:
        """Keep a token until 60 s, or half of its life if that is less, before it expires."""
        until = token.expires_at
        if until is not None:
            until -= min(timedelta(seconds=_MARGIN), (until - now) / 2)
        with self._guard:
            self._kept[key] = _Kept(token, until)

    def drop(self, key: TokenKey, access_token: str) -> None:
        """Forget this token, unless another caller has replaced it already."""
        with self._guard:
            kept = self._kept.get(key)
            if kept and kept.token.access_token == access_token:
                del self._kept[key]
