"""Killed at any request to Supabase (SIGKILL), the next syncs end in the same records as undisturbed ones.

`CRASH_RUNS=100 CRASH_SEED=20261122 pytest tests/cli/test_killed_supabase.py` for more points than a usual run tries.
"""

import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from tests.cli.front import Project
from tests.cli.killing import KILLED, Forks
from tests.supalocal.stack import LocalSupabase

from mkt.connectors.workday_hris.simulator import WorkdaySimulator

RUNS = max(2, int(os.environ.get("CRASH_RUNS", "10")) // 3)
SEED = int(os.environ.get("CRASH_SEED", f"{datetime.now(UTC):%Y%m%d}"))
ANY_CHANGE = {"max_delete_percent": 100, "max_change_percent": 100}
_KEPT = ("apikey", "authorization", "content-type", "accept", "prefer", "accept-profile", "content-profile")


class Line(ThreadingHTTPServer):
    """Stands between mkt and Supabase, counts the requests, and kills who sends the one with the number `at`.

    The request is lost, or else it is done and its answer is lost.
    """

    daemon_threads = True

    def __init__(self, supabase: LocalSupabase) -> None:
        super().__init__(("127.0.0.1", 0), _Hop)
        self.supabase = supabase
        self.upstream = httpx.Client(base_url=supabase.url, timeout=60, trust_env=False)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.lock = threading.Lock()
        self.process, self.number, self.at, self.done = 0, 0, 0, False

    def arm(self, at: int, *, done: bool) -> None:
        self.process, self.number, self.at, self.done = 0, 0, at, done

    def hits(self) -> bool:
        with self.lock:
            self.number += 1
            return self.number == self.at

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of connections whose other end is dead."""


class _Hop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Line

    def do_GET(self) -> None:
        self._hop()

    def do_POST(self) -> None:
        self._hop()

    def _hop(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        hit = self.server.hits()
        if hit and not self.server.done:
            os.kill(self.server.process, signal.SIGKILL)
            return
        headers = {name: self.headers[name] for name in _KEPT if name in self.headers}
        answer = self.server.upstream.request(self.command, self.path, content=body, headers=headers)
        if hit:
            os.kill(self.server.process, signal.SIGKILL)
            return
        self.send_response(answer.status_code)
        self.send_header("content-type", answer.headers.get("content-type", "application/json"))
        self.send_header("content-length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def _between(supabase: LocalSupabase) -> Iterator[Line]:
    with Line(supabase) as line, line.upstream:
        thread = threading.Thread(target=line.serve_forever, args=(0.05,))
        thread.start()
        yield line
        line.shutdown()
        thread.join()


@pytest.fixture
def line(supabase: LocalSupabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    with _between(supabase) as found:
        monkeypatch.setenv("SUPABASE_URL", found.url)
        monkeypatch.setenv("SUPABASE_SECRET_KEY", supabase.secret_key)
        yield found


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with Forks(tmp_path_factory.mktemp("forks")) as forks:
        yield forks


def _live(supabase: LocalSupabase) -> dict[tuple[str, str], object]:
    rows = supabase.sql("select stream, external_id, data from integration_records where not deleted")
    return {(stream, name): data for stream, name, data in rows}


def _clean(forks: Forks, batch: int) -> None:
    run = forks.run("sync", "--all", "--store", "supabase", batch=batch)
    assert run.code == 0, run


def _killed(forks: Forks, line: Line, chance: random.Random, said: list[str]) -> None:
    at, done, batch = chance.randrange(1, 26), chance.random() < 0.5, chance.choice([7, 7, 1000])
    line.arm(at, done=done)
    said.append(f"request {at}, {'done' if done else 'lost'}, batches of {batch}")
    run = forks.run(
        "sync", "--all", "--store", "supabase", batch=batch, started=lambda process: setattr(line, "process", process)
    )
    line.arm(0, done=False)
    assert run.code in (KILLED, 0), (said, run)


@pytest.fixture
def partner(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkdaySimulator]:
    with WorkdaySimulator(60) as partner:
        for name, value in partner.secrets("rest").items():
            monkeypatch.setenv(f"MKT_SECRET__NORTHWIND__ROSTER__{name}", value)
        project.write("northwind", settings=partner.settings("rest"), guard=ANY_CHANGE)
        # At the partner's own pace its pages would take most of the time.
        pace = "[defaults.workday-hris]\nrate_limit = {requests = 1000, seconds = 1}\n"
        (project.root / "mkt.toml").write_text(pace)
        yield partner


@pytest.mark.parametrize("number", range(RUNS))
def test_syncs_that_were_killed_end_as_undisturbed_ones(
    forks: Forks, partner: WorkdaySimulator, line: Line, number: int
) -> None:
    chance = random.Random(f"{SEED} {number}")  # noqa: S311 - the same points for the same seed
    said, supabase = [f"CRASH_SEED={SEED}"], line.supabase
    if chance.random() < 0.5:  # else the first load is killed too
        _clean(forks, 1000)
    for _ in range(3):
        if chance.random() < 0.6:
            partner.change()
        before, finished = _live(supabase), supabase.sql("select max(as_of) from integration_streams")
        _killed(forks, line, chance, said)
        if finished != [(None,)] and supabase.sql("select max(as_of) from integration_streams") == finished:
            assert _live(supabase) == before, said
    # A resumed sync may have met who has left since; absent from the next two, they go.
    for _ in range(4):
        _clean(forks, 1000)
    wanted = {(s, name): data for s, found in partner.expected("rest").items() for name, data in found.items()}
    assert _live(supabase) == wanted, said
    for table in ("staging", "staging_lists", "staging_seen", "staging_streams", "staging_completes", "staging_runs"):
        assert supabase.sql(f"select count(*) from integration_{table}") == [(0,)], (table, said)  # noqa: S608
    assert supabase.sql("select count(*) from integration_runs where outcome = 'running'") == [(0,)], said
