"""Comparisons without start-up, and of whole fleets."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.measure import BENCH, Row, alternating, mkt, output, partner, peer_python, python, run

PLUGIN = {"PYTHONPATH": str(BENCH / "plugin")}
TENANT = "tenant: {name}\nintegrations:\n"
ENTRY = """\
  - name: roster-{number}
    connector: bench-one
    schedule: "15 2 * * *"
    timezone: Europe/London
    settings: {{base_url: "{url}/people"}}
"""


def dlt(folder: Path) -> Iterator[Row]:
    """Compare records a second of one stream, first load and the same again; dlt at a fifth of the records."""
    with partner(100_000, 0) as url:
        _fleet(folder, url, tenants=1, each=1)
        ours = [100_000 / _synced(folder) for _ in range(2)]
    with partner(20_000, 0) as url:
        for destination in ("sqlite", "duckdb"):
            command = peer_python("dlt_sync.py", url, str(folder), destination)
            theirs = [20_000 / float(output(command, folder)) for _ in range(2)]
            for name, one, other, target in zip(("first load", "unchanged"), ours, theirs, (8, 20), strict=True):
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


def _fleet(folder: Path, url: str, *, tenants: int, each: int) -> None:
    (folder / "mkt.toml").touch()
    for tenant in range(tenants):
        entries = "".join(ENTRY.format(number=number, url=url) for number in range(each))
        path = folder / "configs" / f"t{tenant}.yaml"
        path.write_text(TENANT.format(name=f"t{tenant}") + entries, encoding="utf-8")


def _synced(folder: Path) -> float:
    """Return the seconds of a sync of everything, start-up left out."""
    last = output(mkt("sync", "--all", "-o", "jsonl"), folder, PLUGIN).splitlines()[-1]
    summary = json.loads(last)
    if summary["event"] != "run.summary":
        sys.exit(f"the last line is no run.summary: {last}")
    return float(summary["details"]["duration_ms"]) / 1000
