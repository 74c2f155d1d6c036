"""What `mkt secrets` is given: which secret, and its value; a value is never an argument."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mkt.cli.targets import one_integration_of
from mkt.cli.wiring import build_registry, build_secrets, build_source
from mkt.configs.suggestion import suggestion
from mkt.errors import Refused
from mkt.runtime.masking import PROCESS
from mkt.secrets.base import Reference
from mkt.secrets.placing import OneSecret
from mkt.secrets.sharing import require_own, sharers

if TYPE_CHECKING:
    from mkt.secrets.sealed_rows import SealedRows
    from mkt.settings import ProjectSettings

_LARGEST = 64 * 1024
"""Bytes; whatever is larger is the wrong file."""


def one_secret(settings: "ProjectSettings", target: str, name: str) -> OneSecret:
    """Return the secret that is meant; raise `Refused` where the target has several integrations or not this name."""
    configuration, connector = one_integration_of(target, build_source(settings), build_registry())
    manifest = connector.require_manifest()
    declaration = manifest.secret(name)
    if declaration is None:
        remedy = suggestion(name, [secret.name for secret in manifest.secrets])
        raise Refused(f"{connector.id} has no secret {name}", remedy=remedy)
    return OneSecret(build_secrets(settings), configuration, declaration)


def others_at(
    settings: "ProjectSettings", secret: OneSecret, reference: Reference, *, shared: bool, verb: str = "changes"
) -> list[str]:
    """Return who else uses the place; raise `Refused` where a value stands there, unless `shared`."""
    configurations = build_source(settings).load().configurations
    operator = {"[alerts] webhook_secret": settings.alerts.webhook_secret}
    others = sharers(secret, reference, configurations, operator)
    if not shared:
        require_own(secret, reference, others, verb=verb)
    return others


def tenants_of(rows: "SealedRows", asked: Sequence[str]) -> list[str]:
    """Return the tenants that are meant; raise `Refused` for one that has no value in Supabase."""
    for tenant in asked:
        if next(rows.of(tenant), None) is None:
            remedy = suggestion(tenant, list(rows.tenants()))
            raise Refused(f"tenant {tenant} has no value in Supabase", remedy=remedy)
    return list(dict.fromkeys(asked)) or list(rows.tenants())


def read_value(secret: OneSecret, from_file: Path | None) -> str:
    """Read a value from the file, else by a hidden prompt on a terminal, else from stdin, and have it masked."""
    if from_file is not None:
        value = _text(_content(from_file))
    elif sys.stdin.isatty():
        value = typer.prompt(f"{secret.label} (not shown)", hide_input=True, err=True)
    else:
        value = _text(sys.stdin.buffer.read(_LARGEST + 1))
    # One line break at the end comes from an editor or from echo.
    value = value.removesuffix("\n").removesuffix("\r")
    if not value.strip():
        raise Refused("the value is empty; nothing was stored", remedy="Give it by --from-file, or on stdin.")
    if secret.declaration.sensitive:
        PROCESS.add(value)
    return value


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST + 1)
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}", remedy="Name a readable file.") from None


def _text(content: bytes) -> str:
    if len(content) > _LARGEST:
        raise Refused(f"the value is longer than {_LARGEST} bytes", remedy="Is it the right file?")
    try:
        value = content.decode()
    except UnicodeDecodeError:
        raise Refused("the value is no UTF-8 text", remedy="Is it the right file? Keys are stored as PEM.") from None
    if "\0" in value:
        raise Refused("the value holds a NUL, so it is no text", remedy="Is it the right file?")
    return value
