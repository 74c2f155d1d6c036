"""Events: into Supabase, or onto this host's disk while it cannot be reached."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from mkt.contract import ConnectorEvent
from mkt.errors import StoreError
from mkt.store.base import EventQuery
from mkt.store.supabase.calls import Calls, Part
from mkt.store.supabase.json_values import as_json
from mkt.store.supabase.spool import LOCAL, Spool

_PAGE: Final = 500
_REST_SECONDS: Final = 10.0
"""So long Supabase is not asked to take events after it did not: each time would keep the runs waiting."""
_FOR_GOOD: Final = frozenset({"supabase.invalid", "supabase.conflict"})
"""Codes of what is refused however often it is sent."""
_COLUMNS: Final = tuple(known.name for known in fields(ConnectorEvent))


class Events(Part):
    """What happened, as it is told."""

    def __init__(self, calls: Calls, folder: Path) -> None:
        super().__init__(calls, folder)
        self._spool = Spool(folder / "spool")
        self._rests_until = 0.0
        self._said = False
        self._hindered = False
        self._word = ""

    def add_events(self, events: Sequence[ConnectorEvent]) -> None:
        """Store events, or keep them on this host until they can be; one that is already there is left as it is."""
        rows = [as_json({name: getattr(event, name) for name in _COLUMNS}) for event in events]
        try:
            self._refuse_while_resting()
            self._send(rows)
        except StoreError as error:
            self._keep(rows, error)
        else:
            self._send_rest()

    def send_spooled(self) -> None:
        """Send what waits on this host's disk; raise `StoreError` where it has to wait on."""
        if self._spool.is_empty():
            return
        with self._spool.sending() as segments:
            for rows in segments:
                for start in range(0, len(rows), _PAGE):
                    self._send(rows[start : start + _PAGE])

    def _send_rest(self) -> None:
        """Send what waits, where it can be; what this host keeps from being sent is told once."""
        try:
            self.send_spooled()
        except StoreError as error:
            if error.code == LOCAL and not self._hindered:
                self._hindered = True
                self._word = f"{error}, so the events that wait there are not sent. {error.remedy}"
        else:
            self._hindered = False

    def take_word(self) -> str:
        """Return what the operator should know of events that wait or were refused; nothing a second time."""
        word, self._word = self._word, ""
        return word

    def events(self, query: EventQuery) -> Iterator[ConnectorEvent]:
        """Read page by page: between two pages nothing is held."""
        newest = query.limit is not None
        wanted = {
            "keys": None if query.keys is None else [list(key) for key in query.keys],
            "run": query.run_id,
            "levels": list(query.levels),
            "names": list(query.names),
            "after_id": query.after_id,
            "newest": newest,
        }
        pages = self._pages(wanted, query.limit)
        for page in reversed(list(pages)) if newest else pages:
            yield from map(_event, page)

    def _pages(self, wanted: dict[str, Any], limit: int | None) -> Iterator[list[dict[str, Any]]]:
        """Give pages, each in order of time; the newest page first where the newest are wanted."""
        place: list[Any] | None = None
        while limit is None or limit > 0:
            size = _PAGE if limit is None else min(_PAGE, limit)
            page = self._calls.call("mkt_events", {**wanted, "place": place, "limit": size})
            yield page
            if len(page) < size:
                return
            last = page[0 if wanted["newest"] else -1]
            place = [last["timestamp"], last["seq"]]
            limit = None if limit is None else limit - size

    def _refuse_while_resting(self) -> None:
        if time.monotonic() < self._rests_until:
            raise StoreError("the store in Supabase could not be reached a moment ago")

    def _send(self, rows: list[dict[str, Any]]) -> None:
        """Store rows. Of those that are refused for good each is found out and put aside: the others go on."""
        try:
            self._calls.call("mkt_add_events", {"events": rows}, repeatable=False)
        except StoreError as error:
            if error.code not in _FOR_GOOD:
                raise
            if len(rows) > 1:
                self._send(rows[: len(rows) // 2])
                self._send(rows[len(rows) // 2 :])
            elif rows:
                self._word = f"an event is refused by Supabase, and {self._spool.refuse(rows[0])}: {error}"
        else:
            self._said = False

    def _keep(self, rows: list[dict[str, Any]], error: StoreError) -> None:
        if time.monotonic() >= self._rests_until:
            self._rests_until = time.monotonic() + _REST_SECONDS
        self._spool.add(rows)
        if not self._said:
            self._said = True
            waiting = self._spool.waiting()
            events = "1 event waits" if waiting == 1 else f"{waiting:,} events wait"
            self._word = f"{error}; {events} in {self._spool.folder} until it can be reached"


def _event(row: dict[str, Any]) -> ConnectorEvent:
    known = {name: row[name] for name in _COLUMNS}
    return ConnectorEvent(**{**known, "timestamp": datetime.fromisoformat(row["timestamp"])})
