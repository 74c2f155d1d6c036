"""The change feed out of Supabase: pages of any shape say the same as one look at all."""

from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.supalocal.stack import LocalSupabase

from mkt.contract import FIELDS, Stream
from mkt.runtime.supabase import SupabaseClient, open_supabase
from mkt.runtime.supabase_access import find_access
from mkt.store.base import Key
from mkt.store.supabase.store import SupabaseStore

ROWS = 5000
TENANTS = 10
_FILL = """
insert into public.integration_records (seq, tenant_id, integration, stream, external_id, hash, deleted, unscoped,
  first_seen_at, changed_at, data)
select n, 'tenant-' || n % 10, case when n % 3 = 0 then 'crm' else 'roster' end,
  case when n % 7 = 0 then 'contacts' else 'people' end, 'id ' || n, '\\x00', n % 20 = 0, true,
  timestamptz '2026-11-22 18:00:00.123456+02', timestamptz '2026-11-22 19:00+02',
  jsonb_build_object('title', 'é' || n)
from generate_series(1, 5000) n where n % 11 <> 0"""


def _expected(
    *, keys: Collection[Key] | None = None, stream: Stream | None = None, since_seq: int = 0, deleted: bool = True
) -> list[int]:
    def wanted(n: int) -> bool:
        key = Key(f"tenant-{n % 10}", "roster" if n % 3 else "crm")
        of = "people" if n % 7 else "contacts"
        return (keys is None or key in keys) and stream in (None, of) and (deleted or n % 20 != 0)

    return [n for n in range(since_seq + 1, ROWS + 1) if n % 11 and wanted(n)]


@pytest.fixture(scope="module")
def filled(supabase_local: LocalSupabase) -> LocalSupabase:
    """Thousands of records of ten tenants, with gaps and tombstones."""
    supabase_local.empty()
    supabase_local.sql(_FILL)
    return supabase_local


@pytest.fixture
def store(filled: LocalSupabase, tmp_path: Path) -> Iterator[SupabaseStore]:
    with closing(_open(filled, tmp_path)) as opened:
        yield opened


def _open(stack: LocalSupabase, folder: Path) -> SupabaseStore:
    return SupabaseStore.open(open_supabase(find_access(folder, stack.environment)), folder / ".mkt")


SOME = [Key("tenant-3", "roster"), Key("tenant-4", "crm")]
MANY = [Key(f"tenant-{number}", "roster") for number in range(TENANTS)]


@pytest.mark.parametrize("keys", [None, [], SOME[:1], SOME, MANY, [*MANY, *SOME, Key("nobody", "roster")]])
@pytest.mark.parametrize(
    "more", [{}, {"stream": "contacts"}, {"deleted": False}, {"since_seq": 4000}, {"since_seq": 5000}]
)
def test_the_feed_is_whole_and_in_order_whichever_way_it_is_read(
    store: SupabaseStore, keys: Collection[Key] | None, more: dict[str, Any]
) -> None:
    assert [record.seq for record in store.records(keys=keys, **more)] == _expected(keys=keys, **more)


@pytest.mark.parametrize("limit", [0, 1, 999, 2000, 2001, 10_000])
def test_a_limit_is_kept_over_pages(store: SupabaseStore, limit: int) -> None:
    assert [record.seq for record in store.records(limit=limit)] == _expected()[:limit]
    assert [record.seq for record in store.records(keys=MANY, limit=limit)] == _expected(keys=MANY)[:limit]


def test_a_record_is_told_whole(store: SupabaseStore) -> None:
    record = next(store.records(since_seq=19))
    assert (record.seq, record.key, record.stream, record.external_id) == (
        20,
        Key("tenant-0", "roster"),
        "people",
        "id 20",
    )
    assert (record.data, record.deleted) == ({"title": "é20"}, True)
    assert record.first_seen_at.isoformat() == "2026-11-22T16:00:00.123456+00:00"
    assert record.changed_at.isoformat() == "2026-11-22T17:00:00+00:00"


def test_live_and_deleted_records_are_counted(store: SupabaseStore) -> None:
    counts = store.counts()
    assert len(counts) == len({(n % 10, n % 3 == 0, n % 7 == 0) for n in _expected()})
    assert sum(map(sum, counts.values())) == len(_expected())
    key = SOME[0]
    live, gone = counts[key, "people"]
    assert live == len(_expected(keys=[key], stream="people", deleted=False))
    assert gone == len(_expected(keys=[key], stream="people")) - live


def test_of_many_integrations_that_have_nothing_the_feed_is_read_in_pieces(
    store: SupabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call never looks at more than a piece of the feed, so that a large one does not end in a timeout."""
    asked = _asked(monkeypatch)
    nobody = [Key(f"nobody-{number}", "roster") for number in range(TENANTS)]
    assert list(store.records(keys=nobody)) == []
    assert [arguments["p_since"] for arguments in asked] == [0]


def test_what_changes_while_somebody_reads_comes_again_behind(store: SupabaseStore, filled: LocalSupabase) -> None:
    reading = store.records()
    assert next(reading).seq == 1
    filled.sql("update public.integration_records set seq = 5001 where seq = 2")
    filled.sql("update public.integration_records set seq = 5002 where seq = 4999")
    try:
        assert [record.seq for record in reading][-3:] == [5000, 5001, 5002]
        assert [record.external_id for record in store.records(since_seq=5000)] == ["id 2", "id 4999"]
    finally:
        filled.sql("update public.integration_records set seq = 2 where seq = 5001")
        filled.sql("update public.integration_records set seq = 4999 where seq = 5002")


def test_pages_of_long_documents_are_short(
    supabase: LocalSupabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supabase.sql("""
        insert into public.integration_records (seq, tenant_id, integration, stream, external_id, hash, deleted,
          unscoped, first_seen_at, changed_at, data)
        select n, 'acme', 'pack', 'content_items', n::text, '\\x00', false, true, now(), now(),
          jsonb_build_object('title', repeat(md5(n::text), 30000))
        from generate_series(1, 12) n""")
    asked = _asked(monkeypatch)
    with closing(_open(supabase, tmp_path)) as store:
        assert [record.seq for record in store.records()] == list(range(1, 13))
        assert [record.seq for record in store.records(limit=7)] == list(range(1, 8))
    assert [arguments["p_since"] for arguments in asked] == [0, 5, 10, 0, 5]


def test_every_stream_of_the_contract_is_read(supabase: LocalSupabase, tmp_path: Path) -> None:
    for number, stream in enumerate(FIELDS, start=1):
        supabase.sql(
            "insert into public.integration_records"
            " values (%s, 'acme', 'pack', %s, 'x', '', false, true, now(), now(), '{}')",
            number,
            stream,
        )
    with closing(_open(supabase, tmp_path)) as store:
        assert [record.stream for record in store.records(keys=[Key("acme", "pack")])] == list(FIELDS)
        assert [record.stream for record in store.records()] == list(FIELDS)


def _asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    asked: list[dict[str, Any]] = []
    rpc = SupabaseClient.rpc

    def counted(self: SupabaseClient, function: str, arguments: Any = None, **options: Any) -> Any:
        if function == "mkt_records":
            asked.append(arguments)
        return rpc(self, function, arguments, **options)

    monkeypatch.setattr(SupabaseClient, "rpc", counted)
    return asked
