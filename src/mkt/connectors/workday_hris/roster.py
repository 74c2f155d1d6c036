"""What each surface of Workday gives: workers; and what becomes of a worker: records of four streams."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import quote

from mkt.contract import STREAMS, Change, ConnectorRuntime, Record, Response, Step, Stream

REMEMBERED: Final = 50_000
"""How many values are remembered at most."""


class Named(NamedTuple):
    """A supervisory organization or a job profile."""

    id: str
    name: str


class Worker(NamedTuple):
    """One worker. Of the organizations, the first is the primary one; `data` has fields of `people`."""

    external_id: str
    data: Mapping[str, Any]
    org_units: tuple[Named, ...] = ()
    job_roles: tuple[Named, ...] = ()
    unreadable: int = 0
    """How many dates could not be read."""

    def has_left(self, today: date) -> bool:
        """Tell whether the worker is a leaver, and not somebody who is still to come."""
        still_to_come = str(self.data.get("hire_date", "")) > today.isoformat()
        return self.data.get("active") is False and not still_to_come


class Roster(Protocol):
    """One surface of Workday, for the ladder and for a sync."""

    def ask(self) -> Response:
        """Ask for the first, or only, page."""
        ...

    def workers(self, response: Response) -> list[Worker]:
        """Read a page; raise `PartnerError` for what is none."""
        ...

    def check_columns(self, step: Step) -> None:
        """Compare the page read last with the mapping; raise `ConfigError`."""
        ...

    def changes(self) -> Iterator[Change]:
        """Read all, for a sync."""
        ...


class Remembered:
    """The first values seen, each with what was said of it then; not the later ones, so memory stays flat."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._seen: dict[Any, Any] = {}

    def first(self, value: Any, said: Any = None) -> Any:
        """Return what was said of a value when it was first seen, which may be now."""
        if len(self._seen) < self._limit:
            return self._seen.setdefault(value, said)
        return self._seen.get(value, said)

    def adds(self, value: Any) -> bool:
        """Remember a value; tell whether it is new."""
        new = value not in self._seen
        self.first(value)
        return new


class Records:
    """Turns the workers of one run into records of the streams asked for.

    Organizations and job profiles come once for many workers. Workers are never merged: a rehire, or a contractor
    turned employee, is another worker of one person; how many share an address is counted.
    """

    def __init__(self, streams: AbstractSet[Stream]) -> None:
        self._streams = streams
        self._sent = Remembered()
        self._addresses = Remembered()
        self._sharing = 0
        self._unreadable = 0

    def of(self, workers: Iterable[Worker]) -> Iterator[Record]:
        """Yield the records of workers; one without id stays visible, as records without id."""
        people, others = "people" in self._streams, self._streams != {"people"}
        for worker in workers:
            self._unreadable += worker.unreadable
            if people:
                self._compare_address(worker)
                yield Record("people", worker.external_id, worker.data)
            if others:
                yield from (record for record in self._around(worker) if record.stream in self._streams)

    def report(self, runtime: ConnectorRuntime) -> None:
        """Say how many workers share an e-mail address with another one, and how many dates were left out."""
        if self._sharing:
            runtime.emit(
                f"{self._sharing} workers share an e-mail address with another worker; each is kept as a person",
                level="warning",
                same_email=self._sharing,
            )
        if self._unreadable:
            runtime.emit(
                f"{self._unreadable} dates were left out: they are not of the form 2026-11-22",
                level="warning",
                unreadable_dates=self._unreadable,
            )

    def _around(self, worker: Worker) -> Iterator[Record]:
        """Yield what a worker says of organizations and job profiles."""
        if not worker.external_id:
            yield Record("memberships", "", {})
            return
        yield from self._new("org_units", worker.org_units)
        yield from self._new("job_roles", worker.job_roles)
        for position, unit in enumerate(dict.fromkeys(unit.id for unit in worker.org_units)):
            yield _membership(worker.external_id, unit, primary=position == 0)

    def _new(self, stream: Stream, things: Collection[Named]) -> Iterator[Record]:
        for thing in things:
            if self._sent.adds((stream, thing)):
                yield Record(stream, thing.id, {"name": thing.name} if thing.name else {})

    def _compare_address(self, worker: Worker) -> None:
        # The address itself is not kept, only its hash.
        email = worker.data.get("email")
        if email and worker.external_id:
            first = self._addresses.first(hash(email.casefold()), worker.external_id)
            self._sharing += first != worker.external_id


def in_order(streams: Collection[Stream]) -> list[Stream]:
    """Return streams in the contract's order, so that equal runs yield equal changes."""
    return [stream for stream in STREAMS if stream in streams]


def _membership(person: str, unit: str, *, primary: bool) -> Record:
    data = {
        "person_id": person,
        "org_unit_id": unit,
        "role_type": "primary" if primary else "secondary",
        "primary": primary,
    }
    return Record("memberships", f"{quote(person, safe='')}:{quote(unit, safe='')}", data)
