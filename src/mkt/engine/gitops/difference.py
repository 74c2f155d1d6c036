"""The tenants' files beside the rows of Supabase: what differs, and which side has changed since they were the same.

What they had in common last is known by digest. This installation remembers it of what it pulled and pushed; where it
remembers nothing of an integration, as on a fresh checkout in CI, the row itself tells what was pushed last.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, TypeAlias

from mkt.configs.canonical import Entry, digest
from mkt.configs.supabase_rows import IntegrationRow
from mkt.contract import Json

State = Literal["same", "here", "there", "conflict"]
"""Which side has something that the other has not: the files, the rows, both; or neither."""
Key: TypeAlias = tuple[str, str]
"""Tenant and name."""
Known: TypeAlias = Mapping[Key, frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One integration on both sides; None where it is not there."""

    tenant: str
    name: str
    here: Entry | None
    row: IntegrationRow | None
    state: State
    place: str = ""
    """Where the file says it."""
    remembered: bool = True
    """Whether this installation itself has had it on both sides."""

    @property
    def unseen(self) -> bool:
        """Whether it may be new here: a row that a push has left there, but not one from this installation."""
        return self.here is None and self.state == "here" and not self.remembered

    @property
    def target(self) -> str:
        return f"{self.tenant}/{self.name}"

    @property
    def key(self) -> Key:
        return self.tenant, self.name

    @property
    def there(self) -> Entry | None:
        return self.row.entry if self.row else None

    @property
    def what(self) -> str:
        """What has happened since the two were the same, in words."""
        if self.unseen:
            return "only in Supabase"
        new = "changed" if self.state == "conflict" else "added"  # where both have moved, both have had it
        here = "removed" if self.here is None else new if self.row is None else "changed"
        there = "removed" if self.row is None else new if self.here is None else "changed"
        words = {"here": f"{here} in the file", "there": f"{there} in Supabase"}
        return words.get(self.state) or " and ".join(words.values())

    @property
    def wakes(self) -> bool:
        """Whether the file would end, or shorten, a rest that somebody has set in Supabase."""
        if self.row is None or self.here is None or self.row.pushed == digest(self.row.entry):
            return False
        return _rests_until(self.here) < _rests_until(self.row.entry)


def compare(
    here: Mapping[Key, tuple[Entry, str]], rows: Iterable[IntegrationRow], known: Known
) -> Iterator[Difference]:
    """Return every integration of either side, in order; `here` are the files' entries, each with its place."""
    there = {(row.tenant, row.name): row for row in rows}
    for key in sorted({*here, *there}):
        entry, place = here.get(key, (None, ""))
        row = there.get(key)
        yield Difference(
            tenant=key[0],
            name=key[1],
            here=entry,
            row=row,
            state=_state(entry, row, known.get(key)),
            place=place,
            remembered=key in known,
        )


def _state(here: Entry | None, row: IntegrationRow | None, known: frozenset[str] | None) -> State:
    if known is None:
        known = frozenset({row.pushed}) if row and row.pushed else frozenset()
    mine = digest(here) if here is not None else None
    theirs = digest(row.entry) if row else None
    if mine == theirs:
        return "same"
    if theirs in known or (theirs is None and not known):
        return "here"
    # A file that says what was pushed last has no news, whoever has pushed it.
    if mine in known or (mine is None and not known) or (mine and row and mine == row.pushed):
        return "there"
    return "conflict"


_NEVER: Final = date.min


def _rests_until(entry: Entry) -> date:
    """Return the first day on which an integration works again; the last of all days where none is said."""
    disabled = entry.get("disabled")
    if entry.get("enabled") is False:
        return date.max
    if not isinstance(disabled, Mapping):
        return _NEVER
    until = disabled.get("until")
    try:
        return date.fromisoformat(until) if isinstance(until, str) else date.max
    except ValueError:  # a row that nobody has judged
        return date.max


@dataclass(frozen=True, slots=True)
class Differing:
    """One key that the sides do not agree about; None where it is not there."""

    key: str
    here: Json
    there: Json


def differing(found: Difference) -> list[Differing]:
    """Return the keys in which two sides differ, each setting and each secret by itself."""
    here, there = (dict(_flat(entry or {}, "")) for entry in (found.here, found.there))
    return [
        Differing(key, here.get(key), there.get(key))
        for key in dict.fromkeys([*here, *there])
        if here.get(key) != there.get(key) or (key in here) != (key in there)
    ]


def _flat(value: Mapping[str, Json], lead: str) -> Iterator[tuple[str, Json]]:
    for key, item in value.items():
        dotted = f"{lead}.{key}" if lead else key
        if isinstance(item, Mapping) and item:
            yield from _flat(item, dotted)
        else:
            yield dotted, item
