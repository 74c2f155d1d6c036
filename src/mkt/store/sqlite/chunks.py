"""Deleting much: a little at a time, so that no other process waits long for its turn to write."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final

from mkt.store.sqlite.columns import dump
from mkt.store.sqlite.connection import Database
from mkt.store.sqlite.paging import pages

CHUNK: Final = 1000


def _nothing() -> None:
    """Do nothing between two chunks."""


def delete_found(
    database: Database,
    select: str,
    deletes: Sequence[str],
    wanted: Mapping[str, Any],
    between: Callable[[], object] = _nothing,
) -> int:
    """Delete what is found, and return how much it was. Looking for it holds no lock.

    `select` gives numbers in order, after `:after` and at most `:page`; `deletes` take them as the JSON array `:ids`,
    and the last of them counts.
    `between` is called before each chunk.
    """
    found, deleted = pages(database, select, {"after": 0, **wanted}, "after", None), 0
    while ids := [number for (number,) in islice(found, CHUNK)]:
        between()
        with _giving_way(), database.write() as connection:
            deleted += [connection.execute(delete, {"ids": dump(ids)}).rowcount for delete in deletes][-1]
    return deleted


def delete_in_chunks(
    database: Database, delete: str, wanted: Mapping[str, Any], between: Callable[[], object] = _nothing
) -> int:
    """Repeat a `delete` of at most `:chunk` rows until there are no more, and return how many there were."""
    deleted, last = 0, CHUNK
    while last == CHUNK:
        between()
        with _giving_way(), database.write() as connection:
            last = connection.execute(delete, {**wanted, "chunk": CHUNK}).rowcount
        deleted += last
    return deleted


def delete_below(
    database: Database,
    bound: str,
    deletes: Sequence[str],
    wanted: Mapping[str, Any],
    between: Callable[[], object],
) -> None:
    """Run `deletes` with what `bound` finds as their parameters, until it finds nothing any more."""
    while found := _found(database, bound, wanted):
        between()
        with _giving_way(), database.write() as connection:
            for delete in deletes:
                connection.execute(delete, {**wanted, **found})


def _found(database: Database, select: str, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    with database.read() as connection:
        cursor = connection.execute(select, wanted)
        row = cursor.fetchone()
        return {} if row is None else dict(zip((name for name, *_ in cursor.description), row, strict=True))


@contextmanager
def _giving_way() -> Iterator[None]:
    """Leave the others as much time as was taken: SQLite has no queue, and they only look now and then."""
    started = time.monotonic()
    yield
    time.sleep(time.monotonic() - started)
