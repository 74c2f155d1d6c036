"""Which declared secrets are found and which are lacking: `mkt secrets list`."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mkt.contract import ConnectorConfiguration, Manifest
from mkt.engine.secret_places import SecretPlace, complete, needed, secret_places
from mkt.registry import ConnectorRegistry
from mkt.secrets.chain import SecretChain

Need = Literal["needed", "optional", "alternative"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretState:
    """One declared secret of one integration; `lacking` where the integration cannot work until somebody acts."""

    configuration: ConnectorConfiguration
    place: SecretPlace
    lacking: bool

    @property
    def need(self) -> Need:
        declaration = self.place.declaration
        if not declaration.required:
            return "optional"
        return "alternative" if declaration.set else "needed"

    @property
    def why(self) -> str:
        """What came of looking where there is no value."""
        return "" if self.place.there else self.place.problem or f"tried {', '.join(self.place.tried)}"


def secret_states(
    configurations: Iterable[ConnectorConfiguration], registry: ConnectorRegistry, chain: SecretChain
) -> Iterator[SecretState]:
    """Look for every declared secret of these integrations; one of an unknown or broken connector has none."""
    for configuration in configurations:
        connector = registry.get(configuration.connector)
        if connector is not None and connector.manifest is not None:
            places = secret_places(chain, configuration, connector.manifest)
            lacking = _lacking(connector.manifest, places)
            for place in places:
                name = place.declaration.name
                yield SecretState(configuration=configuration, place=place, lacking=name in lacking)


def _lacking(manifest: Manifest, places: Sequence[SecretPlace]) -> Collection[str]:
    """Return the names to act on: of several sets that are not complete, those of the nearest one."""
    always, sets = needed(manifest, places)
    asked = list(always)
    if not any(complete(members) for members in sets.values()):
        nearest: list[SecretPlace] = min(sets.values(), key=_distance, default=[])
        asked += nearest
    lacking = {place.declaration.name for place in asked if place.declaration.required and not place.there}
    # A reference that somebody wrote is meant to lead somewhere, whatever it is for.
    return lacking | {place.declaration.name for place in places if place.problem}


def _distance(members: list[SecretPlace]) -> tuple[bool, int]:
    """Put first what somebody began to fill in, of several what lacks least; else the manifest's own order counts."""
    lacking = [place for place in members if place.declaration.required and not place.there]
    begun = any(place.there or place.written for place in members)
    return not begun, len(lacking) if begun else 0
