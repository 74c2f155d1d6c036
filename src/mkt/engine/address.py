"""Whose a wrong address is: one that stands in our own file, and where no call ever came through, is ours first."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from mkt.contract import ConnectorConfiguration, ConnectorError, Json
from mkt.store.base import Key, Store

_NOBODY: Final = frozenset({"network.refused", "network.connect", "network.connect_timeout", "network.dns"})
"""Nobody answered."""
_SOMEBODY_ELSE: Final = frozenset({"partner.html", "http.404"})
"""Somebody answered, with a page for people or with nothing at all."""
_PORTS: Final = {"https": 443, "http": 80}
_WORKED: Final = frozenset({"ok", "held", "pass", "warn"})


def put_address_first(store: Store, configuration: ConnectorConfiguration, error: ConnectorError) -> None:
    """Have the error name the setting to look at and us as who acts, where the address may be wrong."""
    if error.code not in _NOBODY | _SOMEBODY_ELSE:
        return
    setting = _setting(configuration, error.message)
    if setting is None or _has_worked(store, Key(configuration.tenant, configuration.name)):
        return
    place = configuration.place(f"settings.{setting}") or configuration.target
    nobody = "check firewalls and the partner's status page; it is tried again."
    somebody = "ask the partner with this line."
    error.actor = "us"
    error.remedy = (
        f"First check {setting} at {place}: no run of {configuration.target} has ever come through with it."
        f" If it is right, {nobody if error.code in _NOBODY else somebody}"
    )


def _setting(configuration: ConnectorConfiguration, message: str) -> str | None:
    """Return the setting that holds the address of which the message speaks."""
    return next(
        (
            name
            for name, value in configuration.settings.items()
            for address in _addresses(value)
            if f"//{address}/" in message
        ),
        None,
    )


def _addresses(value: Json) -> Iterator[str]:
    if isinstance(value, str) and "://" in value:
        try:
            url = urlsplit(value)
            port = "" if url.port in (None, _PORTS.get(url.scheme)) else f":{url.port}"
            yield from [f"{url.hostname}{port}"] if url.hostname else ()
        except ValueError:
            return
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _addresses(item)


def _has_worked(store: Store, key: Key) -> bool:
    state = store.states([key]).get(key)
    if state and (state.last_ok_at or state.connection == "connected"):
        return True
    return any(run.outcome in _WORKED for run in store.runs([key]))
