"""`mkt doctor`: variables that look like mkt's and that nothing reads, most often because of a typing error."""

import os
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, get_args

from dotenv import dotenv_values
from pydantic import BaseModel

from mkt.cli.cron import VARIABLES
from mkt.cli.wiring import build_registry
from mkt.output.checks import Check
from mkt.secrets.lookup import default_places
from mkt.secrets.sealing_keys import CURRENT, PREVIOUS
from mkt.settings import ProjectSettings

if TYPE_CHECKING:
    from mkt.configs.base import Configs

_PREFIX, _SECRET = "MKT_", "MKT_SECRET__"
_ALIKE: Final = 0.85
_NEVER_SETTINGS: Final = frozenset({"MKT_PROJECT", "MKT_ALERT_ID", CURRENT, PREVIOUS})


def variable_checks(settings: ProjectSettings, configs: "Configs") -> Iterator[Check]:
    """Name each such variable of this session and of `.env`, and what it is likely meant to be."""
    file = settings.root / VARIABLES
    known = {
        *_NEVER_SETTINGS,
        *_of_settings(ProjectSettings, _PREFIX),
        *_of_secrets(configs),
        *_named(settings, configs),
    }
    seen: dict[str, str] = {}
    places: tuple[tuple[str, Iterable[str]], ...] = (("this session", os.environ), (str(file), _lines(settings)))
    for place, names in places:
        seen |= {name: place for name in names if name.upper().startswith(_PREFIX) and not _is_read(name, known)}
    for name, place in sorted(seen.items()):
        near = get_close_matches(name.upper(), known, n=1, cutoff=_ALIKE)
        # Another project's secrets may well stand in the same session.
        if near or not name.startswith(_SECRET):
            yield Check(
                name="variables",
                ok=False,
                found=f"{place} sets {name}, which nothing reads",
                remedy=f"Did you mean {near[0]}?" if near else "Take it out, or see `mkt config show` for the names.",
            )


def _is_read(name: str, known: Iterable[str]) -> bool:
    return name.upper() in known or name.upper().startswith("MKT_DEFAULTS__")


def _of_settings(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}".upper()
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _of_settings(kind, f"{prefix}{name}__")


def _of_secrets(configs: "Configs") -> Iterator[str]:
    """Yield where the secrets of all integrations are looked for by default."""
    registry = build_registry()
    for configuration in configs.configurations:
        connector = registry.get(configuration.connector)
        for secret in connector.manifest.secrets if connector and connector.manifest else ():
            yield default_places(configuration, secret.name)[0].locator


def _named(settings: ProjectSettings, configs: "Configs") -> Iterator[str]:
    """Yield what references name."""
    texts = [settings.alerts.webhook_secret]
    texts += [text for configuration in configs.configurations for text in configuration.secrets.values()]
    yield from (text.removeprefix("env:").upper() for text in texts if text.startswith("env:"))


def _lines(settings: ProjectSettings) -> Mapping[str, str | None]:
    try:
        return dotenv_values(settings.root / VARIABLES, interpolate=False)
    except (OSError, UnicodeDecodeError):  # said by whoever needs a value of it
        return {}
