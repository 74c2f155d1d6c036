"""SIGTERM while a batch is on its way to Supabase."""

import signal
import threading
import time
from collections.abc import Iterator

import pytest
from tests.cli import test_killed_supabase
from tests.cli.process import SECONDS, ended, run, start
from tests.cli.test_killed_supabase import Line
from tests.supalocal.stack import LocalSupabase

from mkt.engine.pool import GRACE_SECONDS

partner = test_killed_supabase.partner


class SilentLine(Line):
    """Lets a batch wait until `speaks` is set."""

    def __init__(self, supabase: LocalSupabase) -> None:
        super().__init__(supabase)
        self.reached, self.speaks = threading.Event(), threading.Event()
        self.RequestHandlerClass = _SilentHop


class _SilentHop(test_killed_supabase._Hop):
    server: SilentLine

    def _hop(self) -> None:
        if self.path.endswith("/mkt_sync_write"):
            self.server.reached.set()
            self.server.speaks.wait(SECONDS)
        super()._hop()


@pytest.fixture
def silent(supabase: LocalSupabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[SilentLine]:
    with SilentLine(supabase) as line, line.upstream:
        thread = threading.Thread(target=line.serve_forever, args=(0.05,))
        thread.start()
        monkeypatch.setenv("SUPABASE_URL", line.url)
        monkeypatch.setenv("SUPABASE_SECRET_KEY", supabase.secret_key)
        yield line
        line.speaks.set()
        line.shutdown()
        thread.join()


@pytest.mark.usefixtures("partner", "project")
def test_a_batch_without_an_answer_does_not_keep_the_process(silent: SilentLine) -> None:
    mkt = start("sync", "--all", "--store", "supabase", "-o", "jsonl")
    assert silent.reached.wait(SECONDS)
    mkt.send_signal(signal.SIGTERM)
    began = time.monotonic()
    answer = ended(mkt)
    assert time.monotonic() - began < GRACE_SECONDS + 5
    assert answer.code == 143
    assert "Traceback" not in answer.err
    assert "Warning" not in answer.err
    silent.speaks.set()
    assert run("sync", "--all", "--store", "supabase").code == 0
    outcomes = silent.supabase.sql("select outcome from integration_runs order by id")
    assert outcomes == [("deferred",), ("ok",)]
