"""Which integrations a look at the store is about: also those that the configs no longer have."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from mkt.configs.base import ConfigSource
from mkt.engine.selection import Selection
from mkt.errors import Refused, StartError
from mkt.store.base import Key, Run, Store
from mkt.store.deliveries import Delivery

Found = TypeVar("Found", Run, Delivery)
_DELIVERIES: Final = "See `mkt webhooks list`: of many that were refused in a minute, one entry stands for most."
_NAMED: Final = 5


def keys_of(selection: Selection, source: ConfigSource, store: Store) -> list[Key] | None:
    """Return the keys that are selected, None for all; raise `StartError` for a name that nobody knows."""
    if selection.everything:
        return None
    stored = _stored(selection, store)
    try:
        chosen = [Key(c.tenant, c.name) for c in selection.choose(source.load()).configurations]
    except StartError:
        if not stored:
            raise
        chosen = []
    return sorted({*chosen, *stored, *_as_a_whole(selection, (*chosen, *stored))})


def only_run(store: Store, part: str) -> Run:
    """Return the run whose id contains `part`; raise `Refused` unless it is one."""
    return _only(store.find_runs, part, "run", "See `mkt runs list`.")


def only_delivery(store: Store, part: str) -> Delivery:
    """Return the delivery whose id contains `part`; raise `Refused` unless it is one."""
    return _only(store.find_deliveries, part, "delivery", _DELIVERIES)


def _only(find: Callable[[str], Sequence[Found]], part: str, what: str, remedy: str) -> Found:
    if not part:
        raise Refused("an empty text is part of every id", remedy=remedy)
    found = find(part)
    if not found:
        raise Refused(f"there is no {what} whose id contains {part}", remedy=remedy)
    if len(found) > 1:
        some = ", ".join(each.id for each in found[:_NAMED])
        raise Refused(f"{part} is part of {len(found)} ids: {some}", remedy="Give more of the id.")
    return found[0]


def _as_a_whole(selection: Selection, found: Iterable[Key]) -> set[Key]:
    """Return the keys of what is about a tenant and none of its integrations, where a tenant is named as a whole."""
    named = {*selection.targets, *selection.tenants}
    narrowed = selection.connectors or selection.labels
    return set() if narrowed else {Key(key.tenant, "") for key in found if key.tenant in named}


def _stored(selection: Selection, store: Store) -> list[Key]:
    """Connectors and labels are known of configurations only, so they find nothing here."""
    if selection.connectors or selection.labels:
        return []
    return [
        key
        for key in store.known_keys(selection.named)
        if (not selection.targets or {key.tenant, f"{key.tenant}/{key.integration}"} & set(selection.targets))
        and (not selection.tenants or key.tenant in selection.tenants)
    ]
