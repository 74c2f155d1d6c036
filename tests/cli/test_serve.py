"""`mkt serve` and `mkt webhooks` as processes of their own, with a connector that another distribution brings.

`CRASH_RUNS=300 CRASH_SEED=20261122 pytest tests/cli/test_serve.py` kills at more points than a usual run, which takes
others each day.
"""

import fcntl
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.cli.front import Answer, Project
from tests.cli.killing import KILLED, Forks, Point
from tests.cli.process import ended, records, run, start

from mkt.runtime.webhooks import keys_of, signature

PLUGIN = Path(__file__).parents[1] / "plugin"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KILLS = int(os.environ.get("CRASH_RUNS", "12"))
SEED = int(os.environ.get("CRASH_SEED", f"{datetime.now(UTC):%Y%m%d}"))
OLD = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
FILE = """\
tenant: acme
integrations:
  - {name: hook, connector: hooked}
  - {name: inline, connector: hooked-inline}
"""


@pytest.fixture(autouse=True)
def _installed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PLUGIN))
    monkeypatch.setenv("MKT_SECRET__ACME__HOOK__HOOK_SECRET", SECRET)
    (project.root / "configs" / "acme.yaml").write_text(FILE)


@dataclass
class Server:
    port: int
    client: httpx.Client

    def post(self, path: str, **given: Any) -> httpx.Response:
        return self.client.post(f"http://127.0.0.1:{self.port}{path}", **given)

    def deliver(self, name: str, said: Any = None, *, secret: str = SECRET) -> httpx.Response:
        body, now = json.dumps(said or {}).encode(), int(time.time())
        signed = signature(keys_of(secret)[0], name, now, body)
        headers = {"webhook-id": name, "webhook-timestamp": str(now), "webhook-signature": signed}
        return self.post("/hooks/acme/hook", content=body, headers=headers)


@dataclass
class Process(Server):
    process: subprocess.Popen[str]

    def end(self, number: int = signal.SIGTERM) -> Answer:
        self.process.send_signal(number)
        return ended(self.process)


@contextmanager
def serving(*arguments: str) -> Iterator[Process]:
    process = start("serve", "--port", "0", *arguments)
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        assert "listening on" in said, said + process.stderr.read()
        port = int(said.partition("127.0.0.1:")[2].partition("/")[0])
        with httpx.Client(verify=False, timeout=20) as client:  # noqa: S501 - no TLS on loopback
            yield Process(port, client, process)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    ends, waited = time.monotonic() + seconds, threading.Event()
    while not true():
        assert time.monotonic() < ends
        waited.wait(0.05)


def verdicts() -> dict[str, str]:
    """What the ledger says of each delivery."""
    return {each["id"]: each["verdict"] for each in run("webhooks", "list", "-n", "100000", "-o", "jsonl").lines}


def test_a_delivery_becomes_a_record_and_events(project: Project) -> None:
    del project
    with serving() as server:
        answer = server.deliver("m1", {"people": [{"id": "1", "given_name": "Ann"}]})
        assert answer.status_code == 202
        until(lambda: "handled" in verdicts().values())
        done = server.end()
    assert done.code == 143
    assert [line["event"] for line in done.lines] == ["webhook.received", "webhook.handled"]
    assert done.lines[1]["details"]["created"] == 1
    assert '"given_name": "Ann"' in records()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_lets_what_has_begun_come_to_its_end(number: int, code: int) -> None:
    with serving() as server:
        slow: list[int] = []
        asking = threading.Thread(
            target=lambda: slow.append(server.post("/hooks/acme/inline/hang", content=b"1.5").status_code)
        )
        asking.start()
        time.sleep(0.7)
        done = server.end(number)
        asking.join()
    assert (done.code, slow) == (code, [200])
    assert "finishing what has come in" in done.err
    assert "Traceback" not in done.err


def test_what_was_answered_is_in_the_ledger_after_a_kill_and_is_handled_once(project: Project) -> None:
    accepted: list[str] = []
    sent = iter(range(100_000))

    def load(server: Process) -> None:
        while True:
            number = next(sent)
            try:
                answer = server.deliver(f"m{number}", {"people": [{"id": str(number)}]})
            except httpx.HTTPError:
                return
            if answer.status_code == 202:
                accepted.append(answer.json()["delivery"])

    with serving() as server:
        clients = [threading.Thread(target=load, args=[server]) for _ in range(4)]
        for client in clients:
            client.start()
        until(lambda: len(accepted) > 100)
        server.process.kill()
        for client in clients:
            client.join()
    known = verdicts()
    assert set(accepted) <= set(known)
    assert set(known.values()) <= {"received", "handled"}
    left = sum(verdict == "received" for verdict in known.values())
    _end_claims(project)
    with serving() as server:
        until(lambda: set(verdicts().values()) == {"handled"})
        handled = [line for line in server.end().lines if line["event"] == "webhook.handled"]
    assert len(handled) == left
    assert records().count('"external_id"') == len(known)


