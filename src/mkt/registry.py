"""All connectors that this installation knows.

A connector is a folder: here in `mkt.connectors`, or a package that the entry-point group `mkt.connectors`
names. Manifests are read without importing code; code is imported when it is first needed. A broken connector
never hides the others: it is listed as broken, with the reason.
"""

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from importlib.metadata import entry_points
from importlib.resources.abc import Traversable
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from mkt.contract import Connector, HandlesWebhooks, Manifest, SecretDeclaration, Syncs
from mkt.errors import ConfigError

ENTRY_POINTS = "mkt.connectors"
_BUILT_IN = "mkt.connectors"


class BrokenConnectorError(ConfigError):
    """A connector that cannot be used, for the reason in the message."""

    def __init__(self, connector_id: str, reason: str) -> None:
        super().__init__(
            f"connector {connector_id} is broken: {reason}",
            remedy="Whoever maintains the connector mends it; the other connectors are not affected.",
            code="config.broken_connector",
        )


@dataclass(frozen=True)
class RegisteredConnector:
    """One connector: its manifest or why there is none, and its code on demand."""

    id: str
    package: str
    manifest: Manifest | None
    reason: str = ""
    """Why it is broken."""

    @property
    def built_in(self) -> bool:
        return self.package.startswith(f"{_BUILT_IN}.")

    def require_manifest(self) -> Manifest:
        """Return the manifest; raise `BrokenConnectorError` where there is none."""
        if self.manifest is None:
            raise BrokenConnectorError(self.id, self.reason)
        return self.manifest

    @cached_property
    def secrets(self) -> Mapping[str, SecretDeclaration]:
        """The secrets by name."""
        return {secret.name: secret for secret in self.require_manifest().secrets}

    @cached_property
    def required_secrets(self) -> tuple[tuple[SecretDeclaration, ...], ...]:
        """What is needed always, and then what each alternative set needs."""
        manifest = self.require_manifest()
        always = tuple(secret for secret in manifest.secrets if not secret.set)
        members = (always, *manifest.secret_sets.values())
        return tuple(tuple(secret for secret in each if secret.required) for each in members)

    @cached_property
    def settings_model(self) -> type[BaseModel]:
        """The connector's `Settings`; imports its settings.py alone."""
        model = getattr(self.module("settings"), "Settings", None)
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise BrokenConnectorError(self.id, "settings.py has no pydantic model called Settings")
        return model

    def read_settings(self, given: bytes) -> BaseModel:
        """Return typed settings from strict JSON; raise pydantic's `ValidationError` for what is wrong with them.

        Raise `BrokenConnectorError` where a validator itself fails; what it said may repeat a value.
        """
        model = self.settings_model
        try:
            return model.model_validate_json(given, strict=True)
        except ValidationError:
            raise
        except Exception as error:
            raise BrokenConnectorError(self.id, f"settings.py: {type(error).__name__} in a validator") from error

    @cached_property
    def connector(self) -> Connector[Any]:
        """The connector's object."""
        found = getattr(self.module("connector"), "connector", None)
        if not isinstance(found, Connector):
            raise BrokenConnectorError(self.id, "connector.py does not end with `connector = …`")
        return found

    @cached_property
    def syncs(self) -> Syncs[Any] | None:
        found = self.connector
        return found if isinstance(found, Syncs) else None

    @cached_property
    def handles_webhooks(self) -> HandlesWebhooks[Any] | None:
        found = self.connector
        return found if isinstance(found, HandlesWebhooks) else None

    def module(self, name: str) -> Any:
        """Import one of the connector's modules; raise `BrokenConnectorError` where that fails."""
        self.require_manifest()
        try:
            return importlib.import_module(f"{self.package}.{name}")
        except (Exception, SystemExit) as error:
            raise BrokenConnectorError(self.id, f"{name}.py: {type(error).__name__}: {error}") from error


class ConnectorRegistry(Mapping[str, RegisteredConnector]):
    """Connector id to connector, in order of id."""

    def __init__(self, connectors: Mapping[str, RegisteredConnector]) -> None:
        self._connectors = dict(sorted(connectors.items()))

    @classmethod
    def discover(cls) -> "ConnectorRegistry":
        """Find the built-in connectors and those that other distributions bring."""
        found = dict(_built_in())
        for entry_point in entry_points(group=ENTRY_POINTS):
            connector = _from_entry_point(entry_point.name, entry_point.value)
            taken = found.get(connector.id)
            if taken is None:
                found[connector.id] = connector
            elif taken.package != connector.package:
                reason = f"both {taken.package} and {connector.package} are called so"
                found[connector.id] = RegisteredConnector(connector.id, connector.package, None, reason)
        return cls(found)

    def __getitem__(self, connector_id: str) -> RegisteredConnector:
        return self._connectors[connector_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._connectors)

    def __len__(self) -> int:
        return len(self._connectors)


def _built_in() -> Iterator[tuple[str, RegisteredConnector]]:
    for folder in resources.files(_BUILT_IN).iterdir():
        if folder.is_dir() and not folder.name.startswith(("_", ".")):
            connector_id = folder.name.replace("_", "-")
            yield connector_id, _read(connector_id, f"{_BUILT_IN}.{folder.name}", folder)


def _from_entry_point(name: str, package: str) -> RegisteredConnector:
    try:
        folder = resources.files(package)
    except Exception as error:  # noqa: BLE001 - a broken plug-in must not hide the others
        return RegisteredConnector(name, package, None, f"{package}: {type(error).__name__}: {error}")
    return _read(name, package, folder)


def _read(connector_id: str, package: str, folder: Traversable) -> RegisteredConnector:
    try:
        document = yaml.load(folder.joinpath("manifest.yaml").read_bytes(), Loader=yaml.CSafeLoader)
        manifest = Manifest.model_validate(document)
    except (OSError, yaml.YAMLError, ValidationError) as error:
        reason = f"manifest.yaml: {' '.join(str(error).split())}"
        return RegisteredConnector(connector_id, package, None, reason)
    if manifest.id != connector_id:
        reason = f"manifest.yaml says id {manifest.id}, but the folder or entry point says {connector_id}"
        return RegisteredConnector(connector_id, package, None, reason)
    return RegisteredConnector(connector_id, package, manifest)
