"""What a look-up gives, where it looks by default, and what a person reads when nothing was found."""

from collections.abc import Mapping, Sequence
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


class MissingSecretError(ConfigError):
    """A secret that stands nowhere, with all that was tried."""

    def __init__(
        self, configuration: ConnectorConfiguration, declaration: SecretDeclaration, tried: Sequence[Tried]
    ) -> None:
        where = configuration.place(f"secrets.{declaration.name}")
        super().__init__(
            f"secret {declaration.name} of {configuration.target} is missing; {_tried(tried)}"
            + (f"; {where}" if where else ""),
            remedy=how_to_set(configuration, {declaration: tried}),
            code="config.secret_missing",
        )
        self.declaration = declaration
        self.tried = tuple(tried)


def missing_together(configuration: ConnectorConfiguration, lacking: Sequence[MissingSecretError]) -> ConfigError:
    """Return one error of several secrets that stand nowhere."""
    where = configuration.place("secrets")
    each = "; ".join(f"{error.declaration.name}, {_tried(error.tried)}" for error in lacking)
    return ConfigError(
        f"{len(lacking)} secrets of {configuration.target} are missing: {each}" + (f"; {where}" if where else ""),
        remedy=how_to_set(configuration, {error.declaration: error.tried for error in lacking}),
        code="config.secret_missing",
    )


def how_to_set(configuration: ConnectorConfiguration, lacking: Mapping[SecretDeclaration, Sequence[Tried]]) -> str:
    """Return what a person does to put values into one of the places, and where they come from.

    A variable of a session is no place: cron's syncs would not find it.
    """
    variables = [place.partition(":")[2] for tried in lacking.values() for place, _ in tried if place[:4] == "env:"]
    lines = ", ".join(f"`{name}='…'`" for name in variables)
    commands = [_command(configuration, declaration, tried) for declaration, tried in lacking.items()]
    ways = [
        f"{lines} in the project's .env (mode 0600)" if lines else "",
        " and ".join(filter(None, dict.fromkeys(commands))),
    ]
    hows = [(declaration.name, declaration.how) for declaration in lacking if declaration.how]
    steps = ", or ".join(filter(None, ways))
    said = [f"{name}: {how}" if len(lacking) > 1 else how for name, how in hows]
    return " ".join([f"Set {'it' if len(lacking) == 1 else 'them'}{': ' if steps else ''}{steps}.", *said])


def _command(configuration: ConnectorConfiguration, declaration: SecretDeclaration, tried: Sequence[Tried]) -> str:
    """Return the shortest way besides `.env`: an identifier may stand in the tenant's file."""
    schemes = {place.partition(":")[0] for place, _ in tried}
    name = declaration.name.lower()
    if f"settings.{name}" in schemes:
        return f"`{name}: …` under settings of {configuration.place('settings') or configuration.target}"
    verb = "generate" if declaration.generate else "set"
    kept = " for the keyring" if "keyring" in schemes else ""
    ours = f"`mkt secrets {verb} {configuration.target} {declaration.name}`{kept}"
    return ours if schemes & {"keyring", "file", "supabase"} else ""


def _tried(places: Sequence[Tried]) -> str:
    return "tried " + (", ".join(map(str, places)) or "nowhere: this installation has no secret backend")
