"""The spool on a bad day: a full disk, a killed sender, two at once, lines of another version, a folder of no use."""

import multiprocessing
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.store.supabase.conftest import OpenOn
from tests.supalocal.stack import LocalSupabase

from mkt.contract import ConnectorEvent
from mkt.store.supabase import spool as module
from mkt.store.supabase.spool import Spool
from mkt.store.supabase.store import SupabaseStore

T0 = datetime(2026, 11, 22, 18, tzinfo=UTC)
ROW = {"timestamp": T0.isoformat(), "event": "sync.progress", "level": "info", "details": {}}


def _row(number: int, **fields: Any) -> dict[str, Any]:
    return {**ROW, "id": str(number), "message": str(number), **fields}


def _event(number: int) -> ConnectorEvent:
    return ConnectorEvent(event="sync.progress", message=str(number), timestamp=T0 + timedelta(seconds=number))


def _sent(spool: Spool) -> list[str]:
    with spool.sending() as segments:
        return [row["id"] for rows in segments for row in rows]


def _stored(supabase: LocalSupabase) -> list[str]:
    return [message for (message,) in supabase.sql("select message from public.integration_events order by seq")]


_ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from mkt.errors import StoreError
from mkt.store.supabase.spool import Spool
spool, kept = Spool(Path(sys.argv[1])), 0
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
for size in (3000, 300, 1):
    try:
        while True:
            spool.add([{"id": str(kept + number), "message": "x" * size} for number in range(3)])
            kept += 3
    except StoreError as error:
        print(error.message, error.remedy)
print(kept)
"""


def test_on_a_full_disk_what_was_kept_is_kept_and_what_is_lost_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    done = subprocess.run(
        [sys.executable, "-c", _ON_A_FULL_DISK, str(folder)], capture_output=True, text=True, check=False
    )
    *said, kept = done.stdout.splitlines()
    lost = f"3 events are lost: Supabase cannot be reached, and the folder {folder}, where events wait"
    assert [line.startswith(lost) for line in said] == [True] * 3, done
    assert all("Make room on the disk" in line for line in said), done
    assert _sent(Spool(folder)) == [str(number) for number in range(int(kept))]


_SEND = """
import sys
from pathlib import Path
from mkt.store.supabase.spool import Spool
with Spool(Path(sys.argv[1])).sending() as segments:
    for rows in segments:
        print(rows[0]["id"], flush=True)
        sys.stdin.readline()
"""


def test_what_a_killed_sender_had_in_hand_is_sent_by_the_next(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    for number in range(3):
        spool.add([{"id": str(number), "message": "x" * module._SEGMENT}])
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", _SEND, str(spool.folder)], **pipes, text=True) as sender:  # type: ignore[call-overload]
        assert sender.stdout.readline() == "0\n"
        sender.stdin.write("\n")
        sender.stdin.flush()
        assert sender.stdout.readline() == "1\n"
        assert _sent(spool) == []
        sender.send_signal(signal.SIGKILL)
    assert _sent(spool) == ["1", "2"]


def _open(environment: dict[str, str], folder: Path, number: int) -> None:
    from mkt.runtime.supabase import open_supabase  # noqa: PLC0415 - in a process of its own
    from mkt.runtime.supabase_access import find_access  # noqa: PLC0415 - the same

    store = SupabaseStore.open(open_supabase(find_access(folder.parent, environment)), folder)
    store.add_events([_event(number)])
    store.close()


def test_two_processes_that_deliver_the_same_spool_deliver_it_once(supabase: LocalSupabase, tmp_path: Path) -> None:
    folder = tmp_path / ".mkt"
    spool = Spool(folder / "spool")
    for start in range(0, 1500, 500):
        spool.add([_row(number, message="x" * 3000) for number in range(start, start + 500)])
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_open, args=(dict(supabase.environment), folder, 5000 + n)) for n in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert supabase.sql("select count(*) from public.integration_events") == [(1502,)]
    assert spool.is_empty()


def test_lines_of_another_version_are_delivered_or_put_aside_and_hold_nobody_up(
    open_on: OpenOn, supabase: LocalSupabase, tmp_path: Path
) -> None:
    bad: list[dict[str, Any]] = [
        {"id": "10"},
        _row(11, timestamp="soon"),
        _row(12, level="dreadful"),
        _row(13, id=None),
        _row(14, details=None),
        _row(15, timestamp="99999-01-01T00:00:00Z", tenant=""),
    ]
    Spool(tmp_path / ".mkt" / "spool").add(
        [_row(1), *bad, _row(2, event="sync.invented", new={"column": 1}), _row(3)]
    )
    store = open_on(tmp_path / ".mkt")
    store.add_events([_event(4)])
    assert _stored(supabase) == ["1", "2", "3", "4"]
    assert store._spool.is_empty()
    refused = (tmp_path / ".mkt" / "spool" / "refused.jsonl").read_bytes().splitlines()
    assert [orjson.loads(line) for line in refused] == bad
    assert "refused.jsonl: the store in Supabase failed" in store.take_word()


def test_what_is_refused_again_is_put_aside_once_and_a_full_file_is_said(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    aside = spool.folder / "refused.jsonl"
    assert [spool.refuse(_row(1)) for _ in range(2)] == [f"stands in {aside}"] * 2
    assert aside.read_bytes().count(b"\n") == 1
    spool.refuse(_row(2, message="x" * module._SEGMENT))
    assert spool.refuse(_row(3)).startswith(f"is lost, because {aside} is full")
    assert spool.refuse(_row(1)) == f"stands in {aside}"


def test_a_segment_that_cannot_be_read_is_told_once_and_new_events_go_through(
    open_on: OpenOn, supabase: LocalSupabase, tmp_path: Path
) -> None:
    blocked = tmp_path / ".mkt" / "spool" / "0.jsonl"
    blocked.mkdir(parents=True)
    store = open_on(tmp_path / ".mkt")
    store.add_events([_event(1)])
    word = store.take_word()
    assert f"the folder {blocked.parent}, where events wait for Supabase, cannot be used" in word
    assert "the events that wait there are not sent" in word
    store.add_events([_event(2)])
    assert store.take_word() == ""
    blocked.with_suffix(".sending").rmdir()
    Spool(blocked.parent).add([_row(3)])
    store.add_events([_event(4)])
    assert _stored(supabase) == ["1", "2", "4", "3"]


@pytest.mark.parametrize(
    "line", [b'{"id": "\\ud800"}', b'{"id": "9", "message": "a', b'{"id": 1e400}', b"\x00" * 4096]
)
def test_what_a_power_cut_or_another_program_left_holds_nobody_up(
    open_on: OpenOn, supabase: LocalSupabase, tmp_path: Path, line: bytes
) -> None:
    spool = Spool(tmp_path / ".mkt" / "spool")
    spool.add([_row(1)])
    (segment,) = spool.folder.glob("*.jsonl")
    segment.write_bytes(segment.read_bytes() + line)
    spool.add([_row(2)])
    open_on(tmp_path / ".mkt")
    assert _stored(supabase) == ["1", "2"]
    assert spool.is_empty()
