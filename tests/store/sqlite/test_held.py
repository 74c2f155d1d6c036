"""A staging of an earlier version that ends in a hold of this one."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mkt.store.base import Batch, IntegrationState, Key
from mkt.store.sqlite import SqliteStore

KEY = Key("southwind", "roster")
NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
_LEFT = """
insert into integration_sources (source, tenant_id, integration, stream, cursor, as_of, fingerprint)
values (77, 'southwind', 'roster', 'people', '1', '2026-11-22T12:00:00.000000Z', 'f1');
insert into integration_records (source, external_id, hash, deleted, unscoped, first_seen_at, changed_at, data)
values (77, 'anna', x'aa', 0, 1, '2026-11-22T12:00:00.000000Z', '2026-11-22T12:00:00.000000Z', '{"title":"a"}');
insert into integration_staging_runs
    (staging, run_id, tenant_id, integration, direct, resumable, fresh, fingerprint, streams, touched_at)
values (88, 'killed', 'southwind', 'roster', 0, 1, 0, 'f1', '["people"]', '2026-11-22T17:00:00.000000Z');
insert into integration_staging (staging, source, external_id, change, hash, document)
values (88, 77, 'anna', 'updated', x'bb', '{"title":"A"}'), (88, 77, 'ben', 'created', x'cc', '{"title":"b"}');
insert into integration_staging_seen (staging, source, scope, external_id)
values (88, 77, '', 'anna'), (88, 77, '', 'ben');
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "mkt.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((Path(__file__).parent / "versions" / "1.sql").read_text(encoding="utf-8"))
        connection.executescript(_LEFT)
    return path


def test_what_an_earlier_version_staged_can_be_held_and_approved(path: Path) -> None:
    with SqliteStore.open(path, now=lambda: NOW) as store:
        lease = store.acquire(KEY)
        assert lease is not None
        writer = store.open_sync(lease, run_id="next", streams=["people"], fingerprint="f1")
        assert writer.resumed
        writer.write(Batch(cursors={"people": 2}))
        hold = writer.hold(connector="scripted", reasons=["too much"], as_of=NOW)
        store.approve(lease, hold.id, state=IntegrationState(key=KEY))
        live = {record.external_id: record.data for record in store.records(keys=[KEY])}
        assert live == {"anna": {"title": "A"}, "ben": {"title": "b"}}
