"""`mkt worker` with a real Supabase behind it, as an operator and as a fleet meet it."""

import json
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pytest
from tests.cli.front import Mkt, Project
from tests.cli.process import SECONDS, Gate, ended, run, start
from tests.configs.sources import GivenRows
from tests.supalocal.stack import LocalSupabase

from mkt.connectors.workday_hris.simulator import WorkdaySimulator
from mkt.engine.worker.turn import TRIES
from mkt.engine.worker.worker import END_SECONDS
from mkt.simulation import faults

FLEET = [f"tenant-{number:02}" for number in range(60)]
SETTINGS = 'store = "supabase"\n[defaults.workday-hris]\nrate_limit = {requests = 1000, seconds = 1}\n'


@pytest.fixture
def hosted(project: Project, supabase: LocalSupabase, monkeypatch: pytest.MonkeyPatch) -> LocalSupabase:
    """A project whose store is in Supabase."""
    for name, value in supabase.environment.items():
        monkeypatch.setenv(name, value)
    (project.root / "mkt.toml").write_text(SETTINGS)
    return supabase


@pytest.fixture
def small(project: Project, hosted: LocalSupabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkdaySimulator]:
    """A partner of northwind/roster."""
    del hosted
    with WorkdaySimulator(5) as simulator:
        connect(project, simulator, monkeypatch, "northwind")
        yield simulator


def connect(project: Project, partner: WorkdaySimulator, monkeypatch: pytest.MonkeyPatch, tenant: str) -> None:
    for name, value in partner.secrets().items():
        monkeypatch.setenv(f"MKT_SECRET__{tenant.upper().replace('-', '_')}__ROSTER__{name}", value)
    project.write(tenant, settings=partner.settings(), schedule="15 2 * * *")


def minute(stack: LocalSupabase) -> None:
    """Let a minute pass, after which what dead workers had is anybody's."""
    stack.sql("update pgmq.q_mkt_sync set vt = now()")
    stack.sql("select mkt_private.enqueue_due()")


def make_due(stack: LocalSupabase) -> None:
    stack.sql("update integration_state set next_due_at = now() - interval '1 minute'")


def queued(stack: LocalSupabase) -> list[tuple[int, bool]]:
    """Return of each message how often it was taken, and whether it can be taken now."""
    return [
        (int(tries), bool(free))
        for tries, free in stack.sql("select read_ct, vt <= clock_timestamp() from pgmq.q_mkt_sync")
    ]


def outcomes(stack: LocalSupabase) -> dict[str, Counter[str]]:
    """Return how the syncs of each tenant ended."""
    found: dict[str, Counter[str]] = {}
    for tenant, outcome in stack.sql("select tenant_id, outcome from integration_runs where command = 'sync'"):
        found.setdefault(tenant, Counter())[outcome] += 1
    return found


# once


def test_what_never_ran_is_run_without_waiting_for_cron(small: WorkdaySimulator, mkt: Mkt) -> None:
    answer = mkt("worker", "--once")
    assert (answer.code, answer.err) == (0, "")
    events = [line["event"] for line in answer.lines]
    assert events == ["sync.started", "sync.completed", "run.summary"]
    assert answer.lines[-1]["details"]["command"] == "worker"
    people = mkt("records", "export", "northwind", "--stream", "people").lines
    assert len(people) == len(small.people)


def test_a_second_time_nothing_is_due(small: WorkdaySimulator, hosted: LocalSupabase, mkt: Mkt) -> None:
    mkt("worker", "--once")
    asked = len(small.requests)
    minute(hosted)
    again = mkt("worker", "--once")
    assert (again.code, [line["event"] for line in again.lines]) == (0, ["run.summary"])
    assert len(small.requests) == asked


def test_what_cron_wakes_is_run(small: WorkdaySimulator, hosted: LocalSupabase, mkt: Mkt) -> None:
    mkt("worker", "--once")
    make_due(hosted)
    minute(hosted)
    assert queued(hosted) == [(0, True)]
    asked = len(small.requests)
    assert mkt("worker", "--once").code == 0
    assert len(small.requests) > asked
    assert queued(hosted) == []
    assert hosted.sql("select due_at > now() from integration_wakeups") == [(True,)]


def test_it_ends_as_a_sync_would(small: WorkdaySimulator, mkt: Mkt) -> None:
    small.inject(faults.status(401), times=None)
    answer = mkt("worker", "--once")
    assert answer.code == 1
    assert mkt("status", "northwind/roster", "-o", "json").document["health"] == "failing"


