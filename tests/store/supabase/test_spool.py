"""Events that wait on this host's disk while Supabase is away."""

import fcntl
import multiprocessing
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.supalocal.stack import LocalSupabase

from mkt.contract import ConnectorEvent
from mkt.errors import StoreError
from mkt.runtime.supabase import SupabaseClient
from mkt.runtime.supabase_access import find_access
from mkt.store.base import EventQuery
from mkt.store.supabase import events as module
from mkt.store.supabase.spool import Spool
from mkt.store.supabase.store import SupabaseStore
from mkt.telemetry.store import StoreSink

from .conftest import OpenOn

T0 = datetime(2026, 11, 22, 18, tzinfo=UTC)


def _event(number: int, **fields: Any) -> ConnectorEvent:
    return ConnectorEvent(
        event="sync.progress", message=str(number), timestamp=T0 + timedelta(seconds=number), **fields
    )


def _rows(*numbers: int) -> list[dict[str, Any]]:
    return [{"id": str(number)} for number in numbers]


def _sent(spool: Spool) -> list[str]:
    with spool.sending() as segments:
        return [row["id"] for rows in segments for row in rows]


def _said(store: SupabaseStore, **query: Any) -> list[str]:
    return [event.message for event in store.events(EventQuery(**query))]


# the folder


def test_what_waits_comes_out_once_and_in_order(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "a" / "spool")
    assert spool.is_empty()
    spool.add(_rows(1, 2))
    spool.add(_rows(3))
    assert (spool.waiting(), spool.is_empty()) == (3, False)
    assert _sent(spool) == ["1", "2", "3"]
    assert (spool.waiting(), spool.is_empty(), _sent(spool)) == (0, True, [])


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path / ".mkt" / "spool")
    spool.add(_rows(1))
    spool.refuse({"id": "2"})
    assert {stat.S_IMODE(path.stat().st_mode) for path in (spool.folder, spool.folder.parent)} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in spool.folder.iterdir()} == {0o600}


@pytest.mark.parametrize("torn", [b'{"id": "2", "mess', b"\xff\xfe", b"[1]", b"{}", b"\n\n"])
def test_a_torn_line_is_no_loss_of_the_others(tmp_path: Path, torn: bytes) -> None:
    spool = Spool(tmp_path / "spool")
    spool.add(_rows(1))
    (segment,) = spool.folder.glob("*.jsonl")
    segment.write_bytes(segment.read_bytes() + torn)
    spool.add(_rows(3))
    assert _sent(spool) == ["1", "3"]


