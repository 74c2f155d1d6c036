"""Opening a run's writer: direct or staged, from the start or from what an earlier run left."""

import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mkt.contract import JsonObject, Stream
from mkt.store.base import Lease, Run
from mkt.store.sqlite import headers, history, numbers, sources, tombstones
from mkt.store.sqlite.columns import stamp
from mkt.store.sqlite.connection import Database
from mkt.store.sqlite.direct import DirectWriter
from mkt.store.sqlite.headers import Header
from mkt.store.sqlite.leases import check_lease
from mkt.store.sqlite.live import count
from mkt.store.sqlite.sources import Source
from mkt.store.sqlite.staged import StagedWriter
from mkt.store.sqlite.writer import Opened, Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What `open_sync` was asked for."""

    lease: Lease
    run_id: str
    streams: frozenset[Stream]
    fingerprint: str
    fresh: bool
    dry_run: bool
    windowed: bool
    begins: Run | None
    killed: JsonObject | None

    @property
    def resumable(self) -> bool:
        """A dry run leaves nothing, and what a window left is of use only to the same window."""
        return not self.dry_run and not self.windowed

    def header(self, now: datetime, *, direct: bool) -> Header:
        streams = headers.stream_list(self.streams)
        return Header(0, direct, self.resumable, self.fresh, self.fingerprint, streams, stamp(now))


def open_writer(database: Database, request: Request, now: Callable[[], datetime]) -> Writer:
    """Decide between direct and staged, and between going on and starting anew, in one transaction."""
    with database.write() as connection:
        check_lease(connection, request.lease)
        if request.begins is not None:
            history.start_run(connection, request.begins, request.killed)
        found = sources.intern(connection, request.lease.key, request.streams)
        left = _without_leftovers(connection, request)
        if request.dry_run or any(source.finished for source in found):
            return StagedWriter(database, _open_staged(connection, request, found, left, now()), now)
        return DirectWriter(database, _open_direct(connection, request, found, left, now()), now)


def _without_leftovers(connection: sqlite3.Connection, request: Request) -> list[Header]:
    """Remove what killed dry runs and windows left, and return the rest: at most one."""
    left = headers.of_key(connection, request.lease.key)
    for header in left:
        if not header.resumable:
            headers.remove(connection, header.staging)
    return [header for header in left if header.resumable]


def _staging(
    connection: sqlite3.Connection, request: Request, left: Sequence[Header], new: Header, now: datetime
) -> Header:
    """Take over the header that the run may go on from, or else make a new one and remove what is in its way."""
    for header in left:
        wanted = request.resumable and not request.fresh and header.direct == new.direct
        if wanted and header.resumable_by(request.streams, request.fingerprint, now):
            headers.adopt(connection, header.staging, request.run_id, now)
            return header
    if not request.dry_run and not (request.windowed and new.direct):
        for header in left:
            headers.remove(connection, header.staging)
    return new._replace(staging=headers.add(connection, request.lease.key, request.run_id, new))


def _open_staged(
    connection: sqlite3.Connection, request: Request, found: Sequence[Source], left: Sequence[Header], now: datetime
) -> Opened:
    new = request.header(now, direct=False)
    header = _staging(connection, request, left, new, now)
    at = headers.cursors(connection, header, found)
    return _opened(request, found, header, cursors=at, resumed=header in left)


def _open_direct(
    connection: sqlite3.Connection, request: Request, found: Sequence[Source], left: Sequence[Header], now: datetime
) -> Opened:
    wanted = [source for source in found if source.stream in request.streams]
    counted = {source.stream: count(connection, source.number) for source in wanted}
    known = any(counts.total for counts in counted.values())
    new = request.header(now, direct=True)
    # Of the very first load a header comes with the first batch: a small integration never needs one.
    header = _staging(connection, request, left, new, now) if left or known else new
    resumed = header in left
    if resumed:
        headers.forget_met(connection, header.staging)
    if not request.windowed:  # a part of time is no new beginning
        _bury_other_settings(connection, request, found, stamp(now))
        for source in found:
            if not resumed or source.fingerprint != request.fingerprint:
                sources.restart(connection, source.number, request.fingerprint)
    return _opened(
        request,
        found,
        header,
        resumed=resumed,
        cursors={source.stream: source.cursor for source in found} if resumed else {},
        known=known,
        first_seq=numbers.last_seq(connection) + 1,
        live={stream: counts.live for stream, counts in counted.items()},
    )


def _bury_other_settings(connection: sqlite3.Connection, request: Request, found: Sequence[Source], now: str) -> None:
    """Delete what a first load with other settings wrote: nothing would ever take it away."""
    others = [source for source in found if source.fingerprint not in ("", request.fingerprint)]
    if others:
        tombstones.new_list(connection)
        for source in others:
            tombstones.list_all(connection, source.number)
        tombstones.bury(connection, now)


def _opened(request: Request, found: Collection[Source], header: Header, *, resumed: bool, **others: Any) -> Opened:
    return Opened(
        lease=request.lease,
        header=header,
        run_id=request.run_id,
        fingerprint=request.fingerprint,
        resumed=resumed,
        windowed=request.windowed,
        dry_run=request.dry_run,
        sources={source.stream: source.number for source in found if source.stream in request.streams},
        **others,
    )
