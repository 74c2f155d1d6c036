"""Comparisons without start-up, and of whole fleets."""

import json
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Self

from bench.measure import BENCH, Row, alternating, mkt, output, partner, peer_python, python, run

TOKEN = {"WORKDAY_TOKEN": "not-a-secret"}
INTEGRATION = """\
tenant: northwind
integrations:
  - connector: workday-hris
    settings: {{base_url: "{url}", tenant: northwind, api_path: "/workers", mode: rest}}
    guard: {{max_change_percent: 100}}
    secrets: {{WORKDAY_BEARER_TOKEN: "env:WORKDAY_TOKEN"}}
"""
PLUGIN = {"PYTHONPATH": str(BENCH / "plugin")}
TENANT = "tenant: {name}\nintegrations:\n"
ENTRY = """\
  - name: roster-{number}
    connector: bench-one
    schedule: "15 2 * * *"
    timezone: Europe/London
    settings: {{base_url: "{url}/people"}}
"""


def memory(folder: Path) -> Iterator[Row]:
    """Compare a million people with a tenth of them, and look how long another writer of the store has to wait."""
    runs: dict[tuple[int, str], tuple[float, int]] = {}
    waits: dict[str, float] = {}
    for workers in (100_000, 1_000_000):
        shutil.rmtree(folder / ".mkt", ignore_errors=True)
        for name, generation in (("first load", "a"), ("unchanged", "a"), ("all changed", "b")):
            with partner(workers, 0, generation) as url, Waiting(folder / ".mkt" / "mkt.db") as waiting:
                configure(folder, url)
                command = mkt("sync", "--all", "--stream", "people", "-o", "jsonl")
                seconds, peak = runs[workers, name] = run(command, folder, TOKEN)
            waits[name] = waiting.longest
            print(f"  {workers:>9,} people, {name}: {seconds:.1f} s, {peak // 1024} MiB", flush=True)
    for name, wait in waits.items():
        (long, many), (short, few) = runs[1_000_000, name], runs[100_000, name]
        yield Row(f"memory: 1,000,000 / 100,000 people, {name}", _mib(many), _mib(few), many / few, 1.2)
        yield Row(f"time: 1,000,000 / 100,000 people, {name}", f"{long:.1f} s", f"{short:.1f} s", long / short, 14)
        yield Row(f"lock: longest wait of another writer, {name}", f"{wait:.1f} s", "5.0 s", wait / 5, 1)


class Waiting:
    """Asks for the store's write lock over and over, as another integration would; `longest` is in seconds."""

    def __init__(self, database: Path) -> None:
        self.longest = 0.0
        self._database = database
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._over.wait(0.05):
            if self._database.exists():
                with closing(sqlite3.connect(self._database, timeout=60, isolation_level=None)) as connection:
                    started = time.monotonic()
                    connection.execute("begin immediate")
                    self.longest = max(self.longest, time.monotonic() - started)
                    connection.execute("rollback")


def dlt(folder: Path) -> Iterator[Row]:
    """Compare records a second of one stream, first load and the same again; dlt at a fifth of the records."""
    with partner(100_000, 0) as url, partner(20_000, 0) as short:
        _fleet(folder, url, tenants=1, each=1)
        for destination in ("sqlite", "duckdb"):
            yield from _dlt(folder, short, destination)


def _dlt(folder: Path, url: str, destination: str) -> Iterator[Row]:
    there = folder / destination

    def ours(*, anew: bool) -> float:
        if anew:
            shutil.rmtree(folder / ".mkt", ignore_errors=True)
        return 100_000 / _synced(folder)

    def theirs(*, anew: bool) -> float:
        if anew:
            shutil.rmtree(there, ignore_errors=True)
        there.mkdir(exist_ok=True)
        return 20_000 / float(output(peer_python("dlt_sync.py", url, str(there), destination), there))

    for name, anew, target in (("first load", True, 8), ("unchanged", False, 20)):
        one, other = alternating(5, partial(ours, anew=anew), partial(theirs, anew=anew))
        row = f"dlt: records a second, {name} / rest_api, {destination}"
        yield Row(row, f"{one:,.0f}/s", f"{other:,.0f}/s", one / other, target, at_least=True)


def fleet(folder: Path) -> Iterator[Row]:
    """10,000 integrations in 3,334 files, none of them due."""
    with partner(20, 0) as url:
        _fleet(folder, url, tenants=3334, each=3)
        run(mkt("sync", "--all", "-j", "64", "-o", "jsonl"), folder, PLUGIN)
    command, peer = mkt("sync"), python("compose.py", str(folder / "configs"))
    one, other = alternating(5, lambda: run(command, folder, PLUGIN)[0], lambda: run(peer, folder)[0])
    yield Row("fleet: 10,000 not due / libyaml and a Typer hello", f"{one:.2f} s", f"{other:.2f} s", one / other, 2)


def due(folder: Path) -> Iterator[Row]:
    """1,000 due integrations of 20 people, a partner that takes 50 ms."""
    with partner(20, 0.05) as url:
        _fleet(folder, url, tenants=1000, each=1)

        def ours() -> float:
            shutil.rmtree(folder / ".mkt", ignore_errors=True)
            return run(mkt("sync", "-j", "64", "-o", "jsonl"), folder, PLUGIN)[0]

        def peer() -> float:
            for path in folder.glob("bare.db*"):
                path.unlink()
            return run(python("bare_due.py", f"{url}/people", str(folder / "bare.db"), "1000", "64"), folder)[0]

        one, other = alternating(3, ours, peer)
        yield Row("due: 1,000, 50 ms, -j 64 / httpx and sqlite3", f"{one:.2f} s", f"{other:.2f} s", one / other, 1.5)


def configure(folder: Path, url: str) -> None:
    # A pace that is kept and never reached: at Workday's own the partner would be what is measured.
    pace = "[defaults.workday-hris]\nrate_limit = {requests = 1000000, seconds = 1}\n"
    (folder / "mkt.toml").write_text(pace, encoding="utf-8")
    (folder / "configs" / "northwind.yaml").write_text(INTEGRATION.format(url=url), encoding="utf-8")


def _mib(kib: int) -> str:
    return f"{kib // 1024} MiB"


def _fleet(folder: Path, url: str, *, tenants: int, each: int) -> None:
    (folder / "mkt.toml").touch()
    for tenant in range(tenants):
        entries = "".join(ENTRY.format(number=number, url=url) for number in range(each))
        path = folder / "configs" / f"t{tenant}.yaml"
        path.write_text(TENANT.format(name=f"t{tenant}") + entries, encoding="utf-8")


def _synced(folder: Path) -> float:
    """Return the seconds between the first and the last word of the one integration's sync."""
    lines = map(json.loads, output(mkt("sync", "--all", "-o", "jsonl"), folder, PLUGIN).splitlines())
    at = {line["event"]: datetime.fromisoformat(line["timestamp"]) for line in lines}
    return (at["sync.completed"] - at["sync.started"]).total_seconds()
