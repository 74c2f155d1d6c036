"""Removing a staging that nobody needs, however large it is."""

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from mkt.errors import StoreError
from mkt.store.base import StreamChanges
from mkt.store.sqlite import headers
from mkt.store.sqlite.chunks import delete_below
from mkt.store.sqlite.connection import Database

# From here on no run goes on from it: half of a staging is none.
_GIVE_UP: Final = "update integration_staging_runs set resumable = 0 where staging = ?"
# In the order of the indexes: to look each row up again would take four times as long.
_ROWS: Final = (
    """select source, external_id from integration_staging where staging = :staging
        order by source, external_id limit 1 offset :chunk""",
    (
        headers.SUPERSEDED.format(
            which="g.staging = :staging and (g.source, g.external_id) < (:source, :external_id)"
        ),
        """delete from integration_staging
            where staging = :staging and (source, external_id) < (:source, :external_id)""",
    ),
)
_SEEN: Final = (
    """select source, scope, external_id from integration_staging_seen where staging = :staging
        order by source, scope, external_id limit 1 offset :chunk""",
    (
        """delete from integration_staging_seen
            where staging = :staging and (source, scope, external_id) < (:source, :scope, :external_id)""",
    ),
)


_LARGE: Final = 100_000
_CHUNK: Final = 20_000
"""Rows of a staging are deleted in their order, some ten thousand in a few hundredths of a second."""


def let_go(connection: sqlite3.Connection, staging: int, changes: Iterable[StreamChanges]) -> bool:
    """Remove what has been applied, or tell that it is so large that `remove` is to do it, a little at a time."""
    large = sum(change.seen + change.deleted for change in changes) > _LARGE
    if large:
        headers.give_to(connection, staging, None)
    else:
        headers.remove(connection, staging)
    return large


def clear(database: Database, staging: int) -> None:
    """Remove what was let go. What fails here is done by the integration's next run: the records are safe."""
    with suppress(StoreError):
        remove(database, staging, lambda: None)


def remove(database: Database, staging: int, renew: Callable[[], object]) -> None:
    """Remove a staging. The caller has the lease of its integration; `renew` keeps it."""
    with database.write() as connection:
        connection.execute(_GIVE_UP, (staging,))
    for bound, deletes in (_ROWS, _SEEN):
        delete_below(database, bound, deletes, {"staging": staging, "chunk": _CHUNK}, renew)
    with database.write() as connection:
        headers.remove(connection, staging)
