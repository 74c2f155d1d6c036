"""The records that a delivery brings: applied to the live ones at once, whatever sync is going on.

A sync that is staging has read the partner before the delivery came, so the delivery's word counts: what was staged
of the record is taken out, and it counts as seen, as if the sync had read it now. What the sync reads after that
counts again. A hold is left as it was shown: it refuses to be approved where a record is another by then.
"""

import sqlite3
from collections.abc import Sequence
from typing import Final

from mkt.store.base import Key, Row
from mkt.store.sqlite import direct, headers, sources, staged
from mkt.store.sqlite.columns import id_list
from mkt.store.sqlite.live import Part, known, parts

_UNMARK: Final = """
    delete from integration_absences
    where source = ? and scope = ? and external_id in (select value from json_each(?))"""


def apply(connection: sqlite3.Connection, key: Key, rows: Sequence[Row], now: str) -> dict[str, int]:
    """Write the rows, in the caller's transaction, and return how many records were created, updated and deleted."""
    split = parts(rows)
    numbers = {source.stream: source.number for source in sources.intern(connection, key, split)}
    running = [header.staging for header in headers.of_key(connection, key) if not header.direct]
    counts = {"created": 0, "updated": 0, "deleted": 0}
    for stream, part in split.items():
        source = numbers[stream]
        before = known(connection, source, part.last)
        kinds = direct.kinds_of(part, before)
        direct.apply(connection, source, part, before=before, kinds=kinds, now=now, put=connection.execute)
        for kind in kinds.values():
            counts[kind] += 1
        for scope, ids in part.standing.items():
            connection.execute(_UNMARK, (source, scope, id_list(ids)))
        for staging in running:
            _overrule(connection, staging, source, part)
    return counts


def _overrule(connection: sqlite3.Connection, staging: int, source: int, part: Part) -> None:
    staged.unstage(connection, staging, source, part.last)
    staged.unsee(connection, staging, source, part.deleted)
    for scope, ids in part.standing.items():
        connection.execute(staged.SEE, (staging, source, scope, id_list(ids)))
