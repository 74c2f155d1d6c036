"""What the customer's admin enters on their side and what they send back, for one integration."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic.fields import FieldInfo

from mkt.configs.connector_settings import default_of, fields_of
from mkt.contract import ConnectorConfiguration, Json, Manifest
from mkt.engine.effective import shown
from mkt.engine.secret_places import SecretPlace, secret_places
from mkt.registry import RegisteredConnector
from mkt.secrets.chain import SecretChain

_PLACEHOLDER: Final = re.compile(r"\{(?:settings\.)?([a-z_][a-z0-9_]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedSetting:
    """A setting that the integration cannot do without; `value` is None while it is missing."""

    name: str
    description: str
    example: Json
    value: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """One integration's part of a mail to the customer. `unknown` are the placeholders that could not be filled."""

    configuration: ConnectorConfiguration
    manifest: Manifest
    text: str
    unknown: tuple[str, ...]
    settings: tuple[AskedSetting, ...]
    secrets: tuple[SecretPlace, ...]
    served: bool
    """Whether it names addresses of ours, below `public_url`, which somebody has to answer."""
    public_url: str

    @property
    def asked(self) -> list[SecretPlace]:
        """The secrets that come from the customer: not those that our side makes."""
        return [each for each in self.secrets if each.declaration.generate is None]

    @property
    def ours(self) -> list[SecretPlace]:
        """The secrets that our side makes."""
        return [each for each in self.secrets if each.declaration.generate is not None]


def handover(
    configuration: ConnectorConfiguration, connector: RegisteredConnector, chain: SecretChain, public_url: str
) -> Handover:
    """Fill in the manifest's text; raise `BrokenConnectorError` where the connector has none to fill in."""
    manifest = connector.require_manifest()
    fields = fields_of(connector)
    words = _words(configuration, fields, public_url)
    named = dict.fromkeys(found[0][1:-1] for found in _PLACEHOLDER.finditer(manifest.handover))
    return Handover(
        configuration=configuration,
        manifest=manifest,
        text=_PLACEHOLDER.sub(lambda found: _word(found, words), manifest.handover).strip(),
        unknown=tuple(name for name in named if words.get(name) == ""),
        settings=tuple(_asked(configuration, name, field) for name, field in fields.items() if field.is_required()),
        secrets=secret_places(chain, configuration, manifest),
        served="{root}" in manifest.handover,
        public_url=words["public_url"] or "public_url",
    )


def _words(configuration: ConnectorConfiguration, fields: Mapping[str, FieldInfo], public_url: str) -> dict[str, str]:
    """Return what each placeholder stands for, empty where that is not known yet."""
    values = {name: configuration.settings.get(name, default_of(field)) for name, field in fields.items()}
    texts = {name: "" if value is None else str(shown(value)) for name, value in values.items()}
    return {
        **texts,
        **{f"settings.{name}": text for name, text in texts.items()},
        "tenant": configuration.tenant,
        "integration": configuration.name,
        "public_url": public_url.rstrip("/"),
        "root": f"/hooks/{configuration.target}",
    }


def _word(found: re.Match[str], words: Mapping[str, str]) -> str:
    """Return the value, in capitals the name of what is not known yet, and what is no placeholder as it was."""
    value = words.get(found[0][1:-1])
    return found[0] if value is None else value or found[1].upper()


def _asked(configuration: ConnectorConfiguration, name: str, field: FieldInfo) -> AskedSetting:
    return AskedSetting(
        name=name,
        description=field.description or "",
        example=next(iter(field.examples or ()), None),
        value=shown(configuration.settings.get(name)),
    )
