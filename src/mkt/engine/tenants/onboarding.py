"""A new tenant's file: all that the manifests know of it, and in comments what somebody has to fill in."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from mkt.configs.connector_settings import fields_of
from mkt.configs.flow import flow
from mkt.contract import ConnectorConfiguration, SecretDeclaration
from mkt.errors import Refused
from mkt.registry import RegisteredConnector
from mkt.secrets.lookup import default_places

_WIDTH: Final = 100
_NIGHTLY: Final = "15 2 * * *"
REASON: Final = "onboarding"


def new_file(
    tenant: str, connectors: Iterable[RegisteredConnector], *, labels: Mapping[str, str], schema: str
) -> str:
    """Return the text of the file; `schema` is the path from it to the JSON Schema.

    Raise `Refused` where a connector stands there twice, `BrokenConnectorError` where one cannot say what it needs.
    """
    found = list(connectors)
    _require_different(connector.id for connector in found)
    lines = [f"# yaml-language-server: $schema={schema}", f"tenant: {flow(tenant)}"]
    lines += [f"labels: {flow(dict(labels))}"] if labels else []
    lines += ["integrations:"]
    for connector in found:
        lines += _integration(tenant, connector)
    return "\n".join(lines) + "\n"


def missing_settings(connector: RegisteredConnector) -> list[str]:
    """Return the names of the settings that a new file has to be given."""
    return [name for name, field in fields_of(connector).items() if field.is_required()]


def _require_different(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise Refused(
                f"two integrations would be called {name}",
                remedy="Add it once, then copy the entry in the file and give the second another name.",
            )
        seen.add(name)


def _integration(tenant: str, connector: RegisteredConnector) -> Iterator[str]:
    yield f"  - name: {flow(connector.id)}"
    yield f"    connector: {flow(connector.id)}"
    yield f"    disabled: {{reason: {REASON}}}"
    if connector.require_manifest().streams:
        yield f'    # schedule: "{_NIGHTLY}"    # left out: what mkt.toml says, or else only on request'
        yield "    # timezone: UTC"
    yield from _settings(connector)
    yield from _secrets(tenant, connector)


def _settings(connector: RegisteredConnector) -> Iterator[str]:
    fields = fields_of(connector)
    required = {name: field for name, field in fields.items() if field.is_required()}
    optional = [name for name in fields if name not in required]
    if required:
        yield "    settings:"
    for name, field in required.items():
        yield from _comment(6, field.description or name)
        yield f"      # {name}: {flow(next(iter(field.examples or ()), ''))}"
    if optional:
        yield from _comment(6 if required else 4, f"optional settings: {', '.join(optional)}")


def _secrets(tenant: str, connector: RegisteredConnector) -> Iterator[str]:
    manifest = connector.require_manifest()
    if not manifest.secrets:
        return
    configuration = ConnectorConfiguration(tenant=tenant, name=connector.id, connector=connector.id)
    keyring = default_places(configuration, "NAME")[1]
    yield from _comment(4, f"Secrets are looked for in these variables, then in {keyring}. To name other places:")
    yield "    # secrets:"
    for name, members in {"": [s for s in manifest.secrets if not s.set], **manifest.secret_sets}.items():
        if name:
            yield f"    #   # set {name}; one set is enough"
        for secret in members:
            yield f"    #   {secret.name}: {default_places(configuration, secret.name)[0]}{_remark(secret)}"


def _remark(secret: SecretDeclaration) -> str:
    return "" if secret.required else "    # optional"


def _comment(indent: int, text: str) -> list[str]:
    lead = f"{' ' * indent}# "
    return textwrap.wrap(text, _WIDTH, initial_indent=lead, subsequent_indent=lead, break_on_hyphens=False)
