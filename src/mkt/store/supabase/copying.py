"""Supabase as one end of `mkt db copy`. Each call is of the whole fleet, as the copy is."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, NoReturn

from mkt.contract import uuid7
from mkt.errors import Refused
from mkt.runtime.supabase import SupabaseClient
from mkt.store.copying import MOST_ROWS, NUMBERED, TABLES, Begun, Counts, Digest, Document, Row, Standing, StreamName
from mkt.store.supabase.calls import ERASE, GIVE_UP, Calls, RefusalError
from mkt.store.supabase.json_values import as_json
from mkt.store.supabase.opening import prepare

_DIGESTED: Final = 20_000
_CLEARED: Final = 10_000
_COMPARED: Final = 5_000
_LONGEST: Final = 600.0
"""Seconds for what looks at everything at once."""


class SupabaseEnd:
    """What both ends have in common. `name` is the project's address."""

    def __init__(self, client: SupabaseClient, name: str) -> None:
        self.name = f"supabase:{name}"
        self._calls = Calls(client)

    def counts(self) -> Counts:
        counts = self._calls.call("mkt_copy_counts", {}, longest=_LONGEST)
        return {table: int(counts[table]) for table in TABLES}

    def digests(self) -> Mapping[StreamName, Digest]:
        found: defaultdict[StreamName, Digest] = defaultdict(lambda: Digest(0, 0))
        last: int | None = 0
        while last is not None:
            page = self._calls.call("mkt_copy_digests", {"after": last, "limit": _DIGESTED})
            for tenant, integration, stream, number, total in page["streams"]:
                name = (tenant, integration, stream)
                found[name] = Digest(found[name].number + number, found[name].total + int(total))
            last = page["last"]
        return found

    def documents(self) -> Iterator[Document]:
        last = 0
        while page := self._calls.call("mkt_copy_documents", {"after": last, "limit": _COMPARED}):
            yield from ((seq, data) for seq, data in page)
            last = page[-1][0]


class SupabaseSource(SupabaseEnd):
    """A project that nobody works in: there is no one moment over several calls, so it is asked again at the end."""

    def standing(self) -> Standing:
        found = self._calls.call("mkt_copy_source", {})
        return Standing(found["running"], found["mark"], found["last_seq"])

    def rows(self, table: str, after: int) -> Iterator[list[Row]]:
        place: Row | None = {"seq": after} if table in NUMBERED else None
        while True:
            found = self._calls.call("mkt_copy_rows", {"table": table, "after": place, "limit": MOST_ROWS})
            if not found:
                return
            yield found
            place = found[-1]


class SupabaseTarget(SupabaseEnd):
    """A project without rows. `token` is this attempt's: another attempt takes the copy over."""

    def __init__(self, client: SupabaseClient, name: str) -> None:
        super().__init__(client, name)
        self._token = uuid7()

    def begin(self, source: str) -> Begun:
        found = self._ask("mkt_copy_begin", {"source": source, "token": self._token})
        return Begun(resumed=found["resumed"], last={table: found[table] for table in NUMBERED})

    def clear(self, table: str) -> None:
        while self._ask("mkt_copy_clear", {"token": self._token, "table": table, "limit": _CLEARED}):
            pass

    def put(self, table: str, rows: list[Row]) -> None:
        self._ask("mkt_copy_put", {"token": self._token, "table": table, "rows": as_json(rows)})

    def finish(self, last_seq: int) -> None:
        self._ask("mkt_copy_finish", {"token": self._token, "last_seq": last_seq})

    def _ask(self, function: str, given: Mapping[str, Any]) -> Any:
        try:
            return self._calls.call(function, given, longest=_LONGEST)
        except RefusalError as error:
            self._refuse(error)

    def _refuse(self, error: RefusalError) -> NoReturn:
        what, remedy = {
            "copied": (
                f"the copy into {self.name} was made already, to its end, on {error.about}",
                f"Nothing is left to do. To copy it again, erase what is there: {ERASE}",
            ),
            "other_copy": (
                f"a copy of {error.about} into {self.name} was begun and not finished",
                f"Run that one again: it goes on, and ends. {GIVE_UP}",
            ),
            "not_empty": (
                f"{self.name} has rows already: {error.about}",
                f"Take a project without, or erase what is there: {ERASE}",
            ),
        }.get(
            error.word,
            (f"another process has taken over the copy into {self.name}", "Let it end, and look at what it says."),
        )
        raise Refused(what, remedy=remedy) from None


@contextmanager
def open_source(opening: AbstractContextManager[SupabaseClient], name: str) -> Iterator[SupabaseSource]:
    """Open a project's store to be copied; raise `StartError` where it is old, or half a copy itself."""
    with opening as client:
        prepare(Calls(client))
        yield SupabaseSource(client, name)


@contextmanager
def open_target(opening: AbstractContextManager[SupabaseClient], name: str) -> Iterator[SupabaseTarget]:
    """Open a project to be copied into; raise `StartError` where it is old."""
    with opening as client:
        prepare(Calls(client), half=True)
        yield SupabaseTarget(client, name)
