"""What is in force, and where each of it comes from: for an integration, and for the operator's settings."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from mkt.configs.connector_settings import build_settings, default_of, fields_of
from mkt.contract import ConnectorConfiguration, Json
from mkt.engine.pace import rate_limit_of
from mkt.engine.secret_places import SecretPlace, secret_places
from mkt.errors import ConfigError, StartError
from mkt.registry import RegisteredConnector
from mkt.secrets.chain import SecretChain
from mkt.settings import ProjectSettings, origin

DEFAULT: Final = "default"
HIDDEN: Final = "***"
_OVERDUE_AFTER: Final = "one interval of the schedule, at most 24h"
_JITTER: Final = "a tenth of the interval, at most 10m"
_CREDENTIALS: Final = re.compile(r"(?<=//)[^/?#\s]*@")


@dataclass(frozen=True, slots=True)
class Value:
    """One setting by its dotted name; `origin` is a place, a default, or "missing"."""

    key: str
    value: Json
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """Everything that holds for one integration. `problem` says why it would not run."""

    configuration: ConnectorConfiguration
    values: tuple[Value, ...]
    secrets: tuple[SecretPlace, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Operator:
    """The operator's settings with the flags that they were read with."""

    settings: ProjectSettings
    flags: Mapping[str, Any]

    def values(self) -> Iterator[Value]:
        """Return every setting, in the order in which they are documented."""
        yield Value("root", str(self.settings.root), "the project's folder")
        for key, value in _leaves((), to_jsonable_python(self.settings.model_dump(exclude={"root"}))):
            if value is None and self._is_of_a_connector(key):
                continue  # what a connector has no word on of its own is said above, for all
            yield Value(".".join(key), shown(value), self._origin(key) or DEFAULT)
        if self.settings.source == "supabase":
            yield from _supabase(self.settings.root)

    def _is_of_a_connector(self, key: tuple[str, ...]) -> bool:
        return key[0] == "defaults" and key[1] in (self.settings.defaults.__pydantic_extra__ or {})

    def default(self, connector: str, *key: str) -> str:
        """Return where a default for a connector comes from."""
        own = (self.settings.defaults.__pydantic_extra__ or {}).get(connector)
        for table, path in ((own, ("defaults", connector)), (self.settings.defaults, ("defaults",))):
            if _at(table, key) is not None:
                return self._origin((*path, *key)) or DEFAULT
        return DEFAULT

    def _origin(self, key: tuple[str, ...]) -> str | None:
        found = origin(key, self.settings.root, self.flags)
        return found and found.removeprefix(f"{self.settings.root}/")


def effective(
    configuration: ConnectorConfiguration, connector: RegisteredConnector, chain: SecretChain, operator: Operator
) -> Effective:
    """Return what holds for an integration; raise `BrokenConnectorError` where its connector cannot say."""
    problem = ""
    try:
        build_settings(configuration, connector)
    except ConfigError as error:
        problem = error.message
    return Effective(
        configuration=configuration,
        values=(
            *_general(configuration, operator),
            *_pace(connector, operator),
            *_settings(configuration, connector),
        ),
        secrets=secret_places(chain, configuration, connector.require_manifest()),
        problem=problem,
    )


def shown(value: Json) -> Json:
    """Return a value without the credentials that a URL in it may have."""
    if isinstance(value, str):
        return _CREDENTIALS.sub(f"{HIDDEN}@", value)
    if isinstance(value, Mapping):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    return value


def _supabase(root: Path) -> Iterator[Value]:
    """Return the access that is in force; which of it is wrong is for `mkt doctor` to say."""
    from mkt.runtime.supabase_access import KEY, URL, find_access  # noqa: PLC0415 - it brings httpx: start-up time

    try:
        access = find_access(root)
    except StartError:
        yield from (Value(name, None, "missing or wrong: `mkt doctor --source supabase`") for name in (URL, KEY))
        return
    for name, value, place in ((URL, access.url, access.url_from), (KEY, HIDDEN, access.key_from)):
        yield Value(name, value, place.replace(f"{root}/", ""))


def _general(configuration: ConnectorConfiguration, operator: Operator) -> Iterator[Value]:
    connector, lines = configuration.connector, configuration.origin.lines
    file = configuration.origin.place.rpartition(":")[0] or configuration.origin.place
    given, schedule, rest = operator.settings.defaults.of(connector), configuration.schedule, configuration.disabled
    yield Value("connector", connector, configuration.place("connector"))
    yield from (Value(f"labels.{name}", value, file) for name, value in configuration.labels.items())
    yield Value("enabled", configuration.enabled, lines.get("enabled", DEFAULT))
    if rest:
        until = rest.until.isoformat() if rest.until else None
        yield Value("disabled", {"until": until, "reason": rest.reason}, configuration.place("disabled"))
    for key, value in (
        ("schedule", schedule.cron if schedule else None),
        ("timezone", schedule.timezone if schedule else None),
        ("overdue_after", _OVERDUE_AFTER if given.overdue_after is None else given.overdue_after),
        ("jitter", _JITTER if given.jitter is None else given.jitter),
    ):
        yield Value(key, value, lines.get(key) or operator.default(connector, key))
    for limit, number in asdict(configuration.guard).items():
        key = f"guard.{limit}"
        yield Value(key, number, lines.get(key) or operator.default(connector, "guard", limit))


def _pace(connector: RegisteredConnector, operator: Operator) -> Iterator[Value]:
    """Return the partner's pace, which is its manifest's unless the operator agreed on another."""
    rate_limit = rate_limit_of(connector.require_manifest(), operator.settings)
    if rate_limit:
        for key, value in rate_limit.model_dump().items():
            given = operator.default(connector.id, "rate_limit", key)
            yield Value(f"rate_limit.{key}", value, f"manifest of {connector.id}" if given == DEFAULT else given)


def _settings(configuration: ConnectorConfiguration, connector: RegisteredConnector) -> Iterator[Value]:
    """Return what is given, then the connector's own defaults; what has no name there may be a value gone astray."""
    fields = fields_of(connector)
    identifiers = {s.name.lower() for s in connector.require_manifest().secrets if not s.sensitive}
    for name, value in configuration.settings.items():
        known = name in fields or name in identifiers
        yield Value(f"settings.{name}", shown(value) if known else HIDDEN, configuration.place(f"settings.{name}"))
    for name, field in fields.items():
        if name not in configuration.settings:
            yield Value(f"settings.{name}", default_of(field), "missing" if field.is_required() else DEFAULT)


def _leaves(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Json]]:
    if isinstance(value, dict) and (value or not path):
        for key, item in value.items():
            yield from _leaves((*path, key), item)
    else:
        yield path, str(value) if isinstance(value, Path) else value


def _at(table: BaseModel | None, key: tuple[str, ...]) -> Any:
    found: Any = table
    for part in key:
        found = getattr(found, part, None)
    return found
