"""Where a secret is looked up, in which order, and who may name which place."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from mkt.contract import ConnectorConfiguration, SecretDeclaration
from mkt.errors import ConfigError, ConnectorError
from mkt.secrets.base import Reference, SecretBackend, TenantsBackend, WritableBackend
from mkt.secrets.lookup import Found, Lookup, MissingSecretError, Tried, default_places


class SecretChain:
    """All places that this installation knows.

    `allow` holds the operator's patterns (`env:NORTHWIND_*`) of references that a row from Supabase may name
    besides `supabase:`.
    """

    def __init__(self, backends: Sequence[SecretBackend], *, allow: Sequence[str] = ()) -> None:
        self._backends = {backend.scheme: backend for backend in backends}
        self._allow = tuple(allow)

    def together(self, configuration: ConnectorConfiguration) -> "SecretChain":
        """Return the same for one call of an integration: what is asked for over the wire comes in one request."""
        named: dict[str, set[str]] = {}
        for text in configuration.secrets.values():
            scheme, _, locator = text.partition(":")
            named.setdefault(scheme, set()).add(locator)
        if all(len(locators) < 2 for locators in named.values()):  # noqa: PLR2004 - one alone is asked for anyway
            return self
        return SecretChain(
            [
                backend.together(configuration.tenant, locators)
                if isinstance(backend, TenantsBackend) and len(locators := named.get(scheme, set())) > 1
                else backend
                for scheme, backend in self._backends.items()
            ],
            allow=self._allow,
        )

    def resolve(self, configuration: ConnectorConfiguration, declaration: SecretDeclaration) -> Found | None:
        """Return the value, None where there is none. Raise `ConfigError` as `look_up` does."""
        return self.look_up(configuration, declaration).found

    def look_up(self, configuration: ConnectorConfiguration, declaration: SecretDeclaration) -> Lookup:
        """Look in every place, in order. Raise `ConfigError` for a written reference that leads nowhere.

        Raise another `ConnectorError` for one that cannot be followed now.
        """
        text = configuration.secrets.get(declaration.name)
        if text is not None:
            return Lookup(self._written(configuration, declaration, text), ())
        tried: list[Tried] = []
        for found in self._unwritten(configuration, declaration, tried):
            return Lookup(found, tuple(tried))
        return Lookup(None, tuple(tried))

    def write(self, reference: Reference, value: str) -> bool:
        """Store a rotated value; False when the place does not take one. Raise `ConfigError` when it refuses."""
        backend = self.writable(reference)
        if backend is None or not backend.takes_rotated:
            return False
        backend.write(reference.locator, value)
        return True

    def written(self, configuration: ConnectorConfiguration, name: str) -> Reference | None:
        """Return what `secrets:` says of a name; raise `ConfigError` for what may not stand there."""
        text = configuration.secrets.get(name)
        return None if text is None else self._reference(configuration, name, text)

    def writable(self, reference: Reference) -> WritableBackend | None:
        """Return the backend where values can be stored under this reference."""
        backend = self._backend(reference) if reference.scheme in self._backends else None
        return backend if isinstance(backend, WritableBackend) else None

    def bound(self, reference: Reference, tenant: str) -> Reference:
        """Return the reference as it is meant where this tenant writes it."""
        owned = isinstance(self._backends.get(reference.scheme), TenantsBackend)
        return reference._replace(tenant=tenant) if owned else reference

    def identity(self, reference: Reference) -> Reference:
        """Return a reference that all have in common which lead to one place."""
        backend = self.writable(reference)
        return reference._replace(locator=backend.identity(reference.locator)) if backend else reference

    def places(self, configuration: ConnectorConfiguration, name: str) -> Sequence[Reference]:
        """Return where a secret is looked for that `secrets:` does not name."""
        return [place for place in default_places(configuration, name) if place.scheme in self._backends]

    def read(self, text: str) -> Found | Tried:
        """Look where one of the operator's own settings says; what is no reference is not repeated."""
        try:
            return self.look_at(self._parse(text))
        except ValueError as error:
            return Tried("the reference", str(error))

    def look_at(self, reference: Reference) -> Found | Tried:
        """Look in one place alone, whatever is wrong with it."""
        try:
            value = self._backend(reference).read(reference.locator)
        except ConnectorError as error:
            return Tried(str(reference), error.message)
        return Found(reference, value) if value else Tried(str(reference), _why(value))

    def _written(self, configuration: ConnectorConfiguration, declaration: SecretDeclaration, text: str) -> Found:
        reference = self._reference(configuration, declaration.name, text)
        try:
            value = self._backend(reference).read(reference.locator)
        except ConnectorError as error:
            raise type(error)(
                f"secret {declaration.name} of {configuration.target} cannot be read from {reference}: "
                f"{error.message}; {configuration.place(f'secrets.{declaration.name}')}",
                remedy=error.remedy,
                actor=error.actor,
                code=error.code,
                retry_at=error.retry_at,
            ) from None
        if not value:
            raise MissingSecretError(configuration, declaration, [Tried(str(reference), _why(value))])
        return Found(reference, value)

    def _reference(self, configuration: ConnectorConfiguration, name: str, text: str) -> Reference:
        place = configuration.place(f"secrets.{name}")
        try:
            reference = self._parse(text)
        except ValueError as error:
            raise ConfigError(
                f"secrets.{name} of {configuration.target}: {error}; {place}",
                remedy=f"Correct the reference at {place}; a value never stands there.",
                code="config.secret_reference",
            ) from None
        if not self._allowed(configuration, reference):
            raise ConfigError(
                f"secrets.{name} of {configuration.target} names {reference}, but a row from Supabase may name "
                f"supabase: references only; {place}",
                remedy=f"Store the value in Supabase, or let the operator add {reference} to [secrets] allow in "
                "mkt.toml.",
                code="config.secret_forbidden",
            )
        return self.bound(reference, configuration.tenant)

    def _backend(self, reference: Reference) -> SecretBackend:
        backend = self._backends[reference.scheme]
        return backend.of(reference.tenant) if isinstance(backend, TenantsBackend) else backend

    def _parse(self, text: str) -> Reference:
        """Raise ValueError without the text: before it is known to be a reference it may be a value."""
        reference = Reference.parse(text)
        backend = self._backends.get(reference.scheme)
        if backend is None:
            raise ValueError(f"not one of the known places: {', '.join(f'{scheme}:' for scheme in self._backends)}")
        if problem := backend.check(reference.locator):
            raise ValueError(problem)
        return reference

    def _allowed(self, configuration: ConnectorConfiguration, reference: Reference) -> bool:
        if configuration.origin.source != "supabase" or reference.scheme == "supabase":
            return True
        # A pattern such as file:secrets/* must not be left through `..`.
        climbs = ".." in reference.locator.split("/")
        return not climbs and any(fnmatchcase(str(reference), pattern) for pattern in self._allow)

    def _unwritten(
        self, configuration: ConnectorConfiguration, declaration: SecretDeclaration, tried: list[Tried]
    ) -> Iterator[Found]:
        """Yield what stands in the default places; `tried` gets those where nothing stands."""
        if not declaration.sensitive:
            value = _setting(configuration, declaration.name)
            if value:
                yield Found(None, value)
            tried.append(Tried(f"settings.{declaration.name.lower()}", _why(value)))
        for reference in self.places(configuration, declaration.name):
            looked = self.look_at(reference)
            if isinstance(looked, Found):
                yield looked
            else:
                tried.append(looked)


def _setting(configuration: ConnectorConfiguration, name: str) -> str | None:
    value = configuration.settings.get(name.lower())
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).strip()


def _why(value: str | None) -> str:
    return "not there" if value is None else "empty"
