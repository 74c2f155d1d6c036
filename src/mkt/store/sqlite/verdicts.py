"""What a person decides about a hold: each verdict is one transaction, so that one is given and the rest are told."""

import sqlite3
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime

from mkt.store.base import Hold, IntegrationState, Lease, Part, StreamChanges
from mkt.store.sqlite import absence, headers, held, holds, leftovers, promotion, sources
from mkt.store.sqlite.columns import stamp
from mkt.store.sqlite.connection import Database
from mkt.store.sqlite.leases import check_lease
from mkt.store.sqlite.states import save_state


def approve(
    database: Database, lease: Lease, hold_id: str, *, state: IntegrationState, reason: str, now: datetime
) -> Hold:
    """Apply all that is in the hold, move the cursors, store the state and close the hold."""
    with database.write() as connection:
        check_lease(connection, lease)
        hold = holds.opened(connection, hold_id, lease.key)
        staging = headers.of_hold(connection, hold_id).staging
        held.refuse_drift(connection, staging, hold)
        held.count_absent_as_deleted(connection, staging)
        absence.find(connection, staging)
        held.refuse_what_was_not_shown(connection, staging, hold)
        found = sources.of_key(connection, lease.key)
        numbers = [source.number for source in found if source.stream in hold.changes]
        promotion.apply(connection, staging, numbers, stamp(now))
        if not hold.windowed:
            _move_cursors(connection, hold, found)
        large = leftovers.let_go(connection, staging, hold.changes.values())
        save_state(connection, state)
        closed = holds.close(connection, hold, "approved", reason, now)
    if large:
        leftovers.clear(database, staging)
    return closed


def approve_part(
    database: Database, lease: Lease, hold_id: str, part: Collection[Part], *, state: IntegrationState, now: datetime
) -> Hold:
    """Apply these kinds of changes, store the state, and return the hold with what is left in it."""
    with database.write() as connection:
        check_lease(connection, lease)
        hold = holds.opened(connection, hold_id, lease.key)
        staging = headers.of_hold(connection, hold_id).staging
        held.refuse_drift(connection, staging, hold, part)
        promotion.apply_part(connection, staging, part, stamp(now))
        left = {stream: _without(changes, part) for stream, changes in hold.changes.items()}
        hold = replace(hold, changes=left)
        holds.leave(connection, hold, held.digest(connection, staging))
        save_state(connection, state)
        return hold


def reject(
    database: Database, lease: Lease, hold_id: str, *, reason: str, now: datetime, renew: Callable[[], object]
) -> Hold:
    """Close the hold; what it would have changed goes a little at a time, and none of it is ever seen again."""
    with database.write() as connection:
        check_lease(connection, lease)
        hold = holds.opened(connection, hold_id, lease.key)
        staging = headers.of_hold(connection, hold_id).staging
        headers.give_to(connection, staging, None)
        closed = holds.close(connection, hold, "rejected", reason, now)
    leftovers.remove(database, staging, renew)
    return closed


def _move_cursors(connection: sqlite3.Connection, hold: Hold, found: Collection[sources.Source]) -> None:
    at = headers.cursors(connection, headers.of_hold(connection, hold.id), found)
    for source in found:
        if source.stream in hold.changes:
            sources.finish(connection, source.number, at[source.stream], hold.as_of, hold.fingerprint)


def _without(changes: StreamChanges, part: Collection[Part]) -> StreamChanges:
    """Return the counts once a part is applied: what was applied is what the partner lists, so it is unchanged."""
    created = changes.created if "created" in part else 0
    updated = changes.updated if "updated" in part else 0
    return replace(
        changes,
        live=changes.live + created,
        created=changes.created - created,
        updated=changes.updated - updated,
        unchanged=changes.unchanged + created + updated,
    )