def _end_claims(project: Project) -> None:
    """Let three minutes go by: a killed process's deliveries are others' after that."""
    with closing(sqlite3.connect(project.root / ".mkt" / "mkt.db")) as database:
        database.execute("update integration_deliveries set next_try_at = received_at where next_try_at is not null")
        database.commit()


class Sender(threading.Thread):
    """A partner that sends until the server is gone, and sends anew what was not accepted."""

    def __init__(self, port: int, unsent: list[int]) -> None:
        super().__init__()
        self._port = port
        self._unsent = unsent
        self.accepted: set[str] = set()
        self.gone = threading.Event()

    def run(self) -> None:
        with httpx.Client(verify=False, timeout=5) as client:  # noqa: S501 - no TLS on loopback
            while not self.gone.is_set():
                self._send(Server(self._port, client), self._unsent[0])

    def _send(self, server: Server, number: int) -> None:
        try:
            answer = server.deliver(f"m{number}", {"people": [{"id": f"m{number}"}]})
        except httpx.HTTPError:
            self.gone.wait(0.02)  # it is not up yet, or not any more
            return
        if answer.status_code == 202:
            self.accepted.add(f"m{number}")
            self._unsent.remove(number)


def test_killed_at_any_point_it_keeps_what_it_has_accepted_and_does_nothing_by_halves(
    project: Project, tmp_path: Path
) -> None:
    chance, accepted = random.Random(f"{SEED} serve"), set[str]()  # noqa: S311 - the same points for the same seed
    lanes = [list(range(start, 100_000, 2)) for start in (0, 1)]
    with Forks(tmp_path) as forks:
        for _ in range(KILLS):
            point = Point(statement=chance.randrange(30, 300), when=chance.choice(["before", "after"]))
            port = _free_port()
            senders = [Sender(port, lane) for lane in lanes]
            for sender in senders:
                sender.start()
            done = forks.run("serve", "--port", str(port), point=point)
            for sender in senders:
                sender.gone.set()
                sender.join()
                accepted |= sender.accepted
            assert done.code == KILLED, done.err
            _check_whole(project, accepted, str(point))
            _end_claims(project)
    assert len(accepted) > KILLS
    with serving():
        until(lambda: {verdict for (verdict,) in _ledger(project, "verdict")} == {"handled"})
    _check_whole(project, accepted, "at the end")


def test_what_the_full_disk_cannot_take_is_not_accepted(project: Project, tmp_path: Path) -> None:
    statuses: list[int] = []
    port = _free_port()

    def send(process: int) -> None:
        with httpx.Client(verify=False, timeout=20) as client:  # noqa: S501 - no TLS on loopback
            server = Server(port, client)
            while 503 not in statuses:
                with suppress(httpx.ConnectError):
                    statuses.append(server.deliver(f"m{len(statuses)}").status_code)
        os.kill(process, signal.SIGTERM)

    with Forks(tmp_path) as forks:
        full = Point(fill=("insert into integration_deliveries", 8192))
        done = forks.run(
            "serve",
            "--port",
            str(port),
            point=full,
            started=lambda process: threading.Thread(target=send, args=[process]).start(),
        )
    assert (done.code, "Traceback" in done.err) == (143, False)
    assert set(statuses) <= {202, 503}
    assert len(_ledger(project, "dedupe")) == statuses.count(202)


def _check_whole(project: Project, accepted: set[str], point: str) -> None:
    """What was accepted is in the ledger once, and of what is handled, and only of that, there are the records."""
    known = _ledger(project, "dedupe, verdict")
    assert len(dict(known)) == len(known), point
    assert accepted <= dict(known).keys(), point
    handled = {name for name, verdict in known if verdict == "handled"}
    live = {record["external_id"] for record in json.loads(records())}
    assert live == handled, point


def _ledger(project: Project, columns: str) -> list[Any]:
    with closing(sqlite3.connect(project.root / ".mkt" / "mkt.db")) as database:
        statement = f"select {columns} from integration_deliveries where verdict != 'duplicate'"  # noqa: S608
        return database.execute(statement).fetchall()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def test_two_processes_on_one_store_handle_each_delivery_once() -> None:
    with serving() as one, serving() as other:
        for number in range(36):
            server = one if number % 2 else other
            assert server.deliver(f"m{number // 2}", {"people": [{"id": str(number)}]}).status_code == 202
        until(lambda: list(verdicts().values()).count("handled") == 18)
        lines = [*one.end().lines, *other.end().lines]
    names = [line["event"] for line in lines]
    assert (names.count("webhook.handled"), names.count("webhook.duplicate")) == (18, 18)


def test_a_changed_file_counts_without_a_restart(project: Project) -> None:
    path = project.root / "configs" / "acme.yaml"
    with serving() as server:
        assert server.deliver("m1").status_code == 202
        path.write_text(FILE.replace("connector: hooked}", "connector: hooked, enabled: false}"))
        until(lambda: server.deliver("m2").status_code == 403)
        path.write_text("tenant: acme\nintegrations: 7\n")
        until(lambda: server.deliver("m3").status_code == 503)
        path.write_text(FILE)
        until(lambda: server.deliver("m4").status_code == 202)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has pipes of any size")
