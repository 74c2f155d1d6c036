"""One secret of one integration, for a person: where it is looked for, where its value is kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from mkt.contract import ConnectorConfiguration, SecretDeclaration
from mkt.errors import ConfigError, ConnectorError, Refused
from mkt.secrets.base import Reference, WritableBackend
from mkt.secrets.chain import SecretChain
from mkt.secrets.file import FOLDER
from mkt.secrets.lookup import Found, MissingSecretError, Tried, default_places

Kind = Literal["keyring", "file", "supabase"]
"""What `--to` and `--from` choose between."""
KINDS: Final[tuple[Kind, ...]] = ("keyring", "file", "supabase")


@dataclass(frozen=True, slots=True)
class Looked:
    """A place, and what came of it; exactly one wins where there is a value."""

    place: str
    wins: bool
    why: str


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a value is now; `advice` says what else has to be done before it is used."""

    reference: Reference
    replaced: bool
    advice: str


@dataclass(frozen=True, slots=True)
class OneSecret:
    """A declared secret of a configuration, in the places of this installation."""

    chain: SecretChain
    configuration: ConnectorConfiguration
    declaration: SecretDeclaration

    @property
    def name(self) -> str:
        return self.declaration.name

    @property
    def label(self) -> str:
        """The secret as a person names it."""
        return f"{self.configuration.target} {self.name}"

    @property
    def own_file(self) -> Reference:
        """The file that is this secret's alone, by default."""
        return Reference("file", f"{FOLDER}/{self.configuration.target}/{self.name}")

    @property
    def own_row(self) -> Reference:
        """The value in Supabase that is this secret's alone, by default."""
        reference = Reference("supabase", f"{self.configuration.name}/{self.name}")
        return self.chain.bound(reference, self.configuration.tenant)

    def stands_in(self, reference: Reference) -> bool:
        """Tell whether a place has a value; raise `ConnectorError` where it cannot be asked."""
        with _or_in_a_file(reference):
            return self._backend(reference).holds(reference.locator)

    def places(self) -> Iterator[Looked]:
        """Look in every place, in order; what comes after the winner is not asked."""
        written = self.chain.written(self.configuration, self.name)
        if written is not None:
            yield _looked(self.chain.look_at(written))
            line = self.configuration.place(f"secrets.{self.name}")
            yield from (Looked(each, wins=False, why=f"not asked: {line} names a place") for each in self._defaults())
            return
        winner = self.chain.look_up(self.configuration, self.declaration)
        yield from (Looked(tried.place, wins=False, why=tried.why) for tried in winner.tried)
        if winner.found is not None:
            yield _looked(winner.found, self._setting)
            rest = list(self._defaults())[len(winner.tried) + 1 :]
            yield from (Looked(each, wins=False, why="not asked: the one above comes first") for each in rest)

    def value(self) -> str:
        """Return the value in force; raise `ConfigError` where there is none."""
        lookup = self.chain.look_up(self.configuration, self.declaration)
        if lookup.found is None:
            raise MissingSecretError(self.configuration, self.declaration, lookup.tried)
        return lookup.found.value

    def destination(self, kind: Kind | None) -> Reference:
        """Return where a value belongs: what `secrets:` names if that can be written, else the default place."""
        written = self.chain.written(self.configuration, self.name)
        if written is not None and kind in (None, written.scheme) and self.chain.writable(written):
            return written
        if kind == "file":
            return self.own_file
        if kind == "supabase":
            return self.own_row
        return default_places(self.configuration, self.name)[1]

    def place_for_a_new_one(self, kind: Kind | None, *, replace: bool) -> Reference:
        """Return where a value that our side makes belongs.

        Raise `Refused` where our side does not make it, or where there is one that is not to be replaced.
        """
        if self.declaration.generate is None:
            how = f"Store what the partner gives: `mkt secrets set {self.label}`. {self.declaration.how}"
            raise Refused(f"{self.label} is not made by us", remedy=how)
        reference = self.destination(kind)
        standing = reference if self.stands_in(reference) else self._in_force()
        if standing is not None and not replace:
            raise Refused(
                f"{self.label} has a value in {standing}; nothing was changed",
                remedy="--replace makes a new one; the partner needs its public half before it is used.",
            )
        return reference

    def keep(self, reference: Reference, value: str) -> Kept:
        """Store a value; raise `ConfigError` where the place refuses it, or does not give it back as it was."""
        with _or_in_a_file(reference):
            replaced = self._store(reference, value)
        return Kept(reference, replaced, self._advice(reference))

    def delete(self, reference: Reference) -> str:
        """Take the value away and return what is still in force, if anything; raise `Refused` where there is none."""
        with _or_in_a_file(reference, "Or is it in a file, or in Supabase? --from file, --from supabase."):
            deleted = self._backend(reference).delete(reference.locator)
        left = self._in_force()
        if not deleted:
            raise self._nothing_to_delete(reference, left)
        return str(left or "")

    def _nothing_to_delete(self, reference: Reference, left: Reference | str | None) -> Refused:
        """Say where it is instead, and how to delete it there."""
        elsewhere = [kind for kind in KINDS if self.destination(kind) != reference and self._has(kind)]
        if elsewhere:
            place, remedy = self.destination(elsewhere[0]), f"Delete it there: --from {elsewhere[0]}."
            return Refused(f"{self.label} has no value in {reference}; one is in {place}", remedy=remedy)
        if left:
            message = f"{self.label} has no value in {reference}; it comes from {left}, which is not mkt's to delete"
            return Refused(message, remedy=f"Take it out of {left} where mkt runs.")
        remedy = f"`mkt secrets which {self.label}` tells where it is looked for; --from names the place to delete."
        return Refused(f"{self.label} has no value in {reference}", remedy=remedy)

    def _has(self, kind: Kind) -> bool:
        place = self.destination(kind)
        backend = self.chain.writable(place)
        try:
            return backend is not None and backend.holds(place.locator)
        except ConnectorError:
            return False

    def _store(self, reference: Reference, value: str) -> bool:
        """Write a value and read it again; return whether there was one before."""
        backend = self._backend(reference)
        replaced = backend.holds(reference.locator)
        backend.write(reference.locator, value)
        if backend.read(reference.locator) != value:
            raise ConfigError(
                f"{reference} took the value, but does not give it back as it was",
                remedy="`python -m keyring diagnose` tells which keyring this is.",
                code="config.secret_not_kept",
            )
        return replaced

    def _advice(self, reference: Reference) -> str:
        """Say what keeps a stored value from being used, and what to do about it; empty where nothing does."""
        written = self.chain.written(self.configuration, self.name)
        if reference == written:
            return ""
        line = f"`{self.name}: {reference}`"
        if written is not None:
            cannot = "" if self.chain.writable(written) else ", which mkt cannot write"
            place = self.configuration.place(f"secrets.{self.name}")
            return (
                f"It is not used yet: {place} names {written}{cannot}. Put {line} there instead.{self._until_then()}"
            )
        if str(reference) not in self._defaults():
            return f"It is not used yet: put {self._naming(reference)}.{self._until_then()}"
        winner = self._in_force()
        return f"It is not used: {winner} has a value and comes first. Take that away." if winner != reference else ""

    def _naming(self, reference: Reference) -> str:
        """Return what has to stand where for a reference to count: a row has JSON, a file YAML."""
        place = self.configuration.place()
        if self.configuration.origin.source == "supabase":
            return f'`{{"{self.name}": "{reference}"}}` into the column secrets of {place}'
        return f"`{self.name}: {reference}` below secrets: of the integration at {place}"

    def _until_then(self) -> str:
        winner = self._in_force()
        return f" Until then the value in {winner} is used, by `mkt verify` too." if winner else ""

    def _in_force(self) -> Reference | str | None:
        """Return where the value comes from at present."""
        try:
            found = self.chain.look_up(self.configuration, self.declaration).found
        except ConnectorError:
            return None
        return None if found is None else found.reference or self._setting

    def _defaults(self) -> Iterator[str]:
        if not self.declaration.sensitive:
            yield self._setting
        yield from map(str, self.chain.places(self.configuration, self.name))

    @property
    def _setting(self) -> str:
        return f"settings.{self.name.lower()}"

    def _backend(self, reference: Reference) -> WritableBackend:
        backend = self.chain.writable(reference)
        if backend is None:
            raise Refused(f"{reference} cannot be written", remedy="Choose another place with --to.")
        return backend


@contextmanager
def _or_in_a_file(reference: Reference, else_: str = "Or keep it in a file: --to file.") -> Iterator[None]:
    """Say of a keyring that cannot be used what else there is."""
    try:
        yield
    except ConfigError as error:
        other = f" {else_}" if reference.scheme == "keyring" else ""
        raise ConfigError(error.message, remedy=error.remedy + other, code=error.code) from None


def _looked(found: Found | Tried, setting_name: str = "") -> Looked:
    if isinstance(found, Tried):
        return Looked(found.place, wins=False, why=found.why)
    return Looked(str(found.reference or setting_name), wins=True, why="this one is used")
