"""A function that works for one tenant touches no other's rows, whatever ids it is given.

The functions, and what they take, are the catalog's: a new one is called too, or fails here.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.supalocal.fence import FLEET, NAMING
from tests.supalocal.stack import LocalSupabase
from tests.supalocal.tenants import (
    ACME,
    NEXT_YEAR,
    OF_NO_TENANT,
    OTHER,
    STAMP,
    Tenant,
    dump,
    dump_query,
    fill,
    message_of,
)

from mkt.store.supabase.catalog import expected

TAKEN = {
    name.removeprefix("public.").partition("(")[0]: dict(
        argument.split(" ", 1) for argument in name.partition("(")[2][:-1].split(", ") if argument
    )
    for name in expected()["functions"]
    if name.startswith("public.")
}
FENCED = sorted(name for name, taken in TAKEN.items() if NAMING & taken.keys())
REFUSED = {"PT409", "23505", "40001"}
"""A word of mkt's, an id that is taken, and the wish to be called again."""
BEFORE = {
    "mkt_sync_hold": "delete from public.integration_holds where tenant_id = 'acme'",
    "mkt_purge": "delete from public.integrations where tenant_id = 'acme'",
}
"""So that the tenant's own call does something."""


@pytest.fixture(scope="module")
def two(supabase_local: LocalSupabase) -> Iterator[LocalSupabase]:
    supabase_local.empty()
    fill(supabase_local, ACME, OTHER)
    yield supabase_local
    supabase_local.empty()


@pytest.fixture
def database(two: LocalSupabase) -> Iterator[psycopg.Connection]:
    """A connection whose work is undone at the end."""
    with psycopg.connect(two.dsn) as connection:
        yield connection
        connection.rollback()


def _delivery(tenant: Tenant, of: str = ACME.name) -> dict[str, Any]:
    return {
        "id": tenant.id("delivery"), "received_at": STAMP, "tenant_id": of, "integration": "roster",
        "connector": "workday-hris", "method": "POST", "path": "/x", "verdict": "handled", "reason": "",
        "status": 200, "duration_ms": 1, "dedupe": tenant.id("dedupe"), "attempts": 1, "next_try_at": None,
        "number": 1, "request": {}, "details": {}, "query": "", "body": None,
    }  # fmt: skip


def _event(tenant: Tenant) -> dict[str, Any]:
    return {
        "id": tenant.id("event"), "timestamp": STAMP, "event": "sync.failed", "level": "error", "message": "m",
        "tenant": ACME.name, "integration": "roster", "run_id": tenant.id("run"), "details": {},
    }  # fmt: skip


def _run(tenant: Tenant) -> dict[str, Any]:
    return {
        "id": tenant.id("run"), "command": "sync", "connector": "workday-hris", "started_at": STAMP,
        "finished_at": STAMP, "outcome": "failed", "error": {"class": "bug"}, "details": {},
    }  # fmt: skip


def _state(tenant: Tenant) -> dict[str, Any]:
    return {
        "last_run_id": tenant.id("run"), "last_outcome": "ok", "last_finished_at": STAMP, "next_due_at": NEXT_YEAR,
        "failures": 0, "fingerprint": "g", "schedule": "", "refusals": 0, "paused_with": "",
    }  # fmt: skip


def _own(stack: LocalSupabase) -> dict[str, Any]:
    """Return an argument of each name, as the first tenant gives it."""
    batch = {
        "streams": [["people", 2]], "ids": ["1", "2"], "digests": "ab cd", "standing": [["people", "course", None]],
        "deleted": [], "cursors": {"people": 2}, "completes": [["people", "course", True]], "invalid": {},
        "memory": [{"name": "nonce", "value": '"x"', "expires_at": None}],
    }  # fmt: skip
    return {
        "p_tenant": ACME.name, "p_tenants": [ACME.name], "p_integration": "roster", "p_keys": [[ACME.name, "roster"]],
        "p_leases": [[ACME.name, "roster", 101]], "p_epoch": 101, "p_run_id": ACME.id("run_id"), "p_staging": 1,
        "p_hold_id": ACME.id("hold"), "p_message": message_of(stack, ACME), "p_tries": 1, "p_attempt": "new",
        "p_token": "new", "p_holder": ACME.id("holder"), "p_dead": ACME.id("holder"), "p_part": "of-acme",
        "p_after_id": "", "p_before": "z", "p_place": None, "p_run jsonb": _run(ACME), "p_run text": ACME.id("run"),
        "p_state": _state(ACME), "p_delivery": _delivery(ACME), "p_deliveries": [_delivery(ACME)],
        "p_events": [_event(ACME)], "p_claimed": 1, "p_kept": True, "p_batch": batch, "p_takes": [],
        "p_documents": '{"email": "bob@acme.test"}\n{"email": "eve@acme.test"}', "p_puts": batch["memory"],
        "p_entries": batch["memory"], "p_number": 1, "p_as_of": STAMP, "p_chunk": 1000, "p_closed": True,
        "p_connection": "reauth", "p_connector": "workday-hris", "p_cursors": {"people": 2}, "p_deleted": True,
        "p_dry_run": False, "p_due_at": STAMP, "p_fingerprint": "g", "p_fresh": False, "p_killed": {"class": "local"},
        "p_kinds": ["created"], "p_levels": [], "p_limit": 100, "p_name": "nonce", "p_names": [], "p_newest": False,
        "p_now": STAMP, "p_reason": "", "p_reasons": [], "p_restart": ["people"], "p_seconds": 1, "p_since bigint": 0,
        "p_since timestamp with time zone": STAMP, "p_since date": STAMP, "p_stream": "people",
        "p_streams boolean": True, "p_streams jsonb": ["people"], "p_verdicts": None, "p_windowed": False,
    }  # fmt: skip