def test_a_reader_that_has_stopped_to_read_stops_nobody() -> None:
    with serving() as server:
        assert server.process.stdout is not None
        fcntl.fcntl(server.process.stdout, fcntl.F_SETPIPE_SZ, 4096)
        for number in range(40):  # more lines than the pipe holds
            assert server.deliver(f"m{number}").status_code == 202


def test_a_server_that_nobody_can_call_says_so(project: Project) -> None:
    (project.root / "configs" / "acme.yaml").write_text("tenant: acme\nintegrations: []\n")
    with serving() as server:
        assert server.process.stderr is not None
        assert "no integration takes webhooks yet" in server.process.stderr.readline()


def test_what_is_dead_is_in_the_status() -> None:
    with serving() as server:
        server.deliver("m1", {"fail": "partner"})
        until(lambda: list(verdicts().values()) == ["dead"])
        server.end()
    stands = run("status", "--check")
    assert stands.code == 1
    assert "a delivery is dead: the partner sent nonsense" in stands.out
    assert stands.out.endswith("next: mkt webhooks list acme/hook --only dead\n")


def test_both_secrets_are_right_while_one_replaces_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKT_SECRET__ACME__HOOK__HOOK_SECRET", f"{SECRET}\n{OLD}")
    with serving() as server:
        assert server.deliver("m1", secret=SECRET).status_code == 202
        assert server.deliver("m2", secret=OLD).status_code == 202
        lines = server.end().out
    assert "MfKQ" not in lines


def test_what_has_failed_is_shown_and_replayed() -> None:
    with serving() as server:
        server.deliver("m1", {"fail": "partner"})
        server.deliver("m2", {"fail": "partner"})
        until(lambda: list(verdicts().values()) == ["dead", "dead"])
        server.end()
    listed = run("webhooks", "list", "acme", "--only", "dead")
    assert "the partner sent nonsense" in listed.out
    shown = run("webhooks", "show", next(iter(verdicts())))
    assert "Ask it." in shown.out
    assert "acts: partner" in shown.out
    assert "next: mkt webhooks replay " in shown.out
    assert '"fail"' not in shown.out
    replayed = run("webhooks", "replay", "--only", "dead", "--since", "1h")
    assert (replayed.code, "0 handled, 2 failed" in replayed.out) == (1, True)
    told = run("events", "-n", "6", "-o", "jsonl").lines
    assert told[-1]["event"] == "run.summary"
    assert told[-1]["details"]["command"] == "webhooks replay"
    assert [line["details"].get("what") for line in told].count("replay") == 2


def test_a_delivery_that_was_not_read_is_shown_with_what_to_do() -> None:
    with serving() as server:
        answer = server.deliver("m1", {"people": "x" * 1_000_000})
        assert answer.status_code == 413
        server.end()
    shown = run("webhooks", "show", answer.json()["delivery"]).out
    assert "Have the partner send less at a time" in shown


def test_a_delivery_to_nobody_is_shown_with_where_it_went() -> None:
    with serving() as server:
        assert server.post("/hooks/nobody/roster", content=b"{}").status_code == 403
        server.end()
    (name,) = verdicts()
    assert run("webhooks", "show", name).out.startswith("POST /hooks/nobody/roster  unroutable\n")


def test_a_secret_that_is_missing_here_is_shown_with_where_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MKT_SECRET__ACME__HOOK__HOOK_SECRET")
    with serving() as server:
        answer = server.deliver("m1", {})
        assert answer.status_code == 503
        server.end()
    shown = run("webhooks", "show", answer.json()["delivery"]).out
    assert "next: mkt secrets which acme/hook HOOK_SECRET" in shown


def test_a_replay_handles_what_was_handled_once_more() -> None:
    with serving() as server:
        server.deliver("m1", {"people": [{"id": "1"}]})
        until(lambda: "handled" in verdicts().values())
        server.end()
    (name,) = verdicts()
    replayed = run("webhooks", "replay", name[-8:])
    assert (replayed.code, "1 handled" in replayed.out) == (0, True)


def test_a_body_is_shown_to_whoever_asks_and_that_is_recorded() -> None:
    with serving() as server:
        server.deliver("m1", {"people": [{"id": "1", "given_name": "Ann"}]})
        server.end()
    (name,) = verdicts()
    assert "Ann" not in run("webhooks", "show", name).out
    assert "Ann" in run("webhooks", "show", name, "--show-values").out
    assert "show values acme/hook" in run("events", "-o", "jsonl").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "nothing"], "there is no delivery whose id contains nothing"),
        (["replay"], "name deliveries by their ids"),
        (["replay", "--only", "handled"], "none of these deliveries can be handled again"),
        (["list", "--only", "fine"], "'fine' is none of received"),
    ],
)
def test_what_cannot_be_is_said_in_words(arguments: list[str], said: str) -> None:
    answer = run("webhooks", *arguments)
    assert answer.code != 0
    assert said in " ".join(answer.err.split())


def test_an_empty_ledger_says_what_to_type() -> None:
    assert run("webhooks", "list").out == "no deliveries\nnext: mkt serve\n"
