import logging
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from mkt.contract import ConnectorRuntime
from mkt.errors import Interrupted
from mkt.runtime.factory import Runtimes


def test_a_runtime_is_what_the_contract_says(bench: Any) -> None:
    runtime: ConnectorRuntime = bench.runtime()
    assert runtime.now() == bench.now
    assert runtime.supabase is None


def test_the_time_is_aware_and_in_utc(bench: Any, tmp_path: Path) -> None:
    runtimes = Runtimes(tmp_path)
    bench.runtimes = runtimes
    assert bench.runtime().now().tzinfo is UTC


def test_a_message_is_masked(bench: Any) -> None:
    bench.masker.add("hunter2-value")
    bench.runtime().emit("found hunter2-value", level="warning", where=["hunter2-value", 3])
    assert bench.messages == [("found ***", "warning", {"where": ["***", 3]})]


def test_files_stand_below_the_project_root(bench: Any) -> None:
    (bench.root / "pack.zip").write_bytes(b"PK")
    with bench.runtime().files.open("pack.zip") as file:
        assert file.read() == b"PK"


def test_the_libraries_own_logs_stay_silent(bench: Any, partner: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        bench.runtime().http.get(f"{partner.url}/?key=hunter2")
    assert "hunter2" not in caplog.text


def test_a_run_that_was_left_behind_opens_no_new_connection(bench: Any, partner: Any) -> None:
    runtime = bench.runtime()

    def answer(handler: Any) -> None:
        runtime.close()
        handler.close_connection = True

    partner.answers.append(answer)
    with pytest.raises(Interrupted):
        runtime.http.get(partner.url)
    assert len(partner.requests) == 1
