"""Inserting many rows by few statements: to begin and end one costs about as much as its row."""

import sqlite3
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain, islice
from typing import Final

ROWS: Final = 250


def insert_many(connection: sqlite3.Connection, statement: str, row: str, rows: Iterable[Sequence[object]]) -> None:
    """Run a statement whose `{rows}` is replaced by `row`, such as `(?, ?, 0)`, for `ROWS` rows at a time."""
    left = iter(rows)
    while some := tuple(islice(left, ROWS)):
        connection.execute(_repeated(statement, row, len(some)), tuple(chain.from_iterable(some)))


@cache
def _repeated(statement: str, row: str, number: int) -> str:
    return statement.format(rows=", ".join([row] * number))
