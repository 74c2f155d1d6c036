"""Which integrations a look at the store is about: also those that the configs no longer have."""

from collections.abc import Iterable

from mkt.configs.base import ConfigSource
from mkt.engine.selection import Selection
from mkt.errors import StartError
from mkt.store.base import Key, Store


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


def _as_a_whole(selection: Selection, found: Iterable[Key]) -> set[Key]:
    """Return the keys of what is about a tenant and none of its integrations, where a tenant is named as a whole."""
    named = {*selection.targets, *selection.tenants}
    narrowed = selection.connectors or selection.labels
    return set() if narrowed else {Key(key.tenant, "") for key in found if key.tenant in named}


def _stored(selection: Selection, store: Store) -> list[Key]:
    """Connectors and labels are known of configurations only, so they find nothing here."""
    if selection.connectors or selection.labels:
        return []
    known = {*store.states(), *(key for key, _ in store.counts())}
    return [
        key
        for key in known
        if (not selection.targets or {key.tenant, f"{key.tenant}/{key.integration}"} & set(selection.targets))
        and (not selection.tenants or key.tenant in selection.tenants)
    ]
