"""What a look-up gives, where it looks by default, and what a person reads when nothing was found."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mkt.contract import ConnectorConfiguration, SecretDeclaration
from mkt.errors import ConfigError
from mkt.secrets.base import Reference


@dataclass(frozen=True, slots=True)
class Found:
    """A value and the reference that led to it; None for an identifier that stands under `settings`."""

    reference: Reference | None
    value: str = field(repr=False)


class Tried(NamedTuple):
    """A place without a value, and why there is none."""

    place: str
    why: str

    def __str__(self) -> str:
        return f"{self.place} ({self.why})"


@dataclass(frozen=True, slots=True)
class Lookup:
    """What came of looking for one secret: the value, and the places tried before it."""

    found: Found | None
    tried: tuple[Tried, ...]


def default_places(configuration: ConnectorConfiguration, name: str) -> tuple[Reference, Reference]:
    """Return where a secret is looked for that `secrets:` does not name."""
    words = (configuration.tenant, configuration.name, name)
    variable = "__".join(("MKT_SECRET", *(word.upper().replace("-", "_") for word in words)))
    return Reference("env", variable), Reference("keyring", f"mkt/{'/'.join(words)}")


def missing(
    configuration: ConnectorConfiguration, declaration: SecretDeclaration, tried: Sequence[Tried]
) -> ConfigError:
    """Return the error of a secret that stands nowhere."""
    name = declaration.name
    places = ", ".join(str(place) for place in tried) or "nowhere: this installation has no secret backend"
    where = configuration.place(f"secrets.{name}")
    return ConfigError(
        f"secret {name} of {configuration.target} is missing; tried {places}" + (f"; {where}" if where else ""),
        remedy=how_to_set(configuration, declaration, tried),
        code="config.secret_missing",
    )


def how_to_set(configuration: ConnectorConfiguration, declaration: SecretDeclaration, tried: Sequence[Tried]) -> str:
    """Return what a person types to put the value into one of the places, and where it comes from."""
    verb = "generate" if declaration.generate else "set"
    ours = f"mkt secrets {verb} {configuration.target} {declaration.name}"
    commands = dict.fromkeys(command for place in tried if (command := _command(place.place, ours)))
    steps = "Set it: " + ", or ".join(f"`{command}`" for command in commands) if commands else "Set it"
    return f"{steps}. {declaration.how}" if declaration.how else f"{steps}."


def _command(place: str, ours: str) -> str:
    scheme, _, locator = place.partition(":")
    if scheme == "env":
        return f"export {locator}=…"
    return ours if scheme in ("keyring", "file") else ""