def test_long_waits_make_several_segments(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    for number in range(30):
        spool.add([{"id": str(number), "message": "x" * 100_000}])
    assert len(list(spool.folder.glob("*.jsonl"))) == 3
    assert _sent(spool) == [str(number) for number in range(30)]


def test_a_full_spool_says_what_is_lost(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", limit=2_000_000)
    spool.add([{"id": "1", "message": "x" * 1_500_000}])
    with pytest.raises(StoreError, match=r"2 events are lost: Supabase cannot be reached, and 1 MB .* wait in"):
        spool.add([{"id": str(number), "message": "x" * 400_000} for number in (2, 3)])
    spool.add(_rows(4))
    assert _sent(spool) == ["1", "4"]


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file in the way")
    with pytest.raises(StoreError, match="where events wait for Supabase, cannot be used"):
        Spool(tmp_path / "spool").add(_rows(1))


def test_one_sends_at_a_time(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.add(_rows(1))
    with spool.sending() as first, Spool(spool.folder).sending() as second:
        assert list(second) == []
        assert list(first) == [_rows(1)]


def test_what_comes_in_while_it_is_sent_is_sent_later(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.add(_rows(1))
    with spool.sending() as segments:
        assert next(segments) == _rows(1)
        spool.add(_rows(2))
        assert list(segments) == []
    assert _sent(spool) == ["2"]


def test_what_could_not_be_sent_goes_on_waiting(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.add(_rows(1))
    with spool.sending() as segments:
        next(segments)  # and no more: Supabase is away again
    spool.add(_rows(2))
    assert spool.waiting() == 2
    assert _sent(spool) == ["1", "2"]


def _fill(folder: Path, start: int) -> None:
    for number in range(start, start + 200):
        Spool(folder).add([{"id": str(number), "message": "x" * 1000}])


def test_processes_and_threads_append_at_once(tmp_path: Path) -> None:
    folder, context = tmp_path / "spool", multiprocessing.get_context("spawn")
    writers: list[Any] = [context.Process(target=_fill, args=(folder, start)) for start in (0, 200)]
    writers += [threading.Thread(target=_fill, args=(folder, start)) for start in (400, 600)]
    sent: list[str] = []
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        sent += _sent(Spool(folder))
    for writer in writers:
        writer.join()
    sent += _sent(Spool(folder))
    assert sorted(map(int, sent)) == list(range(800))


def test_what_waits_is_counted_while_another_process_sends_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.add(_rows(1, 2))
    counted: list[int] = []
    counting = threading.Thread(target=lambda: counted.append(Spool(spool.folder).waiting()))
    with (spool.folder / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        counting.start()
        counting.join(0.2)
        assert counting.is_alive()
        for segment in spool.folder.glob("*.jsonl"):
            segment.unlink()
    counting.join()
    assert counted == [0]


_APPEND = """
import sys
from pathlib import Path
from mkt.store.supabase.spool import Spool
for number in range(100_000):
    Spool(Path(sys.argv[1])).add([{"id": str(number), "message": "x" * 5000}])
    print(number, flush=True)
"""


def test_a_process_killed_while_it_appends_loses_nothing_that_it_kept(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    with subprocess.Popen([sys.executable, "-c", _APPEND, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            kept = int(line)
            if kept == 150:
                process.send_signal(signal.SIGKILL)
    Spool(folder).add(_rows(-1))
    sent = _sent(Spool(folder))
    assert sent[-1] == "-1"
    assert sent[:-1] == [str(number) for number in range(len(sent) - 1)]
    assert len(sent) - 1 > kept


# with Supabase


@pytest.fixture
def away(tmp_path: Path) -> Iterator[SupabaseClient]:
    """A client of an address where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        environment = {
            "SUPABASE_URL": f"http://127.0.0.1:{probe.getsockname()[1]}",
            "SUPABASE_SECRET_KEY": "sb_secret_x",
        }
        client = SupabaseClient(find_access(tmp_path, environment))
        yield client
        client.close()


@pytest.fixture
def outage(away: SupabaseClient, monkeypatch: pytest.MonkeyPatch) -> Callable[[SupabaseStore], Callable[[], None]]:
    """Take Supabase away from a store; return what brings it back."""
    monkeypatch.setattr(module, "_REST_SECONDS", 0.0)

    def begin(store: SupabaseStore) -> Callable[[], None]:
        there = store._calls.client
        store._calls.client = away
        return lambda: setattr(store._calls, "client", there)

    return begin


Outage = Callable[[SupabaseStore], Callable[[], None]]


def test_events_of_an_outage_are_delivered_once_by_the_next_that_come(
    open_on: OpenOn, outage: Outage, tmp_path: Path
) -> None:
    store = open_on(tmp_path / ".mkt")
    store.add_events([_event(1)])
    end = outage(store)
    store.add_events([_event(2), _event(3)])
    end()
    store.add_events([_event(4)])
    assert _said(store) == ["1", "2", "3", "4"]
    assert store._spool.is_empty()


def test_another_process_delivers_them_when_it_opens_the_store(
    open_on: OpenOn, outage: Outage, tmp_path: Path
) -> None:
    store = open_on(tmp_path / ".mkt")
    outage(store)
    store.add_events([_event(number) for number in range(1200)])
    assert _said(open_on(tmp_path / "another host")) == []
    assert _said(open_on(tmp_path / ".mkt")) == [str(number) for number in range(1200)]


def test_an_event_that_was_stored_though_the_answer_was_lost_is_there_once(
    open_on: OpenOn, outage: Outage, tmp_path: Path
) -> None:
    store, event = open_on(tmp_path / ".mkt"), _event(1)
    store.add_events([event])
    end = outage(store)
    store.add_events([event])
    end()
    store.add_events([])
    assert list(store.events(EventQuery())) == [event]


def test_late_events_stand_where_their_time_is_and_a_follower_sees_them(
    open_on: OpenOn, outage: Outage, tmp_path: Path
) -> None:
    store, elsewhere = open_on(tmp_path / "here"), open_on(tmp_path / "there")
    late, newest = _event(1), _event(2)
    end = outage(store)
    store.add_events([late])
    elsewhere.add_events([newest])
    end()
    store.add_events([])
    assert _said(store) == ["1", "2"]
    assert _said(store, limit=1) == ["2"]
    assert _said(store, after_id=newest.id) == ["1"]
    assert _said(store, after_id="0") == ["2", "1"]
    assert _said(store, after_id="0", limit=1) == ["1"]


def test_while_supabase_is_away_it_is_not_asked_each_time(
    open_on: OpenOn, outage: Outage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_on(tmp_path / ".mkt")
    end = outage(store)
    monkeypatch.setattr(module, "_REST_SECONDS", 1000.0)
    store.add_events([_event(1)])
    end()
    store.add_events([_event(2)])
    assert _said(store) == []
    assert _said(open_on(tmp_path / ".mkt")) == ["1", "2"]


def test_what_supabase_refuses_for_good_is_put_aside_and_the_others_go_on(
    open_on: OpenOn, outage: Outage, tmp_path: Path
) -> None:
    store = open_on(tmp_path / ".mkt")
    events = [_event(number) for number in range(20)]
    events[7] = replace(events[7], level="dreadful")  # type: ignore[arg-type]
    end = outage(store)
    store.add_events(events)
    end()
    store.add_events([_event(20)])
    assert _said(store) == [str(number) for number in range(21) if number != 7]
    assert store._spool.is_empty()
    refused = tmp_path / ".mkt" / "spool" / "refused.jsonl"
    assert [orjson.loads(line)["message"] for line in refused.read_bytes().splitlines()] == ["7"]
    assert str(refused) in store.take_word()
    assert store.take_word() == ""


def test_the_operator_is_told_once(
    open_on: OpenOn, outage: Outage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = open_on(tmp_path / ".mkt")
    end = outage(store)
    for number in range(3):
        sink = StoreSink(store)
        sink(_event(number))
        sink.close()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("mkt: the store in Supabase failed: ")
    assert line.endswith(f"; 1 event waits in {tmp_path / '.mkt' / 'spool'} until it can be reached")
    end()
    store.add_events([])
    outage(store)
    store.add_events([_event(3), _event(4)])
    assert "2 events wait in" in store.take_word()


def test_a_spool_that_is_of_no_use_does_not_hinder_those_that_get_through(
    open_on: OpenOn, tmp_path: Path, supabase: LocalSupabase
) -> None:
    store = open_on(tmp_path / ".mkt")
    (tmp_path / ".mkt").mkdir()
    (tmp_path / ".mkt" / "spool").write_text("a file in the way")
    store.add_events([_event(1)])
    assert _said(store) == ["1"]
    assert supabase.sql("select count(*) from integration_events") == [(1,)]
