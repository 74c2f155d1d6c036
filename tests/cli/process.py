"""`mkt` as a process of its own, as cron and people start it."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.cli.front import Answer

from mkt.output.objects import record_object
from mkt.simulation import Reply, Simulator
from mkt.simulation.exchange import Exchange
from mkt.store.sqlite import SqliteStore

MKT = (sys.executable, "-m", "mkt")
SECONDS = 60
"""No command of these tests takes nearly as long."""
Item = tuple[str, str, str]
"""Stream, external id and data of a record."""


def run(
    *arguments: str, before: Sequence[str] = (), environment: Mapping[str, str] | None = None, **given: Any
) -> Answer:
    """Run `mkt` to its end in the working directory."""
    done = subprocess.run(
        [*before, *MKT, *arguments],
        check=False,
        capture_output=True,
        env=None if environment is None else dict(environment),
        timeout=SECONDS,
        **given,
    )
    return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start `mkt` in the working directory."""
    return subprocess.Popen([*MKT, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(mkt: subprocess.Popen[str]) -> Answer:
    """Wait for the end of what `start` started."""
    out, err = mkt.communicate(timeout=SECONDS)
    return Answer(mkt.returncode, out, err)


def _stored() -> list[dict[str, Any]]:
    with closing(SqliteStore.open(Path(".mkt/mkt.db"))) as store:
        return [record_object(record) for record in store.records()]


def records() -> str:
    """Return every record in the store: values, seq and times."""
    return json.dumps(_stored())


def live() -> set[Item]:
    """Return what is stored and not deleted."""
    return {_item(r["stream"], r["external_id"], r["data"]) for r in _stored() if not r["deleted"]}


def expected(partner: Simulator, variant: str) -> set[Item]:
    """Return what is live once a sync of this partner has come to its end, in the form of `live`."""
    found = partner.expected(variant).items()
    return {_item(stream, name, data) for stream, records in found for name, data in records.items()}


def _item(stream: str, name: str, data: Mapping[str, Any]) -> Item:
    return stream, name, json.dumps(data, sort_keys=True)


class Gate:
    """A fault that tells that a request has come and, when it is shut, keeps it waiting."""

    def __init__(self, *, shut: bool = False) -> None:
        self._reached = threading.Event()
        self._open = threading.Event()
        if not shut:
            self._open.set()

    def __call__(self, exchange: Exchange, answer: Callable[[], Reply]) -> None:
        self._reached.set()
        self._open.wait(SECONDS)
        exchange.send(answer())

    def wait(self) -> None:
        """Return when the request is there; fail where it does not come, as when `mkt` has ended before."""
        assert self._reached.wait(SECONDS / 4)

    def open(self) -> None:
        self._open.set()
