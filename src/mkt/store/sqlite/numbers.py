"""The numbers that are given once only, in the transaction that uses them."""

import sqlite3
from typing import Final

_LAST_SEQ: Final = "select seq from integration_numbers"
_SEQS: Final = "update integration_numbers set seq = seq + ? returning seq"
_DOCUMENTS: Final = "update integration_numbers set document = document + ? returning document"


def last_seq(connection: sqlite3.Connection) -> int:
    """Return the `seq` of the last change."""
    ((last,),) = connection.execute(_LAST_SEQ).fetchall()
    return int(last)


def take_seqs(connection: sqlite3.Connection, count: int) -> int:
    """Take so many numbers for changes, and return the one before the first."""
    ((last,),) = connection.execute(_SEQS, (count,)).fetchall()
    return int(last) - count


def take_documents(connection: sqlite3.Connection, count: int) -> int:
    """Take so many numbers for documents, and return the one before the first."""
    ((last,),) = connection.execute(_DOCUMENTS, (count,)).fetchall()
    return int(last) - count
