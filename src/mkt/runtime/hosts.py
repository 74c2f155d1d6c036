"""Which hosts an integration may call. Everything else is refused before a connection is made."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from typing import Final

import httpx

from mkt.contract import ConnectorConfiguration, Json, Manifest
from mkt.errors import ConfigError
from mkt.runtime.addresses import is_local, is_loopback, name_of

_ANY: Final = "any"
_PORTS: Final = {"http": 80, "https": 443}
_URL: Final = re.compile(r"https?://", re.IGNORECASE)


class HostRule:
    """The hosts of one integration.

    A host is allowed by the operator's list; by the manifest's patterns; by standing in a URL of the integration's
    own settings or identifiers, where the manifest says `any`. Loopback and private addresses are allowed by the
    operator's list, or by standing in such a URL of a YAML file. `identifiers` is asked only when nothing else
    allows a host.
    """

    def __init__(
        self,
        configuration: ConnectorConfiguration,
        manifest: Manifest,
        *,
        allowed: Sequence[str] = (),
        identifiers: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._configuration = configuration
        self._manifest = manifest
        self._allowed = tuple(pattern.lower() for pattern in allowed)
        self._identifiers = identifiers
        self._last: tuple[str, httpx.URL] | None = None

    def check(self, text: str) -> httpx.URL:
        """Return the URL; raise `ConfigError` for one that may not be called."""
        if self._last is None or self._last[0] != text:  # pages differ in their parameters only
            self._last = (text, self._check(text))
        return self._last[1]

    def _check(self, text: str) -> httpx.URL:
        url = self._parse(text)
        host = name_of(url)
        port = url.port or _PORTS[url.scheme]
        if not (self._listed(host, port) or self._known(host)):
            raise self._refused(host, f"not one of the hosts of {self._manifest.id} ({self._words()})")
        if is_local(host) and not self._private(host, port):
            raise self._refused(host, "a loopback or private address")
        return url

    def check_address(self, host: str, port: int, address: str) -> None:
        """Raise `ConfigError` when a name leads to a loopback or private address that is not allowed here."""
        if is_local(address) and not self._private(host.lower().rstrip("."), port):
            raise self._refused(host, f"its name leads to {address}, a loopback or private address")

    def _parse(self, text: str) -> httpx.URL:
        url = _url(text)
        if url is None:
            raise self._wrong_url("is not a URL")
        if url.scheme not in _PORTS or not url.host:
            raise self._wrong_url("is not an absolute https:// URL")
        if url.userinfo:
            raise self._wrong_url(f"on {name_of(url)} has a user name or password in it")
        if url.scheme == "http" and not is_loopback(name_of(url)):
            raise self._wrong_url(f"on {name_of(url)} is plain http, which is for loopback hosts only")
        return url

    def _listed(self, host: str, port: int) -> bool:
        return any(fnmatchcase(host, pattern) or f"{host}:{port}" == pattern for pattern in self._allowed)

    def _known(self, host: str) -> bool:
        if any(pattern != _ANY and fnmatchcase(host, pattern.lower()) for pattern in self._manifest.hosts):
            return True
        return (_ANY in self._manifest.hosts or is_local(host)) and self._own(host)

    def _private(self, host: str, port: int) -> bool:
        return self._listed(host, port) or (self._configuration.origin.source == "yaml" and self._own(host))

    def _own(self, host: str) -> bool:
        return host in self._hosts_of_settings or host in self._hosts_of_identifiers

    @cached_property
    def _hosts_of_settings(self) -> dict[str, str]:
        """Host to the dotted key of the setting that names it."""
        found: dict[str, str] = {}
        for key, text in _texts("settings", self._configuration.settings):
            for host in _hosts(text):
                found.setdefault(host, key)
        return found

    @cached_property
    def _hosts_of_identifiers(self) -> frozenset[str]:
        return frozenset(host for text in self._identifiers() for host in _hosts(text))

    def _words(self) -> str:
        own = "any public host in a URL of its own settings"
        return ", ".join(own if pattern == _ANY else pattern for pattern in self._manifest.hosts)

    def _refused(self, host: str, why: str) -> ConfigError:
        place = self._configuration.place(self._hosts_of_settings.get(host, "settings"))
        return ConfigError(
            f"{self._configuration.target} may not call {host}: {why}",
            remedy=f"Correct the URL at {place or 'settings'}, or let the operator add {host} to [hosts] allow in "
            "mkt.toml.",
            code="config.host_refused",
        )

    def _wrong_url(self, why: str) -> ConfigError:
        # The URL itself is not repeated: a secret may stand in it.
        place = self._configuration.place("settings")
        return ConfigError(
            f"{self._configuration.target}: a URL {why}",
            remedy=f"Correct the URL in the settings at {place or self._configuration.target}: "
            "https://host/path, credentials apart.",
            code="config.url",
        )


def _texts(key: str, value: Json) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts(f"{key}.{name}", item)
    elif isinstance(value, Sequence):
        for number, item in enumerate(value):
            yield from _texts(f"{key}.{number}", item)


def _hosts(text: str) -> Iterator[str]:
    if _URL.match(text) and (url := _url(text)) is not None:
        yield name_of(url)


@lru_cache
def _url(text: str) -> httpx.URL | None:
    """Return the URL, None for what is none: one is asked for as a setting, and again with each run's requests."""
    try:
        return httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return None
