"""Events in a log file."""

import json
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mkt.contract import ConnectorEvent
from mkt.errors import LocalError
from mkt.telemetry.base import REST_SECONDS, Telemetry
from mkt.telemetry.logfile import LogFileSink


def _event(message: str) -> ConnectorEvent:
    return ConnectorEvent(
        event="sync.completed", message=message, timestamp=datetime(2026, 11, 22, tzinfo=UTC), details={"zone": UTC}
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mkt.log"


@pytest.fixture
def sink(path: Path) -> Iterator[LogFileSink]:
    sink = LogFileSink(path)
    yield sink
    sink.close()


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def _messages(path: Path) -> list[str]:
    return [line["message"] for line in _lines(path)]


def test_each_event_is_one_line_that_is_there_at_once(sink: LogFileSink, path: Path) -> None:
    event = _event("ä\nö")
    sink(event)
    assert _lines(path) == [{**event.as_dict(), "details": {"zone": "UTC"}}]


def test_only_the_owner_reads_a_new_file(sink: LogFileSink, path: Path) -> None:
    old = os.umask(0)
    try:
        sink(_event("one"))
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_there_is_continued_and_keeps_its_mode(sink: LogFileSink, path: Path) -> None:
    path.write_text('{"message": "before"}\n')
    path.chmod(0o640)
    sink(_event("after"))
    assert _messages(path) == ["before", "after"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_no_event_makes_no_file(sink: LogFileSink, path: Path) -> None:
    sink.close()
    assert not path.exists()


@pytest.mark.parametrize("created", [True, False])
def test_a_file_that_was_renamed_is_left_for_the_new_one(sink: LogFileSink, path: Path, *, created: bool) -> None:
    sink(_event("old"))
    rotated = path.rename(path.with_suffix(".1"))
    if created:
        path.touch(0o600)
    sink(_event("new"))
    assert (_messages(rotated), _messages(path)) == (["old"], ["new"])


def test_a_file_that_was_cut_is_continued_at_its_new_end(sink: LogFileSink, path: Path) -> None:
    sink(_event("old"))
    os.truncate(path, 0)
    sink(_event("new"))
    assert _messages(path) == ["new"]


def test_two_processes_share_a_file(sink: LogFileSink, path: Path) -> None:
    other = LogFileSink(path)
    for number in range(5):
        sink(_event(f"one {number}"))
        other(_event(f"other {number}"))
    other.close()
    assert len(_lines(path)) == 10


def test_a_file_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"nowhere/mkt\.log cannot be written: No such file or directory"):
        LogFileSink(tmp_path / "nowhere" / "mkt.log")(_event("one"))


def test_a_pipe_that_nobody_reads_blocks_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LocalError, match="pipe cannot be written"):
        LogFileSink(tmp_path / "pipe")(_event("one"))


def test_a_sink_that_has_failed_gets_events_again_after_a_minute(tmp_path: Path) -> None:
    now, path = [0.0], tmp_path / "later" / "mkt.log"
    telemetry = Telemetry([LogFileSink(path)], monotonic=lambda: now[0])
    telemetry.emit(_event("lost"))
    path.parent.mkdir()
    telemetry.emit(_event("lost too"))
    now[0] = REST_SECONDS
    telemetry.emit(_event("kept"))
    telemetry.close()
    assert _messages(path) == ["kept"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_leaves_the_sink_out_and_not_the_others(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    full, good = LogFileSink(Path("/dev/full")), LogFileSink(path)
    telemetry = Telemetry([full, good])
    telemetry.emit(_event("one"))
    telemetry.emit(_event("two"))
    telemetry.close()
    full.close()
    assert _messages(path) == ["one", "two"]
    said = capsys.readouterr().err.splitlines()
    why = "/dev/full cannot be written: No space left on device"
    assert said == [f"mkt: the log file /dev/full gets no events for 60 s: {why}"]
