"""The holds themselves: opened, opened again, found, closed."""

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final, Literal

from mkt.contract import Stream
from mkt.errors import Refused
from mkt.store.base import ChangedRecord, Hold, Key, StreamChanges
from mkt.store.sqlite import headers, held, sources
from mkt.store.sqlite.columns import dump, load, moment, moment_or_none, stamp
from mkt.store.sqlite.connection import Database
from mkt.store.sqlite.history import key_list

_COLUMNS: Final = """
    select id, tenant_id, integration, connector, run_id, state, reasons, changes, fingerprint, windowed, as_of,
           opened_at, reopened, closed_at, reason
    from integration_holds"""
_HOLDS: Final = f"""
    {_COLUMNS}
    where (:part = '' or instr(id, :part) > 0)
      and (:closed or state = 'open')
      and (:keys is null or (tenant_id, integration) in
          (select json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(:keys)))
    order by state <> 'open', opened_at desc, id desc"""  # noqa: S608 - constants of this file
_ONE: Final = _COLUMNS + " where id = ?"
_SAME_REJECTED: Final = f"""
    {_COLUMNS}
    where tenant_id = ? and integration = ? and state = 'rejected' and change_set = ?
    order by opened_at desc limit 1"""
_ADD: Final = """
    insert or replace into integration_holds
        (id, tenant_id, integration, connector, run_id, state, reasons, changes, fingerprint, windowed, as_of,
         opened_at, reopened, closed_at, reason, change_set)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_LEAVE: Final = "update integration_holds set changes = ?, change_set = ? where id = ?"
_CLOSE: Final = "update integration_holds set state = ?, closed_at = ?, reason = ? where id = ?"


def give_staging(connection: sqlite3.Connection, staging: int, new: Hold) -> Hold:
    """Open the hold that owns the staging from now on, and return it: a rejected one of the same set, else `new`."""
    change_set = held.digest(connection, staging)
    row = connection.execute(_SAME_REJECTED, (*new.key, change_set)).fetchone()
    if row is not None:
        before = _hold(row)
        new = replace(new, id=before.id, opened_at=before.opened_at, reopened=before.reopened + 1)
    connection.execute(_ADD, (*_row(new), change_set))
    headers.give_to(connection, staging, new.id)
    return new


def find(
    database: Database, *, keys: Collection[Key] | None = None, part: str = "", closed: bool = True
) -> list[Hold]:
    """Return holds, open ones first, then the newest."""
    with database.read() as connection:
        wanted = {"keys": key_list(keys), "part": part, "closed": closed}
        return [_hold(row) for row in connection.execute(_HOLDS, wanted)]


def opened(connection: sqlite3.Connection, hold_id: str, key: Key) -> Hold:
    """Return the open hold of the integration; raise `Refused` where somebody else has closed it."""
    row = connection.execute(_ONE, (hold_id,)).fetchone()
    hold = None if row is None else _hold(row)
    if hold is None or hold.key != key or hold.state != "open":
        what = "is not there any more" if hold is None else f"was {hold.state} already"
        raise Refused(f"the hold {hold_id} of {'/'.join(key)} {what}", remedy="See `mkt holds list`.")
    return hold


def leave(connection: sqlite3.Connection, hold: Hold, change_set: bytes) -> None:
    """Store what is left in a hold of which a part was applied."""
    connection.execute(_LEAVE, (_changes_text(hold.changes), change_set, hold.id))


def close(
    connection: sqlite3.Connection, hold: Hold, state: Literal["approved", "rejected"], reason: str, now: datetime
) -> Hold:
    """Close a hold, whose staging is gone or nobody's, and return it."""
    connection.execute(_CLOSE, (state, stamp(now), reason, hold.id))
    return replace(hold, state=state, closed_at=now, reason=reason)


def records(
    database: Database, hold_id: str, limit: int, streams: Collection[Stream]
) -> dict[Stream, list[ChangedRecord]]:
    """Return the first records of each stream of an open hold; nothing of one that is closed."""
    with database.read() as connection:
        row = connection.execute(_ONE, (hold_id,)).fetchone()
        if row is None or _hold(row).state != "open":
            return {}
        staging = headers.of_hold(connection, hold_id).staging
        return {
            source.stream: held.records(connection, staging, source.number, limit)
            for source in _chosen(sources.of_key(connection, Key(row[1], row[2])), _hold(row), streams)
        }


def _chosen(found: Iterable[sources.Source], hold: Hold, streams: Collection[Stream]) -> list[sources.Source]:
    return [s for s in found if s.stream in hold.changes and (not streams or s.stream in streams)]


def _changes_text(changes: Mapping[Stream, StreamChanges]) -> str:
    return dump({stream: asdict(change) for stream, change in sorted(changes.items())})


def _row(hold: Hold) -> tuple[Any, ...]:
    return (
        hold.id,
        *hold.key,
        hold.connector,
        hold.run_id,
        hold.state,
        dump(hold.reasons),
        _changes_text(hold.changes),
        hold.fingerprint,
        hold.windowed,
        stamp(hold.as_of),
        stamp(hold.opened_at),
        hold.reopened,
        None,
        "",
    )


def _hold(row: tuple[Any, ...]) -> Hold:
    return Hold(
        id=row[0],
        key=Key(row[1], row[2]),
        connector=row[3],
        run_id=row[4],
        state=row[5],
        reasons=tuple(load(row[6])),
        changes={stream: StreamChanges(**change) for stream, change in load(row[7]).items()},
        fingerprint=row[8],
        windowed=bool(row[9]),
        as_of=moment(row[10]),
        opened_at=moment(row[11]),
        reopened=row[12],
        closed_at=moment_or_none(row[13]),
        reason=row[14],
    )
