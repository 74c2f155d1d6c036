"""Messages of ours to the operator's receiver: one POST, signed after Standard Webhooks.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
import time
from typing import Final

import httpx

from mkt import __version__
from mkt.errors import ConfigError
from mkt.runtime.faults import in_short
from mkt.runtime.masking import PROCESS
from mkt.runtime.proxies import proxy_for
from mkt.runtime.transport import tls_context

_PREFIX: Final = "whsec_"
_SHORTEST: Final = 24
"""Bytes of a key: the specification wants 24 to 64."""
_PATH_FROM: Final = 12
"""Characters of a path that can be a secret: `mkt` or `alerts` masked everywhere would tear up any text."""


def keys_of(secret: str) -> list[bytes]:
    """Return the keys of `whsec_<base64>`; several, separated by blanks, while one replaces the other.

    Raise `ConfigError`, without the text, for what is no such key.
    """
    keys = [_key(text.removeprefix(_PREFIX)) for text in secret.split()]
    if not keys or min(map(len, keys)) < _SHORTEST:
        raise ConfigError(
            f"the key of the webhook's signatures is not {_PREFIX} and base64 of {_SHORTEST} bytes or more",
            remedy=f'Make one: echo "{_PREFIX}$(openssl rand -base64 32)"; the receiver gets the same.',
            code="config.webhook_secret",
        )
    return keys


def _key(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Return `v1,<base64>` over "id.timestamp.body"; the timestamp is in seconds."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def mask_path(url: httpx.URL) -> None:
    """Mask the path, with its query, from now on, if it is long enough to be a secret."""
    path = url.raw_path.decode("ascii").lstrip("/")
    if len(path) >= _PATH_FROM:
        PROCESS.add(path)


class Webhook:
    """A receiver at one URL. Only its host is ever shown: the rest of such a URL is often a secret."""

    def __init__(self, url: str, secret: str = "") -> None:
        self._url = httpx.URL(url)
        self._keys = keys_of(secret) if secret else []
        self.place = f"{self._url.scheme}://{self._url.netloc.decode('ascii')}"
        PROCESS.add(secret)
        mask_path(self._url)

    def send(self, message_id: str, body: bytes, seconds: float) -> str:
        """Post the body; return what went wrong, empty where it was taken (2xx). Never longer than the seconds.

        A receiver that has seen the id before has seen this message.
        """
        now = int(time.time())
        headers = {
            "content-type": "application/json",
            "user-agent": f"mkt/{__version__}",
            "webhook-id": message_id,
            "webhook-timestamp": str(now),
        }
        if self._keys:
            headers["webhook-signature"] = " ".join(signature(key, message_id, now, body) for key in self._keys)
        try:
            return self._post(body, headers, seconds)
        except httpx.HTTPError as error:
            return in_short(error, seconds)
        except ConfigError as error:
            return error.message

    def _post(self, body: bytes, headers: dict[str, str], seconds: float) -> str:
        verify = tls_context() if self._url.scheme == "https" else True
        proxy = proxy_for(self._url, PROCESS)
        with (
            httpx.Client(verify=verify, proxy=proxy, trust_env=False, timeout=seconds) as client,
            client.stream("POST", self._url, content=body, headers=headers) as response,
        ):
            # What the receiver says is not read: it could be long, slow or anything.
            return "" if response.is_success else f"it answered {response.status_code}"
