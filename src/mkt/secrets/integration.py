"""The secrets of one integration, as its connector asks for them."""

from collections.abc import Iterator, Sequence

from mkt.contract import ConnectorConfiguration, Manifest, SecretDeclaration
from mkt.errors import ConfigError
from mkt.runtime.masking import Masker
from mkt.secrets.chain import SecretChain
from mkt.secrets.lookup import Found, Lookup, MissingSecretError, how_to_set, missing_together


class IntegrationSecrets:
    """The contract's `Secrets` for one call: looks each secret up once and registers it for masking."""

    def __init__(
        self, chain: SecretChain, configuration: ConnectorConfiguration, manifest: Manifest, masker: Masker
    ) -> None:
        self._chain = chain.together(configuration)
        self._configuration = configuration
        self._manifest = manifest
        self._masker = masker
        self._lookups: dict[str, Lookup] = {}

    def get(self, name: str) -> str:
        """Return the value; raise `ConfigError` that names all that are missing where there is none.

        An undeclared name is a bug of the connector: LookupError.
        """
        declaration = self._declaration(name)
        lookup = self._looked(declaration)
        if lookup.found is None:
            raise self._lacking(declaration, MissingSecretError(self._configuration, declaration, lookup.tried))
        return lookup.found.value

    def complete_set(self) -> str:
        """Return the first complete alternative; raise `ConfigError` about the one that is nearest.

        Those that the configuration names come first: nobody looks into the keyring for the others.
        """
        gaps: dict[str, list[SecretDeclaration]] = {}
        for name, members in sorted(self._manifest.secret_sets.items(), key=self._unnamed):
            gaps[name] = [s for s in members if s.required and self._looked(s).found is None]
            if not gaps[name]:
                return name
        if not gaps:
            raise LookupError(f"the manifest of {self._manifest.id} declares no alternative sets of secrets")
        raise self._no_set(gaps)

    def write_back(self, name: str, value: str) -> bool:
        """Store a rotated value where the old one stood; False when that place cannot be written.

        The rest of this call sees the new value in any case. Raise `ConfigError` when the place refuses.
        """
        declaration = self._declaration(name)
        lookup = self._look_up(declaration)
        reference = lookup.found.reference if lookup.found else None
        self._remember(declaration, Lookup(Found(reference, value), lookup.tried))
        return reference is not None and self._chain.write(reference, value)

    def identifiers(self) -> Iterator[str]:
        """Yield the values that are not sensitive: a URL among them names a host of this integration."""
        for declaration in self._manifest.secrets:
            if not declaration.sensitive and (found := self._looked(declaration).found):
                yield found.value

    def account(self) -> Iterator[str]:
        """Yield what tells one account at the partner from another: the identifiers or, without any, the secrets."""
        known = list(self.identifiers())
        if known:
            yield from known
            return
        for declaration in self._manifest.secrets:
            if found := self._looked(declaration).found:
                yield found.value

    def _declaration(self, name: str) -> SecretDeclaration:
        declaration = self._manifest.secret(name)
        if declaration is None:
            raise LookupError(f"connector {self._manifest.id} asks for {name}, which its manifest does not declare")
        return declaration

    def _looked(self, declaration: SecretDeclaration) -> Lookup:
        """Look a secret up; of one that cannot be read, name the others of its set that are missing too."""
        try:
            return self._look_up(declaration)
        except ConfigError as error:
            raise self._lacking(declaration, error) from None

    def _lacking(self, declaration: SecretDeclaration, error: ConfigError) -> ConfigError:
        """Return one error about a secret without a value and all that have none either and are needed with it."""
        others = [s for s in self._manifest.secrets if s.set == declaration.set and s.required and s != declaration]
        found = {declaration.name: error, **{s.name: problem for s in others if (problem := self._problem(s))}}
        absent = [each for each in found.values() if isinstance(each, MissingSecretError)]
        if len(found) == 1 or len(absent) < len(found):
            return error  # what cannot be read is mended first
        return missing_together(self._configuration, absent)

    def _problem(self, declaration: SecretDeclaration) -> ConfigError | None:
        try:
            lookup = self._look_up(declaration)
        except ConfigError as error:
            return error
        return None if lookup.found else MissingSecretError(self._configuration, declaration, lookup.tried)

    def _look_up(self, declaration: SecretDeclaration) -> Lookup:
        known = self._lookups.get(declaration.name)
        return known or self._remember(declaration, self._chain.look_up(self._configuration, declaration))

    def _remember(self, declaration: SecretDeclaration, lookup: Lookup) -> Lookup:
        self._lookups[declaration.name] = lookup
        if declaration.sensitive and lookup.found:
            self._masker.add(lookup.found.value)
        return lookup

    def _no_set(self, gaps: dict[str, list[SecretDeclaration]]) -> ConfigError:
        closest = min(gaps, key=lambda name: self._distance(name, gaps[name]))
        lacking = gaps[closest]
        tried = [place for secret in lacking for place in self._look_up(secret).tried]
        place = self._configuration.place("secrets")
        return ConfigError(
            f"{self._configuration.target} has no complete set of secrets ({', '.join(gaps)}). Closest is {closest}: "
            f"{_words(lacking)} missing; tried {', '.join(map(str, tried))}" + (f"; {place}" if place else ""),
            remedy=how_to_set(self._configuration, {s: self._look_up(s).tried for s in lacking}),
            code="config.secret_missing",
        )

    def _unnamed(self, alternative: tuple[str, Sequence[SecretDeclaration]]) -> bool:
        return not any(secret.name in self._configuration.secrets for secret in alternative[1])

    def _distance(self, name: str, lacking: Sequence[SecretDeclaration]) -> tuple[bool, int]:
        # A set of which something is there is what somebody began to fill in, however much it lacks. Where nothing is
        # there, the manifest's own order counts: what it names first is what it recommends.
        untouched = len(lacking) == len(self._manifest.secret_sets[name])
        return untouched, 0 if untouched else len(lacking)


def _words(declarations: Sequence[SecretDeclaration]) -> str:
    names = [declaration.name for declaration in declarations]
    return f"{names[0]} is" if len(names) == 1 else f"{', '.join(names)} are"
