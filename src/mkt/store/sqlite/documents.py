"""The data of records, each in a row of its own apart from what is looked through."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final

from mkt.store.sqlite.connection import Execute

_MOST_BYTES: Final = 1_000_000
_ADD: Final = """
    insert into integration_documents (document, data) select ? + key, value from json_each(cast(? as text))"""
_REPLACE: Final = "insert or replace into integration_documents (document, data) values (?, ?)"


def add(put: Execute, first: int, documents: Sequence[bytes]) -> None:
    """Write new documents at numbers that follow each other.

    One statement for a megabyte of them: unlike many it leaves the interpreter to other threads for its whole time.
    SQLite decodes them, as a text of Python's takes four bytes for each character where one of them is rare.
    """
    for some in _split(documents):
        put(_ADD, (first, b"[" + b",".join(some) + b"]"))
        first += len(some)


def replace(connection: sqlite3.Connection, documents: Sequence[tuple[int, bytes]]) -> None:
    """Write documents over what stands at their numbers."""
    connection.executemany(_REPLACE, [(place, document.decode()) for place, document in documents])


def _split(documents: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Split documents into groups of about a megabyte."""
    if documents and sum(map(len, documents)) <= _MOST_BYTES:
        yield documents
        return
    start, size = 0, 0
    for position, document in enumerate(documents):
        size += len(document)
        if size > _MOST_BYTES and position > start:
            yield documents[start:position]
            start, size = position, len(document)
    if documents:
        yield documents[start:]
