"""The address that is called when a scheduled sync has come to its end."""

import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from pydantic import SecretStr
from tests.engine.rig import Rig

from mkt.contract import AuthError
from mkt.engine.sync.heartbeat_url import beat
from mkt.settings import Alerts

PATH = "/ping/6f1f2b60-secret"


class Watch:
    """What waits for the call: on loopback, answering as a test says."""

    def __init__(self) -> None:
        self.called: list[str] = []
        self.answer = 200
        self.silent = Event()
        self.silent.set()
        watch = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                watch.called.append(f"{self.command} {self.path}")
                watch.silent.wait(10)
                self.send_response(watch.answer)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Keep it off the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}{PATH}"

    def close(self) -> None:
        self.silent.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def watch() -> Iterator[Watch]:
    watch = Watch()
    yield watch
    watch.close()


@pytest.fixture
def rig(tmp_path: Path, watch: Watch) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    _listens_at(rig, watch.url)
    yield rig
    rig.store.close()


def _listens_at(rig: Rig, url: str | None) -> None:
    address = None if url is None else SecretStr(url)
    alerts = rig.engine.settings.alerts.model_copy(update={"heartbeat_url": address})
    rig.engine = replace(rig.engine, settings=rig.engine.settings.model_copy(update={"alerts": alerts}))


def _said(rig: Rig) -> list[str]:
    return [event.message for event in rig.recorder.events if "heartbeat_url" in event.message]


def test_it_is_called_when_something_was_due_and_when_nothing_was(rig: Rig, watch: Watch) -> None:
    for _ in range(2):
        rig.sync()
    assert watch.called == [f"GET {PATH}"] * 2
    assert _said(rig) == []


def test_it_is_called_although_an_integration_fails(rig: Rig, watch: Watch) -> None:
    def refused(_: object) -> Any:
        raise AuthError("refused")

    rig.script.changes = refused
    rig.sync()
    assert len(watch.called) == 1


@pytest.mark.parametrize("options", [{"all": True}, {"dry_run": True}])
def test_a_sync_that_is_not_crons_says_nothing_of_cron(rig: Rig, watch: Watch, options: dict[str, bool]) -> None:
    rig.sync(**options)
    rig.sync("acme")
    rig.sync("acme", now=True)
    rig.engine.stop.request("terminated")
    rig.sync()
    assert watch.called == []


@pytest.mark.parametrize("answer", [404, 500, 302])
def test_an_answer_that_is_no_success_is_said_once_a_day_and_changes_no_exit_code(
    rig: Rig, watch: Watch, answer: int
) -> None:
    watch.answer = answer
    assert [rig.sync().exit_code for _ in range(3)] == [0, 0, 0]
    assert [f"it answered {answer}" in said for said in _said(rig)] == [True]
    rig.pass_time(days=1)
    rig.sync()
    assert len(_said(rig)) == 2
    watch.answer = 200
    rig.sync()
    watch.answer = answer
    rig.sync()
    assert len(_said(rig)) == 3, "it worked meanwhile, so it is news"
    assert "/elsewhere" not in "".join(watch.called), "where it is sent to, it does not go"


def test_nobody_waits_long_for_a_watch_that_says_nothing(rig: Rig, watch: Watch) -> None:
    watch.silent.clear()
    began = time.monotonic()
    beat(rig.engine, seconds=0.3)
    assert time.monotonic() - began < 3
    assert len(_said(rig)) == 1


def test_where_nobody_listens_the_address_is_not_repeated(rig: Rig, watch: Watch) -> None:
    _listens_at(rig, watch.url)
    watch.close()
    rig.sync()
    (said,) = _said(rig)
    assert "no connection" in said
    assert "secret" not in said
    assert watch.url not in said


def test_without_an_address_nothing_is_called(rig: Rig, watch: Watch) -> None:
    _listens_at(rig, None)
    rig.sync()
    assert watch.called == []


def test_the_address_is_a_secret_in_every_form_of_the_settings() -> None:
    alerts = Alerts.model_validate({"heartbeat_url": f"https://watch.example{PATH}"})
    assert PATH not in f"{alerts!r} {alerts} {alerts.model_dump()} {alerts.model_dump_json()}"
