"""Big batches in a database that knows nothing of its tables, and of tenants that share their integrations' names.

The planner takes three equal columns for a few rows then. Each of these took minutes when a plan read all of a
tenant's rows for each row that it looked for; the limit is far from both.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.store.conftest import KEY, Clock, Syncs, gone, row
from tests.store.supabase.conftest import OpenOn
from tests.supalocal.stack import LocalSupabase

from mkt.contract import Complete
from mkt.store.base import Batch, IntegrationState, Row, SyncWriter

ROWS = 24_000
_SECONDS = 6.0
_SCOPES = [Complete("people", f"c{number}", "offset") for number in range(20)]


@contextmanager
def soon() -> Iterator[None]:
    before = time.monotonic()
    yield
    assert time.monotonic() - before < _SECONDS


def _write(writer: SyncWriter, rows: Iterable[Row]) -> None:
    given = list(rows)
    for start in range(0, len(given), 2000):
        writer.write(Batch(rows=given[start : start + 2000]))


def _people(value: str, step: int = 1) -> list[Row]:
    return [row(f"p{number}", value, scope=f"c{number % 20}") for number in range(0, ROWS, step)]


@pytest.fixture
def syncs(supabase: LocalSupabase, open_on: OpenOn, tmp_path: Path) -> Syncs:
    supabase.sql("vacuum analyze")
    return Syncs(open_on(tmp_path / ".mkt"), Clock(datetime.now(UTC)))


def test_a_first_load_that_is_begun_again_or_takes_back_is_soon_done(syncs: Syncs, supabase: LocalSupabase) -> None:
    _write(syncs.open(), _people("a"))
    writer = syncs.open(fresh=True)
    with soon():
        _write(writer, _people("a"))
    with soon():
        _write(writer, [gone(f"p{number}") for number in range(0, ROWS, 5)])
    syncs.fingerprint = "f2"
    ((last,),) = supabase.sql("select last_seq from mkt_private.feed")
    with soon():
        writer = syncs.open()
    # A number for each of those that the other settings left, and no more.
    assert supabase.sql("select last_seq from mkt_private.feed") == [(last + ROWS - ROWS // 5,)]
    assert syncs.live() == {}


def test_absences_and_a_verdict_on_many_records_are_soon_done(syncs: Syncs) -> None:
    writer = syncs.open()
    _write(writer, _people("a"))
    writer.promote(datetime.now(UTC))
    for absent, deleted in ((ROWS // 2, 0), (0, ROWS // 2)):
        writer = syncs.open()
        _write(writer, _people("a", 2))
        writer.write(Batch(completes=_SCOPES))
        with soon():
            changes = writer.promote(datetime.now(UTC))["people"]
        assert (changes.absent, changes.deleted) == (absent, deleted)
    writer = syncs.open()
    _write(writer, _people("b", 4))
    with soon():
        hold = writer.hold(connector="workday-hris", reasons=["too much"], as_of=datetime.now(UTC))
    with soon():
        assert len(syncs.store.hold_records(hold.id, 200)["people"]) == 200
    assert syncs.lease is not None
    with soon():
        syncs.store.approve(syncs.lease, hold.id, state=IntegrationState(key=KEY))
    assert sum(value == "b" for value in syncs.live().values()) == ROWS // 4


def test_what_may_wait_long_says_so_to_the_api(supabase: LocalSupabase) -> None:
    # The API ends every statement after 8 s, unless the function that it calls has a setting of its own.
    found = supabase.sql("""
        select p.proname from pg_proc p where p.pronamespace = 'public'::regnamespace
          and (p.proname ~ '^mkt_(sync|copy)_' or p.proname ~ '^mkt_(approve|reject)_' or p.proname in
               ('mkt_hold_records', 'mkt_prune', 'mkt_purge', 'mkt_old', 'mkt_counts'))
          and not exists (select from unnest(p.proconfig) c where c like 'statement_timeout=%')""")
    assert found == [("mkt_copy_source",)]
