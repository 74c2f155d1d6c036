"""An integration's settings by the connector's own model. Lint and the engine judge them here alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import to_json, to_jsonable_python

from mkt.configs import codes
from mkt.configs.document import Path
from mkt.configs.findings import Finding, Kind, described, findings
from mkt.contract import ConnectorConfiguration, Json, Manifest
from mkt.errors import ConfigError
from mkt.registry import RegisteredConnector

_CODES: Mapping[Kind, str] = {
    "unknown": codes.UNKNOWN_SETTING,
    "missing": codes.MISSING_SETTING,
    "type": codes.WRONG_SETTING,
    "value": codes.WRONG_SETTING,
}


@dataclass(frozen=True, slots=True)
class WrongSetting:
    """One setting that is wrong, with its code in `mkt lint`."""

    code: str
    finding: Finding


def build_settings(configuration: ConnectorConfiguration, connector: RegisteredConnector) -> BaseModel:
    """Return the connector's typed settings; raise `ConfigError` that names each wrong one and its place.

    Identifiers under `settings` are the secrets' and do not reach the model, unless it has a field of that name.
    """
    settings, wrong = judge(configuration.settings, connector)
    if settings is not None and not wrong:
        return settings
    raise ConfigError(
        "; ".join(f"{_place(configuration, item.finding)}: {item.finding.message}" for item in wrong),
        remedy=_remedy(configuration, wrong),
        code="config.settings",
    )


def _remedy(configuration: ConnectorConfiguration, wrong: Sequence[WrongSetting]) -> str:
    """Say what to fill in, and who knows it; then what to correct."""
    absent = [str(item.finding.path[-1]) for item in wrong if item.code == codes.MISSING_SETTING]
    others = [item.finding.remedy for item in wrong if item.code != codes.MISSING_SETTING and item.finding.remedy]
    if not absent:
        return " ".join(dict.fromkeys(others))
    place = configuration.place("settings") or configuration.target
    asked = f"What the customer has to send, `mkt handover {configuration.target}` asks them for."
    return " ".join([f"Fill in {', '.join(absent)} at {place}. {asked}", *dict.fromkeys(others)])


def judge(
    settings: Mapping[str, Json], connector: RegisteredConnector, *, base: Path = ("settings",)
) -> tuple[BaseModel | None, list[WrongSetting]]:
    """Return the typed settings, or what is wrong with them; paths begin with `base`.

    YAML and the rows of Supabase are JSON, so the model reads them as strict JSON: "5" is no number, a date is text.
    Raise `BrokenConnectorError` where the connector's own code fails.
    """
    model, manifest = connector.settings_model, connector.require_manifest()
    own, wrong = _own_settings(settings, model, manifest, base)
    try:
        return connector.read_settings(to_json(own)), wrong
    except ValidationError as error:
        found = findings(error, own, model, base=base)
        return None, [*wrong, *(WrongSetting(_CODES[finding.kind], finding) for finding in found)]


def fields_of(connector: RegisteredConnector) -> dict[str, FieldInfo]:
    """Return the connector's settings by the names that a file gives them."""
    return {field.alias or name: field for name, field in connector.settings_model.model_fields.items()}


def default_of(field: FieldInfo) -> Json:
    """Return a setting's default as JSON, None where it has none."""
    if field.is_required():
        return None
    value: Json = to_jsonable_python(field.get_default(call_default_factory=True, validated_data={}))
    return value


def _own_settings(
    settings: Mapping[str, Json], model: type[BaseModel], manifest: Manifest, base: Path
) -> tuple[dict[str, Json], list[WrongSetting]]:
    """Return the settings that are the model's, and what is wrong with those that are secrets' names."""
    secrets = {secret.name.lower(): secret for secret in manifest.secrets}
    own, wrong = {}, []
    for key, value in settings.items():
        secret = secrets.get(key)
        if secret is None or key in model.model_fields:
            own[key] = value
        elif secret.sensitive:
            wrong.append(WrongSetting(codes.MISPLACED_VALUE, _misplaced((*base, key), secret.name)))
        elif not isinstance(value, str) or not value:
            wrong.append(WrongSetting(codes.WRONG_SETTING, _no_identifier((*base, key), value)))
    return own, wrong


def _misplaced(path: Path, name: str) -> Finding:
    message = f"{name} is sensitive and must not stand under settings"
    remedy = (
        f"Replace the value at the partner, since it was written down, and put a reference to it: secrets.{name}."
    )
    return Finding("unknown", path, message, remedy)


def _no_identifier(path: Path, value: Json) -> Finding:
    message = f"{'.'.join(map(str, path[-2:]))} must be text, not {described(value)}"
    remedy = "Write text." if isinstance(value, dict | list) else "Put it in quotes."
    return Finding("type", path, message, remedy if value not in (None, "") else "Fill it in.")


def _place(configuration: ConnectorConfiguration, finding: Finding) -> str:
    return configuration.place(".".join(map(str, finding.path))) or configuration.target
