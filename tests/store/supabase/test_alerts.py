"""The alerts where PostgreSQL does what Python does for the other store."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.conftest import Clock
from tests.store.test_alerts_contract import _alert, _claim
from tests.supalocal.stack import LocalSupabase

from mkt.store.sqlite.alerts import _erased
from mkt.store.supabase.store import SupabaseStore

from .conftest import OpenOn

_WORDS = st.sampled_from(
    [
        "mkt",
        "triage",
        "verify",
        "us",
        "us/roster",
        "us-2",
        "us-2/hr",
        "xus",
        "us_",
        "/us",
        "us/",
        "(us)",
        "\\",
        "a.b",
        "",
    ]
)
_TEXT = st.lists(_WORDS).map(" ".join)
_DATA = st.fixed_dictionaries(
    {},
    optional={
        "summary": _TEXT,
        "message": _TEXT,
        "remedy": _TEXT,
        "tenants": st.lists(_WORDS),
        "integrations": st.lists(_WORDS),
        "next_command": _TEXT,
        "state": _WORDS,
    },
)


@pytest.fixture
def store(open_on: OpenOn, held_clock: Clock, tmp_path: Path) -> SupabaseStore:
    del held_clock
    return open_on(tmp_path)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=_DATA, tenant=st.sampled_from(["us", "us-2", "mkt", "verify", "a.b"]))
def test_a_purge_takes_out_what_it_does_in_the_other_store(
    supabase_local: LocalSupabase, data: dict[str, Any], tenant: str
) -> None:
    ((body,),) = supabase_local.sql(
        "select mkt_private.without_tenant(%s::jsonb, %s)", json.dumps({"id": "m", "data": data}), tenant
    )
    assert body == {"id": "m", "data": _erased(data, tenant)}


def test_more_messages_wait_than_one_answer_holds(store: SupabaseStore, held_clock: Clock) -> None:
    many = [_alert(held_clock, f"f{number:04}") for number in range(1100)]
    store.record_alerts(many, ["webhook"], held_clock.now())
    assert [each.fingerprint for each in store.unsent_alerts()] == [each.fingerprint for each in many]
    assert len(store.open_alerts()) == 1100


def test_what_was_given_back_and_is_anothers_by_now_stays_the_others(store: SupabaseStore, held_clock: Clock) -> None:
    store.record_alerts([_alert(held_clock)], ["webhook"], held_clock.now())
    (first,) = _claim(store, held_clock)
    store.release_alert(first, held_clock.now())
    held_clock.pass_by(seconds=1)
    (second,) = _claim(store, held_clock)
    store.release_alert(first, held_clock.now())
    assert _claim(store, held_clock) == []
    store.settle_alert(second)
    assert store.unsent_alerts() == []


def test_a_nul_is_no_reason_to_tell_nobody(store: SupabaseStore, held_clock: Clock) -> None:
    store.record_alerts([_alert(held_clock, message="a\0b")], ["webhook"], held_clock.now())
    (message,) = _claim(store, held_clock)
    store.settle_alert(message, error="it said \0")
    (failed,) = store.unsent_alerts()
    assert (failed.body["data"]["message"], failed.error) == ("a\ufffdb", "it said \ufffd")