def test_a_row_that_an_admin_adds_is_run_without_a_redeploy(
    project: Project, hosted: LocalSupabase, monkeypatch: pytest.MonkeyPatch, mkt: Mkt
) -> None:
    with WorkdaySimulator(5) as simulator:
        for tenant in ("northwind", "hooli"):
            for name, value in simulator.secrets().items():
                monkeypatch.setenv(f"MKT_SECRET__{tenant.upper()}__ROSTER__{name}", value)
        host = str(simulator.settings()["base_url"]).removeprefix("http://").partition(":")[0]
        allowed = f'source = "supabase"\n{SETTINGS}[hosts]\nallow = ["{host}"]\n'
        (project.root / "mkt.toml").write_text(allowed)
        entry = {"name": "roster", "connector": "workday-hris", "settings": simulator.settings()}
        row = {**entry, "schedule": "15 2 * * *"}
        GivenRows(hosted).write({"tenant": "northwind", "integrations": [row]})
        assert mkt("worker", "--once").code == 0
        GivenRows(hosted).write({"tenant": "hooli", "integrations": [row]})
        assert mkt("worker", "--once").code == 0
        assert outcomes(hosted) == {"northwind": {"ok": 1}, "hooli": {"ok": 1}}
        # ... and one that is switched off is woken no more, however late it is
        hosted.sql("update integrations set enabled = false where tenant_id = 'hooli'")
        make_due(hosted)
        minute(hosted)
        assert mkt("worker", "--once").code == 0
        minute(hosted)
        assert queued(hosted) == []
        assert outcomes(hosted) == {"northwind": {"ok": 2}, "hooli": {"ok": 1}}


# how it stands


