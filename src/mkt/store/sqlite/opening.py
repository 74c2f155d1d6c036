"""From a path to a database that this version may use. What cannot be used is left byte for byte as it was."""

import os
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from mkt.errors import StartError
from mkt.store.sqlite import schema
from mkt.store.sqlite.connection import connect, fault, use_wal

MOUNTS: Final = Path("/proc/self/mounts")
_MAGIC: Final = b"SQLite format 3\x00"
_HEADER: Final = 100
_WRITE_VERSION: Final = 18
_ROLLBACK_JOURNAL: Final = 1
_ELSEWHERE: Final = "Name another path with --store, MKT_STORE or `store` in mkt.toml."
# Their locks cannot be trusted across hosts, and WAL needs shared memory: https://www.sqlite.org/wal.html
_NETWORK_TYPES: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "fuse.glusterfs", "afs", "ceph"}
)


def prepare(path: Path) -> None:
    """Make folder, file and tables where they are missing; raise `StartError` when the store cannot be used."""
    if sqlite3.sqlite_version_info < (3, 37):
        raise StartError(
            f"the store needs SQLite 3.37 or later, this Python has {sqlite3.sqlite_version}",
            remedy="Run mkt with a Python that brings a newer SQLite.",
        )
    with _start_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_network(path)
        _refuse_foreign(path)
        _prepare_file(path)


def mount_type(folder: Path, mounts: str) -> str:
    """Return the file system type of a folder, by the text of `/proc/self/mounts` (proc(5)); "" if unknown."""
    best, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:  # noqa: PLR2004 - device, mount point, type
            continue
        point = fields[1].replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
        # Of two mounts on one point the later one is on top.
        if len(point) >= len(best) and folder.is_relative_to(point):
            best, kind = point, fields[2]
    return kind


@contextmanager
def _start_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StartError(
            f"the store {path} cannot be used: {error.strerror or type(error).__name__}",
            remedy=f"Give the user that runs mkt a folder it can write to, on a disk with space. {_ELSEWHERE}",
        ) from error
    except sqlite3.Error as error:
        known = fault(error)
        if known is None:
            raise
        what, remedy = known
        raise StartError(f"the store {path} cannot be used: {what}", remedy=f"{remedy} {_ELSEWHERE}") from error


def _refuse_network(path: Path) -> None:
    if not MOUNTS.exists():
        return
    kind = mount_type(path.parent.resolve(), MOUNTS.read_text(encoding="utf-8", errors="surrogateescape"))
    if kind in _NETWORK_TYPES:
        raise StartError(
            f"the store {path} is on a network file system ({kind}), where SQLite's locks cannot be trusted",
            remedy=f"Put it on a local disk; several hosts share a store with --store supabase. {_ELSEWHERE}",
        )


def _refuse_foreign(path: Path) -> None:
    """Judge an existing file by its header, before SQLite opens it: opening alone can change a file in WAL mode."""
    if not path.exists():
        return
    with path.open("rb") as file:
        header = file.read(_HEADER)
    if not header:
        return
    if len(header) < _HEADER or not header.startswith(_MAGIC):
        raise StartError(f"the store {path} is no SQLite database; it was left as it is", remedy=_ELSEWHERE)
    # Offsets of the database header: https://www.sqlite.org/fileformat2.html#the_database_header
    (version,) = struct.unpack_from(">i", header, 60)
    (application_id,) = struct.unpack_from(">i", header, 68)
    # What another process is creating at this moment, or was killed in, looks so; SQLite itself will tell.
    unfinished = (application_id, version) == (0, 0) and header[_WRITE_VERSION] == _ROLLBACK_JOURNAL
    if not unfinished:
        _refuse_version(path, application_id, version)


def _refuse_version(path: Path, application_id: int, version: int) -> None:
    if application_id != schema.APPLICATION_ID:
        raise StartError(f"{path} is another program's database; it was left as it is", remedy=_ELSEWHERE)
    if version > schema.VERSION:
        raise StartError(
            f"the store {path} was written by a newer mkt (version {version}, this mkt knows {schema.VERSION});"
            " it was left as it is",
            remedy=f"Upgrade mkt on this machine. {_ELSEWHERE}",
        )


def _prepare_file(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        created = True
    except FileExistsError:
        os.close(os.open(path, os.O_RDWR))
        created = False
    try:
        with closing(connect(path)) as connection:
            _prepare_schema(path, connection)
    except sqlite3.Error:
        if created and path.stat().st_size == 0:
            path.unlink()
        raise


def _prepare_schema(path: Path, connection: sqlite3.Connection) -> None:
    if _identity(connection) == (0, 0):
        connection.execute(f"pragma page_size = {schema.PAGE_BYTES}")
        # Before the switch to WAL, so that the identity is in the file itself, where `_refuse_foreign` looks.
        connection.execute("begin exclusive")
        if _empty(connection):
            schema.create(connection)
        connection.execute("commit")
    _refuse_version(path, *_identity(connection))
    if _identity(connection)[1] < schema.VERSION:
        connection.execute("begin exclusive")  # another process may have done it meanwhile
        schema.upgrade(connection, _identity(connection)[1])
        connection.execute("commit")
    use_wal(connection)
    _try_to_write(connection)


def _empty(connection: sqlite3.Connection) -> bool:
    (tables,) = connection.execute("select count(*) from sqlite_master").fetchone()
    return bool(tables == 0)


def _identity(connection: sqlite3.Connection) -> tuple[int, int]:
    (application_id,) = connection.execute("pragma application_id").fetchone()
    (version,) = connection.execute("pragma user_version").fetchone()
    return application_id, version


def _try_to_write(connection: sqlite3.Connection) -> None:
    """Find out now that the folder cannot be written; another process at work is proof enough that it can."""
    connection.execute("pragma busy_timeout = 0")
    try:
        connection.execute("begin immediate")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
    else:
        connection.execute("rollback")
