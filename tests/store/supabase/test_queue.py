"""The queue in Supabase: what pg_cron sends, what workers take, and what becomes of it when they do not come back."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from postgrest import APIError
from tests.store.supabase.conftest import NewDatabase
from tests.supalocal.people import client_of
from tests.supalocal.stack import LocalSupabase, migrate

from mkt.errors import StoreError
from mkt.output.queue_text import missing, queue_line, troubles
from mkt.runtime.supabase import open_supabase
from mkt.runtime.supabase_access import find_access
from mkt.store.key import Key
from mkt.store.queue import Message, Planned, Queue
from mkt.store.supabase.calls import Calls
from mkt.store.supabase.migrations import MIGRATIONS
from mkt.store.supabase.queue import SupabaseQueue

KEY = Key("northwind", "roster")
AT_ONCE = datetime.min.replace(tzinfo=UTC)
PAST = datetime(2026, 1, 1, 2, 15, tzinfo=UTC)
FAR = datetime(2099, 1, 1, tzinfo=UTC)
STATE = (
    "insert into integration_state (tenant_id, integration, next_due_at, last_finished_at, paused_at, last_run_id,"
    " last_outcome, failures, fingerprint, schedule) values (%s, 'roster', %s, %s, %s, 'r', 'ok', 0, 'f', '')"
)
HOLD = (
    "insert into integration_holds (id, tenant_id, integration, connector, run_id, state, reasons, changes,"
    " change_set, fingerprint, windowed, as_of, opened_at, reopened, reason)"
    " values ('h', 'northwind', 'roster', 'c', 'r', 'open', '[]', '[]', '', '', false, now(), now(), 0, '')"
)


@pytest.fixture
def queue(supabase: LocalSupabase, tmp_path: Path) -> Iterator[Queue]:
    with open_supabase(find_access(tmp_path, supabase.environment)) as client:
        yield SupabaseQueue(Calls(client))


def finished(
    stack: LocalSupabase, tenant: str = "northwind", *, due: datetime | None = PAST, paused: bool = False
) -> None:
    """Store what a run leaves."""
    stack.sql(STATE, tenant, due, PAST, PAST if paused else None)


def minute(stack: LocalSupabase) -> int:
    """Let a minute pass: what cron calls then. Return how many it woke."""
    ((woken,),) = stack.sql("select mkt_private.enqueue_due()")
    return int(woken)


def visible(stack: LocalSupabase) -> None:
    """Let the time pass for which messages are somebody's."""
    stack.sql("update pgmq.q_mkt_sync set vt = now()")


def due(stack: LocalSupabase) -> dict[str, datetime | None]:
    return dict(stack.sql("select tenant_id, due_at from integration_wakeups"))


# what is sent


def test_what_is_due_is_sent_once_however_often_it_is_looked_for(supabase: LocalSupabase, queue: Queue) -> None:
    finished(supabase)
    finished(supabase, "hooli", due=FAR)
    assert [minute(supabase), minute(supabase)] == [1, 0]
    (message,) = queue.read(5, 60)
    assert (message.key, message.tries) == (KEY, 1)
    assert minute(supabase) == 0  # while it is in somebody's hands


