"""Runs and events in Supabase: pages, what PostgreSQL does not hold, calls that are made again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.store.conftest import KEY, Clock
from tests.supalocal.stack import LocalSupabase

from mkt.contract import ConnectorEvent
from mkt.errors import LeaseLost
from mkt.store.base import EventQuery, IntegrationState, Key, Run

from .conftest import OpenOn, twice

T0 = datetime(2026, 11, 22, 18, tzinfo=UTC)
OTHER = Key("contoso", "crm")


def _event(number: int, **fields: Any) -> ConnectorEvent:
    moment = T0 + timedelta(seconds=number)
    return ConnectorEvent(event="sync.progress", message=str(number), timestamp=moment, **fields)


def _run(number: int, key: Key = KEY, **fields: Any) -> Run:
    started = T0 + timedelta(minutes=number // 2)
    return Run(id=f"0193-{number:04}", command="sync", key=key, connector="scim-hris", started_at=started, **fields)


def test_pages_of_the_newest_events_follow_each_other(open_on: OpenOn, tmp_path: Path) -> None:
    store = open_on(tmp_path)
    keys = [KEY, OTHER]
    store.add_events(
        [_event(n // 2, tenant=keys[n % 2].tenant, integration=keys[n % 2].integration) for n in range(1500)]
    )

    def said(**query: Any) -> list[str]:
        return [event.message for event in store.events(EventQuery(**query))]

    assert said(limit=1100) == [str(n // 2) for n in range(400, 1500)]
    assert said(limit=9999) == [str(n // 2) for n in range(1500)]
    assert said(keys=[OTHER]) == [str(n) for n in range(750)]
    assert said(keys=[OTHER], limit=600) == [str(n) for n in range(150, 750)]
    assert said(keys=[KEY, OTHER, KEY], limit=3) == ["748", "749", "749"]


def test_events_of_a_tenant_as_a_whole_are_its_own(open_on: OpenOn, tmp_path: Path) -> None:
    store = open_on(tmp_path)
    store.add_events([_event(1, tenant="Broken File!"), _event(2, tenant="Broken File!", integration="x"), _event(3)])
    assert [event.message for event in store.events(EventQuery(keys=[Key("Broken File!", "")]))] == ["1"]


def test_events_are_chosen_by_name(open_on: OpenOn, tmp_path: Path) -> None:
    store = open_on(tmp_path)
    store.add_events([_event(1), replace(_event(2), event="run.summary")])
    assert [event.message for event in store.events(EventQuery(names=["run.summary"]))] == ["2"]


def test_events_after_one_that_is_gone_are_those_that_came_later(
    supabase: LocalSupabase, open_on: OpenOn, tmp_path: Path
) -> None:
    store = open_on(tmp_path)
    events = [replace(_event(n), id=f"0193-{n}") for n in range(5)]
    store.add_events(events)
    supabase.sql("delete from integration_events where id in ('0193-2', '0193-0')")
    assert list(store.events(EventQuery(after_id="0193-2"))) == events[3:]
    assert list(store.events(EventQuery(after_id="0000"))) == [events[1], *events[3:]]


def test_what_postgresql_does_not_hold_is_replaced(open_on: OpenOn, tmp_path: Path) -> None:
    store = open_on(tmp_path)
    store.add_events([_event(1, details={"a\0": ["b\0", "\\u0000"]})])
    (event,) = store.events(EventQuery())
    assert event.details == {"a\ufffd": ["b\ufffd", "\\u0000"]}
    run = _run(1, error={"message": "\0"}, details={"n": 1.5})
    store.start_run(run, killed={"message": "\0"})
    assert store.runs() == [replace(run, error={"message": "\ufffd"})]
    assert store.find_runs("\0") == []


def test_all_runs_are_found_page_by_page(supabase: LocalSupabase, open_on: OpenOn, tmp_path: Path) -> None:
    store = open_on(tmp_path)
    supabase.sql(
        "insert into integration_runs (id, command, tenant_id, integration, connector, started_at, outcome)"
        " select 'run ' || to_char(n, 'FM0000'), 'sync', (array['northwind', 'contoso'])[1 + n % 2], 'roster',"
        " 'scim-hris', timestamptz '2026-11-22 18:00Z' + n / 3 * interval '1 minute', 'ok'"
        " from generate_series(0, 1999) n"
    )
    every = [f"run {n:04}" for n in reversed(range(2000))]
    assert [run.id for run in store.find_runs("run")] == every
    assert [run.id for run in store.runs(limit=1234)] == every[:1234]
    assert [run.id for run in store.runs([KEY], limit=700)] == every[1::2][:700]
    assert [run.id for run in store.runs([KEY, Key("contoso", "roster"), KEY], limit=5)] == every[:5]


def test_a_run_of_one_tenant_does_not_become_anothers(open_on: OpenOn, tmp_path: Path) -> None:
    store = open_on(tmp_path)
    store.start_run(_run(1))
    store.start_run(_run(1, OTHER))
    store.finish_run(_run(1, OTHER, outcome="ok", finished_at=T0))
    assert store.runs() == [_run(1)]


def test_a_run_that_was_finished_is_so_when_it_is_said_again(
    open_on: OpenOn, tmp_path: Path, held_clock: Clock
) -> None:
    store = open_on(tmp_path / "here")
    lease = store.acquire(KEY)
    run, state = _run(1, outcome="ok", finished_at=T0), IntegrationState(key=KEY, failures=1)
    twice(store).finish_run(run, state, lease)
    held_clock.pass_by(seconds=31)
    assert open_on(tmp_path / "there").acquire(KEY) is not None
    store.finish_run(run, IntegrationState(key=KEY, failures=2), lease)
    assert store.states() == {KEY: state}
    with pytest.raises(LeaseLost, match="northwind/roster"):
        store.finish_run(_run(2, outcome="ok", finished_at=T0), state, lease)


def test_the_end_of_a_run_is_when_its_staging_was_touched_last(
    supabase: LocalSupabase, open_on: OpenOn, tmp_path: Path, held_clock: Clock
) -> None:
    store = open_on(tmp_path)
    supabase.sql(
        "insert into integration_staging_runs (run_id, tenant_id, integration, direct, resumable, fresh, fingerprint,"
        " streams, touched_at) select id, tenant, 'roster', false, true, false, 'f', '[]', '2026-01-01Z'"
        " from (values ('0193-0001', 'northwind'), ('0193-0002', 'hooli')) v (id, tenant)"
    )
    for number in (1, 2):
        store.finish_run(_run(number, outcome="ok", finished_at=T0))
    touched = supabase.sql("select run_id, touched_at from integration_staging_runs order by run_id")
    assert touched == [("0193-0001", held_clock.now()), ("0193-0002", datetime(2026, 1, 1, tzinfo=UTC))]
