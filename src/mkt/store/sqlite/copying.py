"""A file as one end of `mkt db copy`.

What is copied is the file as of one moment: one read transaction, which keeps nobody from writing. The new file has a
hidden name beside its own until it is whole, so that nothing takes half of it for a store.
"""

import os
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

import orjson

from mkt.errors import Refused, StartError, StoreError
from mkt.store.base import Key
from mkt.store.copying import (
    MOST_BYTES,
    MOST_ROWS,
    NUMBERED,
    TABLES,
    Begun,
    Counts,
    Digest,
    Document,
    Row,
    Standing,
    StreamName,
    record_digest,
)
from mkt.store.sqlite import held, numbers, opening
from mkt.store.sqlite.columns import load
from mkt.store.sqlite.connection import Database, connect, fault
from mkt.store.sqlite.copied_rows import Table
from mkt.store.sqlite.leases import Leases

_SAVE_STREAM: Final = """
    insert into integration_sources (tenant_id, integration, stream, cursor, as_of, fingerprint)
    values (:tenant_id, :integration, :stream, :cursor, :as_of, :fingerprint)
    on conflict (tenant_id, integration, stream) do update
    set cursor = excluded.cursor, as_of = excluded.as_of, fingerprint = excluded.fingerprint"""
_DIGESTED: Final = """
    select s.tenant_id, s.integration, s.stream, r.seq, lower(hex(r.hash)), r.deleted, r.unscoped, r.first_seen_at,
        r.changed_at, r.external_id
    from integration_records r cross join integration_sources s on s.source = r.source"""
_DOCUMENTS: Final = """
    select r.seq, d.data from integration_records r join integration_documents d on d.document = r.document
    order by r.seq"""
_MARK: Final = """
    select (select sum(epoch) from integration_leases), (select max(seq) from integration_events),
        (select max(id) from integration_runs), count(*), max(id)
    from integration_deliveries"""
_GO_ON_AFTER: Final = "update integration_numbers set seq = max(seq, ?)"
_WRITE: Final = "insert into integration_documents (document, data) values (?, ?)"
# What a changed record had; and what a staged change is to take the place of.
_FORGET: Final = """
    delete from integration_documents where document in (
        select document from integration_records where source = :source and external_id = :external_id)"""
_BEFORE: Final = """
    (select r.document from integration_records r where r.source = :source and r.external_id = :external_id)"""
_FORGET_ALL: Final = """
    delete from integration_documents where document in (select document from {table} where document is not null)"""
_OPEN_HOLDS: Final = """
    select o.id, h.staging from integration_holds o join integration_staging_runs h on h.hold_id = o.id
    where o.state = 'open'"""