def test_the_status_of_the_fleet_says_how_much_waits(
    project: Project,
    small: WorkdaySimulator,
    hosted: LocalSupabase,
    mkt: Mkt,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mkt("worker", "--once")
    assert "queue: 0 waiting, 0 with workers\n" in mkt("status").out  # the only one is shown at length
    connect(project, small, monkeypatch, "hooli")
    mkt("worker", "--once")
    assert "queue: 0 waiting, 0 with workers\n" in mkt("status").out
    make_due(hosted)
    minute(hosted)
    hosted.sql("update pgmq.q_mkt_sync set enqueued_at = now() - interval '7 minutes'")
    assert "queue: 2 waiting, 0 with workers, the oldest for 7 min\n" in mkt("status").out
    *integrations, last = mkt("status", "-o", "json").document
    assert [each["tenant"] for each in integrations] == ["hooli", "northwind"]
    assert (last["queue"]["waiting"], last["queue"]["taken"]) == (2, 0)
    assert 420 <= last["queue"]["oldest_seconds"] < 480
    assert "queue" not in mkt("status", "northwind", "-o", "json").document[-1]
    (found,) = [check for check in mkt("doctor", "-o", "json").document if check["name"] == "queue"]
    assert (found["ok"], found["remedy"]) == (False, "Start a worker, or more of them: `mkt worker`.")


@pytest.mark.usefixtures("small")
def test_the_doctor_says_that_the_queue_is_filled(hosted: LocalSupabase, mkt: Mkt) -> None:
    if not hosted.has_cron:
        pytest.skip("pg_cron is the one part that a machine may lack")
    (found,) = [check for check in mkt("doctor", "-o", "json").document if check["name"] == "queue"]
    assert found["ok"]
    assert found["found"] == "0 waiting, 0 with workers; filled by the job mkt-wake, which has not run yet"


def test_the_check_of_the_database_says_what_workers_lack(
    hosted: LocalSupabase, mkt: Mkt, request: pytest.FixtureRequest
) -> None:
    hosted.sql("alter schema pgmq rename to hidden")
    request.addfinalizer(lambda: hosted.sql("alter schema hidden rename to pgmq"))
    checked = mkt("db", "check")
    assert checked.code == 0
    assert "warning  there is no queue for `mkt worker`: the extension pgmq is missing" in checked.out
    assert "select mkt_private.make_queue();" in " ".join(checked.out.split())


# what cannot start


def test_a_store_on_this_machine_has_no_queue(project: Project, mkt: Mkt) -> None:
    project.write("northwind")
    answer = mkt("worker", "--once")
    assert (answer.code, answer.out) == (2, "")
    assert 'store = "supabase"' in answer.err


@pytest.mark.usefixtures("small")
def test_without_queues_it_says_what_to_do(hosted: LocalSupabase, mkt: Mkt, request: pytest.FixtureRequest) -> None:
    hosted.sql("alter schema pgmq rename to hidden")
    request.addfinalizer(lambda: hosted.sql("alter schema hidden rename to pgmq"))
    answer = mkt("worker")
    assert (answer.code, answer.out) == (2, "")
    assert "mkt db check" in answer.err


# processes


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_worker_that_is_told_to_stop_gives_back_what_it_has(
    small: WorkdaySimulator, hosted: LocalSupabase, number: int, code: int
) -> None:
    gate = Gate(shut=True)
    small.inject(gate, path="customreport2")
    with start("worker", "-o", "jsonl") as worker:
        gate.wait()
        worker.send_signal(number)
        assert worker.stderr is not None
        assert "at most 16 integrations at a time" in worker.stderr.readline()
        assert "the rest goes to other workers" in worker.stderr.readline()
        gate.open()
        answer = ended(worker)
    assert answer.code == code
    assert answer.lines[-1]["details"]["exit_code"] == code
    if outcomes(hosted) == {"northwind": {"ok": 1}}:  # it had come to its last checkpoint
        assert queued(hosted) == []
        return
    assert outcomes(hosted) == {"northwind": {"deferred": 1}}
    assert queued(hosted) == [(0, True)]
    assert run("worker", "--once").code == 0
    assert outcomes(hosted) == {"northwind": {"deferred": 1, "ok": 1}}


def test_a_partner_that_hangs_keeps_no_worker_that_is_told_to_stop(
    small: WorkdaySimulator, hosted: LocalSupabase
) -> None:
    gate = Gate(shut=True)
    small.inject(gate, path="customreport2")
    with start("worker", "-o", "jsonl") as worker:
        gate.wait()
        began = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        answer = ended(worker)
    gate.open()
    assert time.monotonic() - began < END_SECONDS
    assert answer.code == 143
    assert outcomes(hosted) == {"northwind": {"deferred": 1}}
    assert queued(hosted) == [(0, True)]


def test_a_worker_without_work_ends_at_once(small: WorkdaySimulator, hosted: LocalSupabase) -> None:
    del small
    with start("worker", "-o", "jsonl") as worker:
        _read_until(worker, "sync.completed")
        worker.send_signal(signal.SIGTERM)
        answer = ended(worker)
    assert answer.code == 143
    assert queued(hosted) == []


def test_a_worker_outlives_the_absence_of_supabase(
    small: WorkdaySimulator, hosted: LocalSupabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Line(hosted.url) as line:
        monkeypatch.setenv("SUPABASE_URL", line.url)
        with start("worker", "-o", "jsonl") as worker:
            _read_until(worker, "sync.completed")
            _until(lambda: not queued(hosted))
            line.cut()
            away = _read_until(worker, "connector.message")
            assert away["level"] == "warning"
            assert "the queue cannot be used" in away["message"]
            line.mend()
            assert _read_until(worker, "connector.message")["message"] == "the queue can be used again"
            asked = len(small.requests)
            make_due(hosted)
            minute(hosted)
            _read_until(worker, "sync.completed")
            worker.send_signal(signal.SIGTERM)
            assert ended(worker).code == 143
    assert len(small.requests) > asked
    assert outcomes(hosted) == {"northwind": {"ok": 2}}
    monkeypatch.setenv("SUPABASE_URL", hosted.url)
    told = [line["message"] for line in run("events").lines if line["event"] == "connector.message"]
    assert told == [away["message"], "the queue can be used again"]  # what was said meanwhile has arrived


def _read_until(worker: subprocess.Popen[str], event: str) -> dict[str, Any]:
    assert worker.stdout is not None
    while (line := json.loads(worker.stdout.readline()))["event"] != event:
        continue
    return dict(line)


class Line:
    """A line to a server that can be cut."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._server = (host, int(port))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._ends: set[socket.socket] = set()
        self._cut = False
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def cut(self) -> None:
        self._cut = True
        for end in tuple(self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._cut = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                if self._cut:
                    near.close()
                else:
                    far = socket.create_connection(self._server)
                    for one, other in ((near, far), (far, near)):
                        threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        self._ends.add(one)
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        with suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)
        self._ends.discard(one)
        one.close()


def test_a_message_that_kills_its_workers_is_given_up_and_said_once(
    small: WorkdaySimulator, hosted: LocalSupabase, mkt: Mkt
) -> None:
    for _ in range(2):
        _killed_in_mid_run(small)
        minute(hosted)
    assert queued(hosted) == [(2, True)]
    hosted.sql("update pgmq.q_mkt_sync set read_ct = %s", TRIES)
    answer = mkt("worker", "--once")
    assert answer.code == 1
    failed = [line for line in answer.lines if line["event"] == "sync.failed"]
    assert [line["details"]["error"]["code"] for line in failed] == ["local.dead_letter"]
    minute(hosted)
    assert queued(hosted) == []
    assert [line["event"] for line in mkt("worker", "--once").lines] == ["run.summary"]
    status = mkt("status", "northwind/roster", "-o", "json").document
    assert (status["health"], status["code"], status["actor"]) == ("failing", "local.dead_letter", "us")
    make_due(hosted)
    minute(hosted)
    assert mkt("worker", "--once").code == 0


def _killed_in_mid_run(partner: WorkdaySimulator) -> None:
    gate = Gate(shut=True)
    partner.inject(gate, path="customreport2")
    with start("worker", "--once") as worker:
        gate.wait()
        worker.kill()
        worker.communicate(timeout=SECONDS)
    gate.open()


def test_four_workers_of_which_one_is_killed_do_everything_once_and_lose_nothing(
    project: Project, hosted: LocalSupabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with WorkdaySimulator(5) as partner:
        for tenant in FLEET:
            connect(project, partner, monkeypatch, tenant)
        first = Crowd()
        partner.inject(first, path="customreport2", times=None)
        workers = [start("worker", "-j", "4", "-o", "jsonl") for _ in range(4)]
        with ExitStack() as stack:
            for worker in workers:
                stack.enter_context(worker)
            first.wait(16)  # each of the four is in the midst of four runs
            workers[0].kill()
            workers[0].communicate(timeout=SECONDS)
            first.open()
            _until_all_are_done(hosted)
            for worker in workers[1:]:
                worker.send_signal(signal.SIGTERM)
            answers = [ended(worker) for worker in workers[1:]]
        expected = {name for name, _ in partner.expected("raas")["people"].items()}
    assert [answer.code for answer in answers] == [143] * 3
    assert all("Traceback" not in answer.err for answer in answers)
    found = outcomes(hosted)
    assert {tenant: own["ok"] for tenant, own in found.items()} == dict.fromkeys(FLEET, 1)
    assert sum(own["running"] for own in found.values()) == 0
    people = "select tenant_id, external_id, first_seen_at = changed_at, deleted from integration_records"
    rows = hosted.sql(f"{people} where stream = 'people'")
    assert Counter((tenant, name) for tenant, name, *_ in rows) == Counter(
        (tenant, name) for tenant in FLEET for name in expected
    )
    assert {(once, deleted) for *_, once, deleted in rows} == {(True, False)}
    assert queued(hosted) == []
    assert hosted.sql("select count(*), count(distinct message ->> 'tenant') from pgmq.a_mkt_sync") == [(60, 60)]
    assert hosted.sql("select count(*) from integration_leases where expires_at > now()") == [(0,)]


class Crowd:
    """A fault that lets nobody through before it is opened, and counts who waits."""

    def __init__(self) -> None:
        self._waiting = threading.Semaphore(0)
        self._open = threading.Event()

    def __call__(self, exchange: object, answer: object) -> None:
        self._waiting.release()
        self._open.wait(SECONDS)
        exchange.send(answer())  # type: ignore[attr-defined, operator]

    def wait(self, number: int) -> None:
        for _ in range(number):
            assert self._waiting.acquire(timeout=SECONDS / 2)

    def open(self) -> None:
        self._open.set()


def _until(done: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < until
        time.sleep(0.05)


def _until_all_are_done(stack: LocalSupabase) -> None:
    """Let minutes pass until every tenant has had its run."""
    until = datetime.now(UTC) + timedelta(seconds=SECONDS)
    while sum(own["ok"] for own in outcomes(stack).values()) < len(FLEET):
        assert datetime.now(UTC) < until, outcomes(stack)
        stack.sql("select pg_sleep(1)")
        # Also what the living have in their hands, as if they had stood still: they are two at it then, and one runs.
        stack.sql("update pgmq.q_mkt_sync set vt = now()")
