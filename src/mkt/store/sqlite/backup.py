"""A copy of the store as of one moment, checked before it gets its name.

https://www.sqlite.org/backup.html
"""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from mkt.errors import Refused, StoreError
from mkt.store.sqlite.connection import Database, fault

_PAGES: Final = 5000
"""Of one step: between two steps an interrupt is heard."""


def backup(database: Database, path: Path) -> None:
    """Copy the database. What is still under way has a hidden name in the same folder, and goes on any error."""
    if path.exists():
        raise Refused(f"{path} exists, and a backup overwrites nothing", remedy="Name a new file.")
    with _new_file(path) as draft:
        try:
            _copy(database, draft)
        except sqlite3.Error as error:
            known = fault(error)
            if known is None:
                raise
            what, remedy = known
            raise StoreError(f"the backup to {path} failed: {what}; it was removed", remedy=remedy) from error
        os.rename(draft, path)  # noqa: PTH104 - `draft` is the name that mkstemp gave


@contextmanager
def _new_file(path: Path) -> Iterator[Path]:
    """Make an empty file, 0600, beside `path`."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise Refused(
            f"{path} cannot be written: {error.strerror}", remedy="Name a file in a folder that you can write to."
        ) from None
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
    finally:
        for left in (draft, Path(f"{name}-wal"), Path(f"{name}-shm"), Path(f"{name}-journal")):
            left.unlink(missing_ok=True)


def _copy(database: Database, draft: Path) -> None:
    with closing(sqlite3.connect(draft, isolation_level=None)) as copy:
        with database.read() as connection:
            # A read transaction that has begun keeps every step at the same moment, whatever others commit meanwhile.
            connection.execute("select count(*) from sqlite_master").fetchone()
            connection.backup(copy, pages=_PAGES)
        copy.execute("pragma journal_mode = delete")  # one file, without a companion
        found = [str(row[0]) for row in copy.execute("pragma integrity_check(1)")]
    if found != ["ok"]:
        raise StoreError(
            f"the copy of {database.path} is damaged ({found[0]}), and was removed",
            remedy="Keep your older backups, and check the disk that holds the store (kernel log, `fsck`).",
        )
    with draft.open("rb") as file:
        os.fsync(file.fileno())
