"""URLs in settings: https, without credentials, on hosts that the runtime will call."""

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from mkt.configs import codes
from mkt.configs.document import Path
from mkt.contract import Json

_NO_URL: Final = (codes.WRONG_URL, "is not a URL", "Write https://host/path.")
_URL: Final = re.compile(r"https?://", re.IGNORECASE)


def judge_urls(settings: Mapping[str, Json], hosts: Sequence[str]) -> Iterator[tuple[Path, tuple[str, str, str]]]:
    """Return path and (code, message, remedy) of each URL that is wrong. No URL is repeated: it may hold a secret."""
    for path, text in _texts(("settings",), settings):
        fault = _fault(text, tuple(hosts)) if _URL.match(text) else None
        if fault is not None:
            code, what, remedy = fault
            yield path, (code, f"{'.'.join(map(str, path))} {what}", remedy)


def _texts(path: Path, value: Json) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts((*path, key), item)
    elif isinstance(value, Sequence):
        for index, item in enumerate(value):
            yield from _texts((*path, index), item)


@lru_cache(maxsize=4096)
def _fault(text: str, hosts: tuple[str, ...]) -> tuple[str, str, str] | None:
    try:
        url = urlsplit(text)
        host = (url.hostname or "").rstrip(".")
        port_fits = url.port is None or url.port > 0
    except ValueError:
        return _NO_URL
    if not host or not port_fits:
        return _NO_URL
    if "@" in url.netloc:
        remedy = "Take them out, replace them at the partner, and give them as secrets."
        return codes.URL_CREDENTIALS, "has a user name or password in it", remedy
    address = _address(host)
    if url.scheme == "http" and not (host == "localhost" or (address is not None and address.is_loopback)):
        return codes.WRONG_URL, "is plain http, which is for loopback hosts only", "Write https://."
    private = host == "localhost" or (address is not None and not address.is_global)
    if private or "any" in hosts or any(fnmatchcase(host, pattern.lower()) for pattern in hosts):
        return None
    remedy = "Correct the host, or let the operator add it to [hosts] allow in mkt.toml."
    return codes.FOREIGN_HOST, f"is on {host}, which is none of the connector's hosts ({', '.join(hosts)})", remedy


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
