"""Over the tests' Supabase: PostgreSQL behind the API of @supabase/lite, both on these cores."""

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.supalocal.stack import LocalSupabase, local_supabase

from bench.measure import Row, mkt, partner, python, run
from bench.scale import ENTRY, PLUGIN, TENANT

PEOPLE = 100_000
JOBS = 400
BATCHES = ("1000", "2000", "5000")
"""Of the script's upserts: the best one counts."""
PAUSE = 0.25
"""Seconds that the partner of each job takes to answer."""
_PEOPLE_TABLE = """
    create table public.bench_people (
      tenant_id text not null, integration text not null, external_id text not null, hash text not null,
      data jsonb not null, primary key (tenant_id, integration, external_id));
    alter table public.bench_people enable row level security;
    grant select, insert, update, delete on public.bench_people to service_role"""
_INTEGRATIONS = """
    insert into public.integrations (tenant_id, name, connector, schedule, settings)
    select 't' || n, 'roster', 'bench-one', '15 2 * * *', jsonb_build_object('base_url', %s::text)
    from generate_series(1, %s) n"""


@dataclass
class _Loads:
    """Seconds of first loads, and of the syncs after each that find nothing changed."""

    first: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)


def supabase(folder: Path) -> Iterator[Row]:
    with local_supabase() as stack:
        environ = {**PLUGIN, **stack.environment}
        yield from _people(folder, stack, environ)
        yield _workers(folder, stack, environ)


def _people(folder: Path, stack: LocalSupabase, environ: Mapping[str, str]) -> Iterator[Row]:
    """Compare a first load with a script that fetches the same pages and upserts them, and with the same again."""
    stack.sql(_PEOPLE_TABLE)
    command = mkt("sync", "--all", "--store", "supabase", "-o", "jsonl")
    listed, asked = _Loads(), _Loads()
    script: dict[str, list[float]] = {size: [] for size in BATCHES}
    with partner(PEOPLE, 0) as url:
        (folder / "mkt.toml").write_text('[hosts]\nallow = ["127.0.0.1"]\n', encoding="utf-8")  # for the rows
        entry = TENANT.format(name="northwind") + ENTRY.format(number=0, url=url)
        for _ in range(3):
            for loads, more in ((listed, ""), (asked, ", incremental: true")):
                text = entry.replace('/people"}', f'/people"{more}}}')
                (folder / "configs" / "northwind.yaml").write_text(text, encoding="utf-8")
                _anew(folder, stack)
                loads.first.append(run(command, folder, environ)[0])
                loads.again.append(run(command, folder, environ)[0])
            for size, taken in script.items():
                stack.sql("truncate public.bench_people")
                taken.append(run(python("bare_supabase.py", f"{url}/people", size), folder, environ)[0])
    ours = statistics.median(listed.first)
    best = min(statistics.median(taken) for taken in script.values())
    yield Row(f"supabase: {PEOPLE:,} people / supabase-py upserts", f"{ours:.2f} s", f"{best:.2f} s", ours / best, 2)
    for name, loads in (("all", listed), ("since", asked)):
        one, other = statistics.median(loads.first), statistics.median(loads.again)
        row = f"supabase: {PEOPLE:,} people, first load / unchanged, {name}"
        yield Row(row, f"{one:.2f} s", f"{other:.2f} s", one / other, 5, at_least=True)


def _workers(folder: Path, stack: LocalSupabase, environ: Mapping[str, str]) -> Row:
    """Let one worker, and then four, do the same jobs, each of them one at a time."""
    with partner(20, PAUSE) as url:
        one, four = (_worked(folder, stack, environ, url, workers) for workers in (1, 4))
    row = f"supabase: {JOBS} queued jobs, one worker / four"
    return Row(row, f"{one:.1f} s", f"{four:.1f} s", one / four, 2.5, at_least=True)


def _worked(folder: Path, stack: LocalSupabase, environ: Mapping[str, str], url: str, workers: int) -> float:
    _anew(folder, stack)
    stack.sql(_INTEGRATIONS, f"{url}/people", JOBS)
    command = mkt("worker", "--once", "-j", "1", "--source", "supabase", "--store", "supabase", "-o", "jsonl")
    environment = {**os.environ, **environ}
    started = time.perf_counter()
    crew = [subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL) for _ in range(workers)]
    codes = [process.wait() for process in crew]
    took = time.perf_counter() - started
    ((done,),) = stack.sql("select count(*) from integration_runs where command = 'sync' and outcome = 'ok'")
    if any(codes) or done != JOBS:
        sys.exit(f"{workers} workers ended with {codes} and {done} runs")
    return took


def _anew(folder: Path, stack: LocalSupabase) -> None:
    shutil.rmtree(folder / ".mkt", ignore_errors=True)
    stack.empty()
    stack.sql("vacuum analyze")
