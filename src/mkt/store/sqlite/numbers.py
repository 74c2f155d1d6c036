"""The numbers that are given once only, in the transaction that uses them."""

import sqlite3
from typing import Final, NamedTuple

_LAST_SEQ: Final = "select seq from integration_numbers"
_TAKE: Final = """
    update integration_numbers set seq = seq + ?, document = document + ? returning seq, document"""


class Before(NamedTuple):
    """The numbers before the first ones that were taken."""

    seq: int
    document: int


def last_seq(connection: sqlite3.Connection) -> int:
    """Return the `seq` of the last change."""
    ((last,),) = connection.execute(_LAST_SEQ).fetchall()
    return int(last)


def take(connection: sqlite3.Connection, *, seqs: int = 0, documents: int = 0) -> Before:
    """Take so many numbers for changes and for documents."""
    ((seq, document),) = connection.execute(_TAKE, (seqs, documents)).fetchall()
    return Before(seq - seqs, document - documents)
