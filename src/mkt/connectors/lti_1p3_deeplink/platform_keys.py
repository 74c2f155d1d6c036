"""The platform's public keys, kept in `context.state` between launches.

A key that is not known makes them be read again, at most once a minute: launches with made-up key ids would otherwise
have us ask the platform each time. Keys that cannot be read again are used for a day.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm

from mkt.connectors.lti_1p3_deeplink.access import Context
from mkt.connectors.lti_1p3_deeplink.claims import mapping, number, text
from mkt.connectors.lti_1p3_deeplink.keys import is_usable, keys_of
from mkt.contract import PartnerError, Response, TransientError

_KEPT: Final = "lti.platform_keys"
_USUAL: Final = timedelta(hours=1)
_SHORTEST: Final = timedelta(minutes=1)
_LONGEST: Final = timedelta(days=1)
_MOST: Final = 50
"""Keys that are kept of one set: no platform has nearly as many."""


class PlatformKeys:
    """The keys at one address."""

    def __init__(self, context: Context, url: str) -> None:
        self._context = context
        self._url = url
        self._now = context.runtime.now().timestamp()
        kept = mapping(context.state.get(_KEPT))
        self._kept: Mapping[str, Any] = kept if kept.get("url") == url else {}

    @property
    def kids(self) -> list[str]:
        return [text(key.get("kid")) for key in self._keys]

    def find(self, kid: str) -> RSAPublicKey | None:
        """Return the key by this id, None where the platform has none; raise `ConnectorError` if it does not say."""
        if self._age >= (number(self._kept.get("seconds")) or 0):
            self._read_again()
        if kid not in self.kids and self._age >= _SHORTEST.total_seconds():
            self._read_again()
        return next((_public(key) for key in self._keys if key.get("kid") == kid), None)

    @property
    def _keys(self) -> list[Mapping[str, Any]]:
        keys = self._kept.get("keys")
        return [mapping(key) for key in keys] if isinstance(keys, list) else []

    @property
    def _age(self) -> float:
        """Seconds since the keys were asked for, of a clock that may have been set back."""
        asked = number(self._kept.get("asked"))
        return _LONGEST.total_seconds() if asked is None else abs(self._now - asked)

    def _read_again(self) -> None:
        try:
            answer = self._context.runtime.http.get(self._url, headers={"Accept": "application/json"})
            found = keys_of(answer)
        except (TransientError, PartnerError):
            if not self._keys or self._now - (number(self._kept.get("read")) or 0) > _LONGEST.total_seconds():
                raise
            self._keep({**self._kept, "seconds": _SHORTEST.total_seconds()})
        else:
            usable = [key for key in found if is_usable(key) and text(key.get("kid"))][:_MOST]
            keys = [{name: key[name] for name in ("kty", "n", "e", "kid")} for key in usable]
            self._keep({"url": self._url, "keys": keys, "read": self._now, "seconds": _lifetime(answer)})

    def _keep(self, kept: Mapping[str, Any]) -> None:
        self._kept = {**kept, "asked": self._now}
        self._context.state.put(_KEPT, self._kept)


def _lifetime(answer: Response) -> float:
    """Return for how many seconds a key set is good: an hour, unless the platform says another time."""
    said = re.search(r"\bmax-age=(\d{1,9})\b", answer.headers.get("cache-control", "").lower())
    seconds = float(said[1]) if said else _USUAL.total_seconds()
    return min(max(seconds, _SHORTEST.total_seconds()), _LONGEST.total_seconds())


def _public(key: Mapping[str, Any]) -> RSAPublicKey | None:
    try:
        found = RSAAlgorithm.from_jwk({name: key[name] for name in ("kty", "n", "e")})
    except (jwt.InvalidKeyError, ValueError, KeyError):
        return None
    return found if isinstance(found, RSAPublicKey) else None