def test_six_minutes_at_once_send_each_of_200_once(supabase: LocalSupabase, queue: Queue) -> None:
    supabase.sql(
        "insert into integration_wakeups select 'tenant-' || n, 'roster', now() - interval '1 min'"
        " from generate_series(1, 200) n"
    )
    barrier = threading.Barrier(6)
    woken: list[int] = []

    def pass_a_minute() -> None:
        with psycopg.connect(supabase.dsn, autocommit=True) as connection:
            barrier.wait(10)
            row = connection.execute("select mkt_private.enqueue_due()").fetchone()
            woken.append(row[0] if row else -1)

    threads = [threading.Thread(target=pass_a_minute) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(woken) == [0, 0, 0, 0, 0, 200]
    assert len({message.key for message in queue.read(500, 60)}) == 200


def test_what_is_paused_or_on_request_is_not_sent(supabase: LocalSupabase) -> None:
    finished(supabase, "northwind", paused=True)
    finished(supabase, "hooli", due=None)
    assert minute(supabase) == 0
    supabase.sql("update integration_state set paused_at = null where tenant_id = 'northwind'")
    assert minute(supabase) == 1


def test_what_is_held_is_sent_as_soon_as_somebody_has_decided(supabase: LocalSupabase) -> None:
    finished(supabase)
    supabase.sql(HOLD)
    assert minute(supabase) == 0
    supabase.sql("update integration_holds set state = 'rejected', closed_at = now()")
    assert minute(supabase) == 1


def test_what_was_run_by_somebody_else_meanwhile_is_taken_back(supabase: LocalSupabase, queue: Queue) -> None:
    finished(supabase)
    assert minute(supabase) == 1
    supabase.sql("update integration_state set next_due_at = %s", FAR)
    assert minute(supabase) == 0
    assert queue.read(5, 60) == []


def test_a_queue_that_was_emptied_is_filled_by_the_next_minute(supabase: LocalSupabase) -> None:
    finished(supabase)
    assert minute(supabase) == 1
    supabase.sql("select pgmq.purge_queue('mkt_sync')")
    assert minute(supabase) == 1


def test_what_is_longest_due_comes_first(supabase: LocalSupabase, queue: Queue) -> None:
    finished(supabase, "late", due=PAST + timedelta(days=1))
    finished(supabase, "early", due=PAST)
    minute(supabase)
    assert [message.key.tenant for message in queue.read(5, 60)] == ["early", "late"]


def test_a_tenant_with_a_thousand_that_are_due_keeps_no_other_waiting(supabase: LocalSupabase, queue: Queue) -> None:
    supabase.sql(
        "insert into integration_wakeups select 'large', 'i' || n, now() - interval '1 hour'"
        " from generate_series(1, 1000) n"
    )
    minute(supabase)
    finished(supabase, "small", due=datetime.now(UTC) - timedelta(seconds=1))
    finished(supabase, "tiny", due=datetime.now(UTC) - timedelta(seconds=1))
    minute(supabase)
    taken = [queue.read(1, 60)[0].key.tenant for _ in range(4)]
    assert taken[0] == "large"
    assert sorted(taken[1:]) == ["large", "small", "tiny"]


def test_many_that_are_due_are_looked_through_in_no_time(supabase: LocalSupabase) -> None:
    """By loops over both, with no statistics to say how many there are, it took minutes."""
    supabase.sql(
        "insert into integration_wakeups select 'tenant-' || n / 3, 'i' || n % 3, now()"
        " from generate_series(1, 10000) n"
    )
    assert minute(supabase) == 10_000
    ((kept,),) = supabase.sql("select array_to_string(proconfig, ' ') from pg_proc where proname = 'enqueue_due'")
    assert "enable_nestloop=off" in kept
    began = time.monotonic()
    assert [minute(supabase) for _ in range(3)] == [0, 0, 0]
    assert time.monotonic() - began < 20


def test_what_is_in_somebodys_hands_keeps_nobody_up_who_fills_the_queue(
    supabase: LocalSupabase, queue: Queue
) -> None:
    """A worker that archives a message has it locked, and then wants a wake-up that the plan has locked."""
    finished(supabase)
    minute(supabase)
    supabase.sql("update integration_state set next_due_at = %s", FAR)
    with psycopg.connect(supabase.dsn) as connection:
        connection.execute("select from pgmq.q_mkt_sync for update")
        supabase.sql("set lock_timeout = '2s'; select mkt_private.enqueue_due()")
    assert minute(supabase) == 0
    assert queue.read(5, 60) == []


def test_what_somebody_wrote_into_the_queue_by_hand_harms_nobody(supabase: LocalSupabase, queue: Queue) -> None:
    for text in ("{}", '{"tenant": "Not a slug", "integration": "roster"}', "[1]", '"x"', "null"):
        supabase.sql("select pgmq.send('mkt_sync', %s::jsonb)", text)
    finished(supabase)
    assert minute(supabase) == 1
    assert [message.key for message in queue.read(9, 60)] == [KEY]
    assert supabase.sql("select count(*) from pgmq.q_mkt_sync") == [(1,)]


def test_a_tenant_that_is_erased_wakes_nobody_and_is_in_no_message(supabase: LocalSupabase, queue: Queue) -> None:
    for tenant in ("northwind", "hooli"):
        finished(supabase, tenant)
    minute(supabase)
    for message in queue.read(5, 60):
        queue.archive(message, PAST)
    assert minute(supabase) == 2
    supabase.sql("select mkt_purge('northwind', 'somebody', 1000)")
    assert (due(supabase), minute(supabase)) == ({"hooli": PAST}, 0)
    assert supabase.sql("select message ->> 'tenant' from pgmq.q_mkt_sync") == [("hooli",)]
    assert supabase.sql("select message ->> 'tenant' from pgmq.a_mkt_sync") == [("hooli",)]


def test_a_purge_and_a_worker_that_archives_do_not_wait_for_each_other(supabase: LocalSupabase, queue: Queue) -> None:
    """Both lock the message first, and then the wake-up."""
    finished(supabase)
    minute(supabase)
    (message,) = queue.read(1, 60)
    purging = threading.Thread(target=supabase.sql, args=["select mkt_purge('northwind', 'somebody', 1000)"])
    with psycopg.connect(supabase.dsn) as worker:
        worker.execute("select from pgmq.q_mkt_sync where msg_id = %s for update", [message.id])
        purging.start()
        while supabase.sql("select count(*) from pg_locks where not granted") == [(0,)]:
            continue
        assert worker.execute("select tenant_id from integration_wakeups for update nowait").fetchall() == [
            ("northwind",)
        ]
    purging.join()
    assert (due(supabase), supabase.sql("select count(*) from pgmq.q_mkt_sync")) == ({}, [(0,)])


# what is planned


def test_the_plan_wakes_at_once_what_never_ran(supabase: LocalSupabase, queue: Queue) -> None:
    assert queue.plan([Planned(KEY, AT_ONCE), Planned(Key("hooli", "roster"), FAR)]) == 1
    assert [message.key for message in queue.read(5, 60)] == [KEY]
    assert due(supabase)["hooli"] == FAR


def test_the_plan_is_all_that_the_states_do_not_say(supabase: LocalSupabase, queue: Queue) -> None:
    finished(supabase, "northwind", due=FAR)
    finished(supabase, "hooli", due=FAR)
    queue.plan([Planned(Key("hooli", "roster"), None), Planned(Key("new", "roster"), FAR)])
    assert due(supabase) == {"northwind": FAR, "hooli": None, "new": FAR}
    queue.plan([])
    assert due(supabase) == {"northwind": FAR, "hooli": FAR}


def test_a_run_that_ends_after_the_plan_has_the_last_word(supabase: LocalSupabase, queue: Queue) -> None:
    queue.plan([Planned(KEY, AT_ONCE)])
    finished(supabase, due=FAR)
    assert due(supabase)["northwind"] == FAR


def test_a_verify_of_what_never_ran_changes_nothing(supabase: LocalSupabase, queue: Queue) -> None:
    """It stores a connection, and no due time."""
    queue.plan([Planned(KEY, AT_ONCE)])
    supabase.sql(STATE, "northwind", None, None, None)
    assert due(supabase) == {"northwind": datetime.min.replace(tzinfo=UTC)}


# what workers do


def test_a_message_is_one_workers_until_its_time_is_over(supabase: LocalSupabase, queue: Queue) -> None:
    finished(supabase)
    minute(supabase)
    (first,) = queue.read(5, 60)
    assert queue.read(5, 60) == []
    visible(supabase)
    (second,) = queue.read(5, 60)
    assert (second.id, second.tries) == (first.id, 2)


def test_what_is_kept_stays(supabase: LocalSupabase, queue: Queue) -> None:
    finished(supabase)
    minute(supabase)
    messages = queue.read(5, 60)
    visible(supabase)
    queue.extend(messages, 60)
    assert queue.read(5, 60) == []


def test_an_archived_message_leaves_when_it_is_due_next(supabase: LocalSupabase, queue: Queue) -> None:
    finished(supabase)
    minute(supabase)
    (message,) = queue.read(5, 60)
    assert queue.archive(message, FAR)
    assert due(supabase) == {"northwind": FAR}
    assert supabase.sql("select message ->> 'tenant' from pgmq.a_mkt_sync") == [("northwind",)]
    assert not queue.archive(message, PAST)  # the call made again after a lost answer
    assert due(supabase) == {"northwind": FAR}


def test_what_is_still_due_after_its_turn_is_sent_again(supabase: LocalSupabase, queue: Queue) -> None:
    finished(supabase)
    minute(supabase)
    (message,) = queue.read(5, 60)
    queue.archive(message, PAST)
    assert minute(supabase) == 1


def test_a_worker_that_stood_still_has_no_say_any_more(supabase: LocalSupabase, queue: Queue) -> None:
    finished(supabase)
    minute(supabase)
    (stale,) = queue.read(5, 60)
    visible(supabase)
    (fresh,) = queue.read(5, 60)
    visible(supabase)
    assert not queue.archive(stale, None)
    assert not queue.release(stale, 0)
    queue.extend([stale], 60)
    ((taken,),) = supabase.sql("select count(*) from pgmq.q_mkt_sync where vt > now()")
    assert taken == 0
    assert queue.archive(fresh, FAR)


def test_what_is_given_back_was_not_tried(supabase: LocalSupabase, queue: Queue) -> None:
    finished(supabase)
    minute(supabase)
    (message,) = queue.read(5, 60)
    assert queue.release(message, 30)
    assert queue.read(5, 60) == []
    visible(supabase)
    (again,) = queue.read(5, 60)
    assert (again.id, again.tries) == (message.id, 1)


def test_a_message_of_one_tenant_is_nobody_elses(supabase: LocalSupabase, queue: Queue) -> None:
    finished(supabase)
    minute(supabase)
    (message,) = queue.read(5, 60)
    other = Message(message.id, message.tries, Key("hooli", "roster"), message.enqueued_at)
    assert not queue.archive(other, None)
    assert not queue.release(other, 0)
    assert "hooli" not in due(supabase)


# how it stands


def test_how_much_waits_and_for_how_long(supabase: LocalSupabase, queue: Queue) -> None:
    for tenant in ("northwind", "hooli", "acme"):
        finished(supabase, tenant)
    minute(supabase)
    supabase.sql("update pgmq.q_mkt_sync set enqueued_at = now() - interval '10 min' where msg_id = 2")
    queue.read(1, 60)
    look = queue.look()
    assert look.depth is not None
    assert look.depth.oldest is not None
    assert (look.depth.waiting, look.depth.taken) == (2, 1)
    assert look.now is not None
    assert abs(look.now - datetime.now(UTC)) < timedelta(minutes=1)
    assert timedelta(minutes=10) <= look.depth.oldest < timedelta(minutes=11)
    assert queue_line(look) == "queue: 2 waiting, 1 with workers, the oldest for 10 min"


def test_the_job_of_cron_is_there_and_says_when_it_ran(supabase: LocalSupabase, queue: Queue) -> None:
    if not supabase.has_cron:
        pytest.skip("pg_cron is the one part that a machine may lack")
    jobs = dict(supabase.sql("select jobname, command from cron.job"))
    assert jobs["mkt-wake"] == "select mkt_private.enqueue_due()"
    look = queue.look()
    assert look.waker is not None
    assert (look.waker.active, look.waker.last_started_at) == (True, None)
    ran = (
        "insert into cron.job_run_details (jobid, runid, status, start_time)"
        " select jobid, %s, %s, %s from cron.job where jobname = 'mkt-wake'"
    )
    now = datetime.now(UTC)
    try:
        supabase.sql(ran, 1, "succeeded", now - timedelta(minutes=9))
        (late,) = troubles(queue.look(), now)
        supabase.sql(ran, 2, "failed", now)
        (failed,) = troubles(queue.look(), now)
    finally:
        supabase.sql("delete from cron.job_run_details")
    assert late.what.startswith("the job mkt-wake has not run since 9 min ago")
    assert failed.what == "the job mkt-wake failed when it ran last"


def test_what_was_done_a_week_ago_is_forgotten(supabase: LocalSupabase, queue: Queue) -> None:
    for tenant in ("northwind", "hooli"):
        finished(supabase, tenant)
    minute(supabase)
    for message in queue.read(5, 60):
        queue.archive(message, FAR)
    supabase.sql("update pgmq.a_mkt_sync set archived_at = now() - interval '8 days' where msg_id = 1")
    queue.plan([])  # as cron does by itself
    assert supabase.sql("select msg_id from pgmq.a_mkt_sync") == [(2,)]
    supabase.sql("update pgmq.a_mkt_sync set archived_at = now() - interval '8 days'")
    supabase.sql("select mkt_private.tidy_queue()")
    assert supabase.sql("select msg_id from pgmq.a_mkt_sync") == []


# what may be missing, and who may not ask


def test_without_queues_and_cron_the_rest_applies_and_says_what_is_missing(
    supabase_local: LocalSupabase, new_database: NewDatabase
) -> None:
    database = new_database()
    migrate(supabase_local, database=database)
    assert supabase_local.sql("select count(*) from mkt_private.migrations", database=database) == [
        (len(MIGRATIONS),)
    ]
    assert supabase_local.sql("select mkt_private.enqueue_due()", database=database) == [(0,)]
    supabase_local.sql("select mkt_private.tidy_queue()", database=database)
    supabase_local.sql("select mkt_private.make_queue()", database=database)
    ((look,),) = supabase_local.sql("select public.mkt_queue_look()", database=database)
    assert (look["queue"], look["cron"]) == (None, None)


def test_a_queue_that_is_not_there_says_what_to_do(
    supabase: LocalSupabase, queue: Queue, request: pytest.FixtureRequest
) -> None:
    supabase.sql("alter schema pgmq rename to hidden")
    request.addfinalizer(lambda: supabase.sql("alter schema hidden rename to pgmq"))
    for ask in (lambda: queue.read(1, 60), lambda: queue.plan([]), lambda: queue.extend([], 60)):
        with pytest.raises(StoreError, match="no queue for workers") as raised:
            ask()
        assert "mkt db check" in raised.value.remedy
    (trouble,) = missing(queue.look())
    assert "pgmq is missing" in trouble.what
    assert minute(supabase) == 0


@pytest.mark.parametrize(
    "call",
    [
        ("mkt_queue_read", {"p_count": 1, "p_seconds": 1}),
        ("mkt_queue_look", {}),
        ("mkt_queue_plan", {"p_plan": []}),
        (
            "mkt_queue_archive",
            {"p_tenant": "northwind", "p_integration": "roster", "p_message": 1, "p_tries": 1, "p_due_at": None},
        ),
    ],
)
@pytest.mark.parametrize("tenant", ["", "northwind"])
def test_tenants_and_strangers_have_no_part_in_the_queue(
    supabase: LocalSupabase, tenant: str, call: tuple[str, dict[str, Any]]
) -> None:
    token = supabase.user_token(tenant, admin=True) if tenant else ""
    with client_of(supabase, token=token) as person, pytest.raises(APIError) as raised:
        person.rpc(*call).execute()
    assert raised.value.code == "42501"


def test_the_queue_itself_shows_no_row_to_a_tenant(supabase: LocalSupabase) -> None:
    """Also where somebody has let the API show the queues."""
    finished(supabase)
    minute(supabase)
    with psycopg.connect(supabase.dsn) as connection:
        connection.execute("grant usage on schema pgmq to authenticated")
        connection.execute("grant select on pgmq.q_mkt_sync to authenticated")
        connection.execute("set local role authenticated")
        assert connection.execute("select * from pgmq.q_mkt_sync").fetchall() == []
        connection.rollback()


def test_a_message_says_whom_it_wakes_and_nothing_else(supabase: LocalSupabase) -> None:
    finished(supabase)
    minute(supabase)
    ((message,),) = supabase.sql("select message from pgmq.q_mkt_sync")
    assert set(message) == {"tenant", "integration", "due_at"}
    assert len(json.dumps(message)) < 300
