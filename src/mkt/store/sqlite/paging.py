"""Reading page by page: between two pages no lock, no transaction and no connection is held."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mkt.store.sqlite.connection import Database

_PAGE: Final = 500


def pages(
    database: Database, statement: str, wanted: Mapping[str, Any], after: str, limit: int | None
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a statement that takes `:page`, and whose first column continues at the parameter `after`."""
    position, left = wanted[after], limit
    while left is None or left > 0:
        page = _PAGE if left is None else min(_PAGE, left)
        with database.read() as connection:
            rows = connection.execute(statement, {**wanted, after: position, "page": page}).fetchall()
        yield from rows
        if len(rows) < page:
            return
        position = rows[-1][0]
        left = None if left is None else left - page
