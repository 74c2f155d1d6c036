"""Leases among hosts, whose processes die, whose commits take long, and whose answers get lost."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.store.conftest import KEY, Clock, row
from tests.supalocal.stack import LocalSupabase

from mkt.errors import StoreError
from mkt.store.base import Batch, Key
from mkt.store.supabase.calls import Calls
from mkt.store.supabase.store import SupabaseStore

from .conftest import OpenOn, twice

OTHER = Key("contoso", "crm")
_HOLD_ONE = """
import sys, time
from pathlib import Path
from mkt.runtime.supabase import open_supabase
from mkt.runtime.supabase_access import find_access
from mkt.store.base import Batch, Key
from mkt.store.supabase.store import SupabaseStore
store = SupabaseStore.open(open_supabase(find_access(Path(sys.argv[1]).parent)), Path(sys.argv[1]))
assert store.acquire(Key("northwind", "roster")) is not None
print("held", flush=True)
time.sleep(60)
"""


@contextmanager
def _another_process(stack: LocalSupabase, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start one that holds the lease."""
    environment = {**os.environ, **stack.environment}
    command = [sys.executable, "-c", _HOLD_ONE, str(folder)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


@contextmanager
def _committing(stack: LocalSupabase) -> Iterator[None]:
    """Be in the middle of a long commit under the lease."""
    with psycopg.connect(stack.dsn) as connection:
        connection.execute("select from integration_leases where tenant_id = 'northwind' for update")
        yield


def test_a_killed_process_of_this_host_is_taken_over_at_once(
    supabase: LocalSupabase, open_on: OpenOn, tmp_path: Path
) -> None:
    folder = tmp_path / ".mkt"
    store = open_on(folder)
    with _another_process(supabase, folder) as process:
        assert store.acquire(KEY) is None
        assert re.fullmatch(rf"process {process.pid} on host \S+", store.holder(KEY))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert store.holder(KEY) == ""
        assert store.acquire(KEY) is not None


def test_of_another_host_only_the_silence_tells(open_on: OpenOn, tmp_path: Path, held_clock: Clock) -> None:
    here, there = open_on(tmp_path / "here"), open_on(tmp_path / "there")
    assert here.acquire(KEY) is not None
    here.close()
    assert there.acquire(KEY) is None
    assert there.holder(KEY).startswith("process ")
    held_clock.pass_by(seconds=31)
    assert there.holder(KEY) == ""
    assert there.acquire(KEY) is not None


def test_a_copied_folder_is_another_host(open_on: OpenOn, tmp_path: Path) -> None:
    assert open_on(tmp_path / "here").acquire(KEY) is not None
    shutil.copytree(tmp_path / "here", tmp_path / "copy")
    assert open_on(tmp_path / "copy").acquire(KEY) is None


def test_who_commits_longer_than_30_seconds_is_alive_and_nobody_waits_for_it(
    supabase: LocalSupabase, open_on: OpenOn, tmp_path: Path, held_clock: Clock
) -> None:
    here, there = open_on(tmp_path / "here"), open_on(tmp_path / "there")
    assert here.acquire(KEY) is not None
    held_clock.pass_by(seconds=31)
    with _committing(supabase):
        assert there.acquire(KEY) is None
        assert there.holder(KEY) == here.holder(KEY) != ""
    assert there.acquire(KEY) is not None


def test_a_heartbeat_does_not_wait_for_a_commit_of_one_of_its_runs(
    supabase: LocalSupabase, open_on: OpenOn, tmp_path: Path, held_clock: Clock
) -> None:
    here, there = open_on(tmp_path / "here"), open_on(tmp_path / "there")
    leases = [lease for key in (KEY, OTHER) if (lease := here.acquire(key))]
    held_clock.pass_by(seconds=20)
    with _committing(supabase):
        here.renew(leases)
    held_clock.pass_by(seconds=20)
    assert there.acquire(OTHER) is None
    assert there.acquire(KEY) is not None


def test_a_lease_whose_answer_was_lost_is_had_by_who_asks_again(open_on: OpenOn, tmp_path: Path) -> None:
    here, there = twice(open_on(tmp_path / "here")), open_on(tmp_path / "there")
    lease = here.acquire(KEY)
    assert lease is not None
    assert there.acquire(KEY) is None
    here.release(lease)
    taken = there.acquire(KEY)
    assert taken is not None
    assert taken.epoch > lease.epoch


def test_one_store_has_a_lease_once(open_on: OpenOn, tmp_path: Path) -> None:
    store = twice(open_on(tmp_path / "here"))
    assert store.acquire(KEY) is not None
    assert store.acquire(KEY) is None


def test_no_epoch_comes_again_after_a_purge(supabase: LocalSupabase, open_on: OpenOn, tmp_path: Path) -> None:
    store, epochs = open_on(tmp_path / "here"), []
    for _ in range(3):
        for _ in range(3):
            lease = store.acquire(KEY)
            assert lease is not None
            epochs.append(lease.epoch)
            store.release(lease)
        supabase.sql("delete from integration_leases")
    assert epochs == sorted(set(epochs))


def test_a_folder_that_cannot_be_used_is_named(open_on: OpenOn, tmp_path: Path) -> None:
    store: SupabaseStore = open_on(tmp_path / "here")
    (tmp_path / "here").write_text("a file in the way")
    with pytest.raises(StoreError, match="where each mkt of this host says that it lives, cannot be used") as raised:
        store.acquire(KEY)
    assert str(tmp_path) in raised.value.message


def test_no_lease_is_renewed_without_a_call(open_on: OpenOn, tmp_path: Path, supabase: LocalSupabase) -> None:
    store = open_on(tmp_path / "here")
    store._calls.client.close()
    store.renew([])
    assert supabase.sql("select from integration_leases") == []


@pytest.fixture
def a_minute_passes_in_promotions(supabase: LocalSupabase, held_clock: Clock) -> Iterator[None]:
    """Let each take that long, as the store's clock has it."""
    later = held_clock.now() + timedelta(minutes=1)
    supabase.sql(
        f"""
        create function pass_by() returns trigger language plpgsql security definer as $t$ begin
          create or replace function mkt_private.clock() returns timestamptz
            language sql volatile set search_path = '' as $c$ select timestamptz '{later.isoformat()}' $c$;
          return new;
        end $t$;
        create trigger pass_by before insert on integration_promotions for each row execute function pass_by()"""
    )
    yield
    supabase.sql("drop function pass_by() cascade")


@pytest.mark.usefixtures("a_minute_passes_in_promotions")
def test_the_30_seconds_of_a_lease_begin_at_the_end_of_a_long_promotion(open_on: OpenOn, tmp_path: Path) -> None:
    here, there = open_on(tmp_path / "here"), open_on(tmp_path / "there")
    lease = here.acquire(KEY)
    assert lease is not None
    writer = here.open_sync(lease, run_id="r", streams=["people"], fingerprint="f")
    writer.write(Batch(rows=[row("1")]))
    writer.promote(datetime.now(UTC))
    assert there.acquire(KEY) is None


class _Told(Calls):
    """Notes what may be made again."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls.client)
        self.repeatable: dict[str, bool] = {}

    def call(self, function: str, given: Any, *, repeatable: bool = True, longest: float | None = None) -> Any:
        self.repeatable[function] = repeatable
        return super().call(function, given, repeatable=repeatable, longest=longest)


def test_a_heartbeat_without_an_answer_is_left_to_the_next_one(open_on: OpenOn, tmp_path: Path) -> None:
    """Made again and again in a network that swallows it, it kept a process from ending for minutes."""
    store = open_on(tmp_path / "one")
    lease = store.acquire(KEY)
    assert lease is not None
    told = store._calls = _Told(store._calls)
    store.renew([lease])
    assert told.repeatable == {"mkt_renew": False}
