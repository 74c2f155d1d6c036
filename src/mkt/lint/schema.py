"""JSON Schema of a tenant's file, for editors and for check-jsonschema: it says what the loader says."""

from collections.abc import Iterator
from typing import Any, Final

from mkt.configs.structure import TenantPart
from mkt.contract import Manifest
from mkt.registry import BrokenConnectorError, ConnectorRegistry, RegisteredConnector

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE: Final = "^[a-z]+:[\\s\\S]+$"


def config_schema(registry: ConnectorRegistry) -> dict[str, Any]:
    """Return the schema, with the settings and secrets of every connector that is not broken."""
    schema = TenantPart.model_json_schema()
    definitions = schema["$defs"]
    integration = definitions["IntegrationPart"]
    integration["properties"]["connector"] |= {"enum": list(registry)}
    integration["allOf"] = [branch for connector in registry.values() for branch in _branches(connector, definitions)]
    return {"$schema": DIALECT, **schema, "title": "mkt tenant file"}


def _branches(connector: RegisteredConnector, definitions: dict[str, Any]) -> Iterator[dict[str, Any]]:
    try:
        manifest = connector.require_manifest()
        settings = _settings(connector, manifest, definitions)
    except BrokenConnectorError:
        return
    definitions[f"{connector.id}.settings"] = settings
    reference = {"$ref": f"#/$defs/{connector.id}.settings"}
    needed = bool(settings.get("required"))
    then = {
        "properties": {
            "settings": reference if needed else {"anyOf": [reference, {"type": "null"}]},
            "secrets": {"anyOf": [_secrets(manifest), {"type": "null"}]},
        },
        "required": ["settings"] if needed else [],
    }
    yield {"if": {"properties": {"connector": {"const": connector.id}}, "required": ["connector"]}, "then": then}


def _settings(connector: RegisteredConnector, manifest: Manifest, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the model's schema with the identifiers that may stand beside its fields."""
    template = f"#/$defs/{connector.id}.{{model}}"
    schema = connector.settings_model.model_json_schema(ref_template=template)
    for name, definition in schema.pop("$defs", {}).items():
        definitions[f"{connector.id}.{name}"] = definition
    properties = schema.setdefault("properties", {})
    for secret in manifest.secrets:
        if not secret.sensitive:
            properties.setdefault(secret.name.lower(), {"type": "string", "minLength": 1, "description": secret.how})
    return schema


def _secrets(manifest: Manifest) -> dict[str, Any]:
    values = {
        secret.name: {"type": "string", "pattern": _REFERENCE, "description": secret.how}
        for secret in manifest.secrets
    }
    return {"type": "object", "properties": values, "additionalProperties": False}