def _of_the_other(stack: LocalSupabase) -> dict[str, list[Any]]:
    """Return what the other tenant's rows are known by, under the names of arguments that are ids."""
    return {
        "p_leases": [[[ACME.name, "roster", 102]]], "p_epoch": [102], "p_staging": list(OTHER.stagings),
        "p_run_id": [OTHER.id(name) for name in ("run_id", "held", "promoted", "run")],
        "p_hold_id": [OTHER.id("hold")], "p_message": [message_of(stack, OTHER)], "p_attempt": [OTHER.id("attempt")],
        "p_token": [OTHER.id("claim")], "p_holder": [OTHER.id("holder")], "p_dead": [OTHER.id("holder")],
        "p_part": [OTHER.id("hold"), OTHER.id("run")], "p_after_id": [OTHER.id("event")],
        "p_before": [OTHER.id("delivery~")], "p_run jsonb": [_run(OTHER)], "p_run text": [OTHER.id("run")],
        "p_state": [_state(OTHER)], "p_events": [[_event(OTHER)]], "p_deliveries": [[_delivery(OTHER)]],
        "p_delivery": [_delivery(OTHER), _delivery(ACME, OTHER.name), _delivery(OTHER, OTHER.name)],
    }  # fmt: skip


def _named(values: Mapping[str, Any], argument: str, kind: str) -> Any:
    """Return the value for an argument; one that nobody has thought of is a `KeyError`."""
    return values[f"{argument} {kind}"] if f"{argument} {kind}" in values else values[argument]


def _given(stack: LocalSupabase, function: str) -> dict[str, Any]:
    given = {argument: _named(_own(stack), argument, kind) for argument, kind in TAKEN[function].items()}
    news: dict[str, dict[str, Any]] = {
        "mkt_sync_open": {"p_run_id": "new", "p_run": {**_run(ACME), "id": "new"}},
        "mkt_sync_hold": {"p_hold_id": "new"},
    }
    return {**given, **news.get(function, {})}


def _swapped(stack: LocalSupabase, function: str) -> Iterator[dict[str, Any]]:
    """Give the tenant's own arguments with each id of the other's in turn, and with all of them."""
    own, every = _given(stack, function), {}
    for argument, kind in TAKEN[function].items():
        others = _of_the_other(stack)
        foreign = others.get(f"{argument} {kind}", others.get(argument, []))
        yield from ({**own, argument: value} for value in foreign)
        if foreign:
            every[argument] = foreign[0]
    yield {**own, **every}


def _call(database: psycopg.Connection, function: str, given: Mapping[str, Any]) -> str:
    """Call it as who has the secret key; return the answer as text."""
    placed = sql.SQL(", ").join(
        sql.SQL("{} => {}::{}").format(sql.Identifier(name), sql.Placeholder(), sql.SQL(kind))
        for name, kind in TAKEN[function].items()
    )
    statement = sql.SQL("select public.{}({})::text").format(sql.Identifier(function), placed)
    database.execute("set local role service_role")
    (answer,) = database.execute(statement, [_text(given[name]) for name in TAKEN[function]]).fetchone() or ("",)
    database.execute("reset role")
    return str(answer)


def _text(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _rows(database: psycopg.Connection, tenant: Tenant) -> dict[str, list[str]]:
    return {table: sorted(rows) for table, rows in database.execute(dump_query(tenant).encode())}


def test_every_function_names_a_tenant_or_is_known_not_to() -> None:
    assert sorted(FLEET) == sorted(set(TAKEN) - set(FENCED))
    assert all(FLEET.values())


def test_both_have_rows_in_every_table(two: LocalSupabase) -> None:
    for tenant in (ACME, OTHER):
        assert set(dump(two, tenant)) == set(expected()["tables"]) - OF_NO_TENANT | {
            "pgmq.q_mkt_sync",
            "pgmq.a_mkt_sync",
        }


def _answer_or_refusal(database: psycopg.Connection, function: str, given: Mapping[str, Any]) -> str:
    try:
        with database.transaction():
            return _call(database, function, given)
    except psycopg.Error as error:
        if error.sqlstate not in REFUSED:
            raise
        return ""


@pytest.mark.parametrize("function", FENCED)
def test_a_tenants_own_call_does_what_it_should(
    two: LocalSupabase, database: psycopg.Connection, function: str
) -> None:
    """Or the calls with another's ids would prove nothing: they would fail whatever they named."""
    database.execute(BEFORE.get(function, "select").encode())
    before = _rows(database, OTHER)
    answer = _call(database, function, _given(two, function))
    assert OTHER.name not in answer
    assert _rows(database, OTHER) == before


@pytest.mark.parametrize("function", FENCED)
def test_anothers_ids_find_and_change_nothing(
    two: LocalSupabase, database: psycopg.Connection, function: str
) -> None:
    database.execute(BEFORE.get(function, "select").encode())
    before = _rows(database, OTHER)
    for given in _swapped(two, function):
        with database.transaction(force_rollback=True):
            assert OTHER.name not in _answer_or_refusal(database, function, given), given
            assert _rows(database, OTHER) == before, given


@pytest.mark.parametrize(("claimed", "kept"), [(None, True), (None, False), (1, True)])
def test_what_a_delivery_says_of_itself_is_not_whose_it_is(
    two: LocalSupabase, database: psycopg.Connection, claimed: int | None, *, kept: bool
) -> None:
    before = _rows(database, OTHER)
    said = {**_delivery(ACME, OTHER.name), "id": "new", "dedupe": "new"}
    given = {**_given(two, "mkt_commit_delivery"), "p_delivery": said, "p_claimed": claimed, "p_kept": kept}
    _call(database, "mkt_commit_delivery", given)
    assert _rows(database, OTHER) == before
