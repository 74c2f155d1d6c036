"""What may pass between a file, which is the operator's, and a row, which may be a tenant admin's word."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from mkt.configs.canonical import Entry
from mkt.contract import ConnectorConfiguration, Json, Origin
from mkt.errors import ConfigError
from mkt.runtime.addresses import is_local
from mkt.secrets.chain import SecretChain


def untrusted(
    tenant: str, entry: Entry, place: str, secrets: SecretChain, allowed_hosts: Sequence[str]
) -> Iterator[ConfigError]:
    """Yield what a row may not say: a reference beyond its tenant's own values, a host inside our network.

    Pulled into a file it would become the operator's word; pushed into a row it would not be followed.
    """
    written, name = entry.get("secrets", {}), str(entry["name"])
    references = written if isinstance(written, Mapping) else {}
    configuration = ConnectorConfiguration(
        tenant=tenant,
        name=name,
        connector=str(entry["connector"]),
        secrets={key: str(text) for key, text in references.items()},
        origin=Origin(source="supabase", place=place),
    )
    for key in references:
        try:
            secrets.written(configuration, key)
        except ConfigError as error:
            yield error
    for key, host in _hosts("settings", entry.get("settings")):
        if is_local(host) and not any(fnmatchcase(host, pattern.lower()) for pattern in allowed_hosts):
            yield ConfigError(
                f"{key} of {configuration.target} names {host}, a loopback or private address, which a row from "
                f"Supabase may not; {place}",
                remedy=f"Correct the URL, or let the operator add {host} to [hosts] allow in mkt.toml.",
                code="config.host_refused",
            )


def _hosts(key: str, value: Json) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _hosts(f"{key}.{name}", item)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _hosts(f"{key}.{number}", item)
    elif isinstance(value, str) and value.lower().startswith(("http://", "https://")):
        host = _host(value)
        if host:
            yield key, host


def _host(text: str) -> str:
    try:
        return (urlsplit(text).hostname or "").rstrip(".").lower()
    except ValueError:  # lint says what is wrong with it
        return ""