_NEW_FILE: Final = (
    "If an earlier copy made it, nothing is left to do: a copy gets its name when it is whole. Else name a new file"
    " with --to."
)
_NOT_COPIED: Final = "the copy to {} failed: {}; the same command goes on with it"
_NO_JSON: Final = "the copy of {} failed: a value in it is no JSON, so the file is damaged"
_RESTORE: Final = "Copy a backup of it instead (`mkt db backup` made one), and check the disk that holds the file."


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Raise `StoreError` for what the disk or the database did."""
    try:
        yield
    except sqlite3.Error as error:
        known = fault(error)
        if known is None:
            raise
        what, remedy = known
        raise StoreError(_NOT_COPIED.format(path, what), remedy=remedy, code="local.store") from error
    except orjson.JSONDecodeError:  # says nothing of what stands there
        raise StoreError(_NO_JSON.format(path), remedy=_RESTORE, code="local.store") from None


def _counts(connection: sqlite3.Connection) -> Counts:
    found = {}
    for name in TABLES:
        ((found[name],),) = connection.execute(f"select count(*) from {Table.of(name).here}").fetchall()  # noqa: S608 - constants of this file
    return found


def _digests(connection: sqlite3.Connection) -> Mapping[StreamName, Digest]:
    numbers: defaultdict[StreamName, int] = defaultdict(int)
    totals: defaultdict[StreamName, int] = defaultdict(int)
    for tenant, integration, stream, *rest in connection.execute(_DIGESTED):
        name = (tenant, integration, stream)
        numbers[name] += 1
        totals[name] += record_digest((rest[0], rest[1], rest[2], rest[3], rest[4], rest[5], rest[6]))
    return {name: Digest(number, totals[name]) for name, number in numbers.items()}


def _documents(path: Path, connection: sqlite3.Connection) -> Iterator[Document]:
    with _told(path), closing(connection.cursor()) as cursor:
        for seq, data in cursor.execute(_DOCUMENTS):
            yield seq, load(data)


class SqliteSource:
    """A file as of the moment when it was opened."""

    def __init__(self, path: Path, connection: sqlite3.Connection, database: Database, leases: Leases) -> None:
        self.name = f"sqlite:{path}"
        self._path = path
        self._connection = connection
        self._database = database
        self._leases = leases

    def standing(self) -> Standing:
        """Return what is so now, whatever the copy shows."""
        with self._database.read() as connection:
            keys = [Key(*row) for row in connection.execute("select tenant_id, integration from integration_leases")]
            last = numbers.last_seq(connection)
            mark = (last, *connection.execute(_MARK).fetchone())
        running = ["/".join(key) for key in sorted(keys) if self._leases.holder(key)]
        return Standing(running, " ".join(map(str, mark)), last)

    def counts(self) -> Counts:
        with _told(self._path):
            return _counts(self._connection)

    def digests(self) -> Mapping[StreamName, Digest]:
        with _told(self._path):
            return _digests(self._connection)

    def documents(self) -> Iterator[Document]:
        return _documents(self._path, self._connection)

    def rows(self, table: str, after: int) -> Iterator[list[Row]]:
        found, batch, size = Table.of(table), [], 0
        with _told(self._path), closing(self._connection.cursor()) as cursor:
            for values in cursor.execute(found.query, (after,) if table in NUMBERED else ()):
                batch.append(found.turned(values))
                size += sum(len(value) for value in values if isinstance(value, str | bytes))
                if len(batch) >= MOST_ROWS or size >= MOST_BYTES:
                    yield batch
                    batch, size = [], 0
        if batch:
            yield batch


@contextmanager
def open_source(path: Path) -> Iterator[SqliteSource]:
    """Open a store to be copied; raise `StartError` where there is none."""
    path = path.absolute()
    if not path.exists():
        raise StartError(f"there is no store {path}", remedy="Name the file that is to be copied with --from.")
    opening.prepare(path)
    with ExitStack() as stack:
        database = stack.enter_context(closing(Database(path)))
        leases = stack.enter_context(closing(Leases(database, time.monotonic)))
        connection = stack.enter_context(database.read())
        connection.execute("select count(*) from sqlite_master").fetchone()  # from here on it is one moment
        yield SqliteSource(path, connection, database, leases)


class SqliteTarget:
    """A file that gets its name when it is whole."""

    def __init__(self, path: Path, draft: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._draft = draft
        self._connection = connection
        self._resumed = False
        self._sources: dict[StreamName, int] = {}
        self._owners: dict[int, tuple[str, str]] = {}

    def begin(self, source: str) -> Begun:
        with self._transaction() as connection:
            connection.execute("create table if not exists copying (source text primary key) strict")
            known = [name for (name,) in connection.execute("select source from copying")]
            connection.execute("insert or ignore into copying (source) values (?)", (source,))
        if known and known != [source]:
            raise Refused(
                f"a copy of {known[0]} to {self._path} was begun and not finished",
                remedy=f"Finish it, or give it up: rm {self._draft}*",
            )
        with _told(self._path):
            last = {
                table: self._connection.execute(f"select coalesce(max(seq), 0) from {table}").fetchone()[0]  # noqa: S608 - constants of this house
                for table in NUMBERED
            }
        self._resumed = bool(known)
        return Begun(resumed=self._resumed, last=last)

    def clear(self, table: str) -> None:
        self._sources.clear()
        # What records refer to stays, and is written over.
        unless = (
            " where source not in (select source from integration_records)" if table == "integration_streams" else ""
        )
        with self._transaction() as connection:
            if Table.of(table).apart:
                connection.execute(_FORGET_ALL.format(table=table))
            connection.execute(f"delete from {Table.of(table).here}{unless}")  # noqa: S608 - constants of this file

    def put(self, table: str, rows: list[Row]) -> None:
        found = Table.of(table)
        with self._transaction() as connection:
            own = [found.taken(row) for row in rows]
            if table == "integration_streams":
                connection.executemany(_SAVE_STREAM, own)
                return
            for row in own if found.interned else ():
                self._intern(connection, row)
            if table in NUMBERED and self._resumed and found.apart:
                connection.executemany(_FORGET, own)
            if found.apart:
                _set_apart(connection, found.apart, own)
            connection.executemany(_statement(found), own)

    def counts(self) -> Counts:
        with _told(self._path):
            return _counts(self._connection)

    def digests(self) -> Mapping[StreamName, Digest]:
        with _told(self._path):
            return _digests(self._connection)

    def documents(self) -> Iterator[Document]:
        return _documents(self._path, self._connection)

    def finish(self, last_seq: int) -> None:
        with self._transaction() as connection:
            connection.execute(_GO_ON_AFTER, (last_seq,))
            for hold_id, staging in connection.execute(_OPEN_HOLDS).fetchall():
                found = held.digest(connection, staging)  # each store has its own digest of a change set
                connection.execute("update integration_holds set change_set = ? where id = ?", (found, hold_id))
            connection.execute("drop table copying")
        with _told(self._path):
            self._connection.execute("pragma journal_mode = delete")  # one file, without a companion
            self._connection.close()
        _name(self._draft, self._path)

    def _intern(self, connection: sqlite3.Connection, row: Row) -> None:
        owner = (row["tenant_id"], row["integration"]) if "tenant_id" in row else self._owner(row["staging"])
        name = (*owner, row["stream"])
        if name not in self._sources:
            connection.execute(
                "insert or ignore into integration_sources (tenant_id, integration, stream) values (?, ?, ?)", name
            )
            self._sources[name] = connection.execute(
                "select source from integration_sources where tenant_id = ? and integration = ? and stream = ?", name
            ).fetchone()[0]
        row["source"] = self._sources[name]

    def _owner(self, staging: int) -> tuple[str, str]:
        if staging not in self._owners:
            self._owners[staging] = self._connection.execute(
                "select tenant_id, integration from integration_staging_runs where staging = ?", (staging,)
            ).fetchone()
        return self._owners[staging]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with _told(self._path):
            self._connection.execute("begin immediate")
            try:
                yield self._connection
                self._connection.execute("commit")
            except BaseException:
                self._sources.clear()  # of a stream that was rolled back the number is nobody's
                self._connection.rollback()
                raise


def _set_apart(connection: sqlite3.Connection, column: str, rows: list[Row]) -> None:
    """Write the documents of rows, and let each row have the number of its own."""
    given = [row for row in rows if row[column] is not None]
    first = numbers.take(connection, documents=len(given)).document + 1
    connection.executemany(_WRITE, [(number, row[column]) for number, row in enumerate(given, first)])
    for row in rows:
        row["document"] = None
    for number, row in enumerate(given, first):
        row["document"] = number


def _statement(table: Table) -> str:
    values = {column: f":{column}" for column in table.columns if column not in (*table.interned, table.apart)}
    values |= {"source": ":source"} if table.interned else {}
    values |= {"document": ":document"} if table.apart else {}
    values |= {"before_document": _BEFORE} if table.name == "integration_staging" else {}
    return f"insert or replace into {table.name} ({', '.join(values)}) values ({', '.join(values.values())})"  # noqa: S608 - constants of this house


@contextmanager
def open_target(path: Path) -> Iterator[SqliteTarget]:
    """Open a new store; raise `Refused` where the file exists, `StartError` where it cannot be made."""
    path = path.absolute()
    _require_new(path)
    draft = path.with_name(f".{path.name}.copying")
    opening.prepare(draft)
    with _told(path), closing(connect(draft)) as connection:
        connection.execute("pragma locking_mode = exclusive")  # two at once would mix
        yield SqliteTarget(path, draft, connection)


def _name(draft: Path, path: Path) -> None:
    """Give the file its name once it is on the disk."""
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    _require_new(path)
    draft.rename(path)


def _require_new(path: Path) -> None:
    if path.exists():
        raise Refused(f"{path} exists, and a copy overwrites nothing", remedy=_NEW_FILE)
