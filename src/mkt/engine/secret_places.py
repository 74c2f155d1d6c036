"""Where the secrets of an integration stand, for those who show it. No value leaves this module."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mkt.contract import ConnectorConfiguration, Manifest, SecretDeclaration
from mkt.errors import ConnectorError
from mkt.runtime.masking import PROCESS
from mkt.secrets.base import Reference
from mkt.secrets.chain import SecretChain
from mkt.secrets.lookup import Lookup


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretPlace:
    """One declared secret: what the configuration says of it, and what came of looking."""

    declaration: SecretDeclaration
    written: str | None
    """The reference under `secrets:`; None where there is none, or where it is not one and may be a value."""
    place: str | None
    """The reference or the setting that led to a value; None where it is missing."""
    tried: tuple[str, ...] = ()
    problem: str = ""

    @property
    def there(self) -> bool:
        return self.place is not None


def secret_places(
    chain: SecretChain, configuration: ConnectorConfiguration, manifest: Manifest
) -> tuple[SecretPlace, ...]:
    """Look for every secret that the manifest declares, in its order."""
    return tuple(_place(chain, configuration, declaration) for declaration in manifest.secrets)


def needed(
    manifest: Manifest, places: Iterable[SecretPlace]
) -> tuple[list[SecretPlace], dict[str, list[SecretPlace]]]:
    """Return the secrets that are needed always, and the alternative sets; optional ones stand where they belong."""
    found = list(places)
    sets = {name: [each for each in found if each.declaration.set == name] for name in manifest.secret_sets}
    return [each for each in found if not each.declaration.set], sets


def complete(places: Sequence[SecretPlace]) -> bool:
    """Tell whether all that is required among these is there."""
    return all(place.there or not place.declaration.required for place in places)


def _place(chain: SecretChain, configuration: ConnectorConfiguration, declaration: SecretDeclaration) -> SecretPlace:
    written = None
    try:
        written = chain.written(configuration, declaration.name)
        lookup = chain.look_up(configuration, declaration)
    except ConnectorError as error:
        return SecretPlace(declaration=declaration, written=_text(written), place=None, problem=error.message)
    return SecretPlace(
        declaration=declaration,
        written=_text(written),
        place=_found(lookup, declaration),
        tried=tuple(map(str, lookup.tried)),
    )


def _text(reference: Reference | None) -> str | None:
    return None if reference is None else str(reference)


def _found(lookup: Lookup, declaration: SecretDeclaration) -> str | None:
    if lookup.found is None:
        return None
    if declaration.sensitive:
        PROCESS.add(lookup.found.value)
    reference = lookup.found.reference
    return _text(reference) or f"settings.{declaration.name.lower()}"
