"""The tables, and what a file has to be so that this version may open it.

A tenant's stream is interned to an integer, `source`, and a record's data stands in `integration_documents`: so the
tables that are searched and changed stay narrow, and a promotion, which keeps every other writer waiting, moves no
data. `integration_numbers` has the last `seq` and the last document that were given: neither is ever given again,
and with one writer at a time `seq` follows the order of commits.
"""

import sqlite3
from collections.abc import Mapping
from typing import Final

from mkt.store.sqlite.views import VIEWS

APPLICATION_ID: Final = 0x6D6B7431  # "mkt1": what `file` and our own check know the database by
VERSION: Final = 4
PAGE_BYTES: Final = 8192
"""Of a new file: with fewer, larger pages than SQLite's own 4096 bytes, loading and comparing are faster."""

_TABLES: Final = (
    """create table integration_sources (
        source integer primary key,
        tenant_id text not null,
        integration text not null,
        stream text not null,
        cursor text,
        as_of text,
        fingerprint text,
        unique (tenant_id, integration, stream)
    ) strict""",
    """create table integration_state (
        tenant_id text not null,
        integration text not null,
        next_due_at text,
        last_run_id text not null,
        last_outcome text not null,
        last_error text,
        last_finished_at text,
        last_ok_at text,
        last_change_at text,
        failures integer not null,
        fingerprint text not null,
        schedule text not null,
        primary key (tenant_id, integration)
    ) strict, without rowid""",
    """create table integration_leases (
        tenant_id text not null,
        integration text not null,
        epoch integer not null,
        primary key (tenant_id, integration)
    ) strict, without rowid""",
    """create table integration_runs (
        id text primary key,
        command text not null,
        tenant_id text not null,
        integration text not null,
        connector text not null,
        started_at text not null,
        finished_at text,
        outcome text not null,
        error text,
        details text not null
    ) strict""",
    "create index integration_runs_started on integration_runs (started_at)",
    """create table integration_events (
        seq integer primary key autoincrement,
        id text not null unique,
        timestamp text not null,
        event text not null,
        level text not null,
        message text not null,
        tenant_id text,
        integration text,
        connector text,
        category text,
        run_id text,
        details text not null
    ) strict""",
    "create index integration_events_run on integration_events (run_id)",
    """create table integration_memory (
        tenant_id text not null,
        integration text not null,
        name text not null,
        value text not null,
        expires_at text,
        primary key (tenant_id, integration, name)
    ) strict""",
    "create index integration_memory_expiry on integration_memory (expires_at) where expires_at is not null",
)

# The partial indexes hold exceptions only: a live record outside every named scope stands in neither.
_RECORDS: Final = (
    """create table integration_records (
        seq integer primary key autoincrement,
        source integer not null references integration_sources,
        external_id text not null,
        hash blob not null,
        deleted integer not null,
        unscoped integer not null,
        first_seen_at text not null,
        changed_at text not null,
        data text not null,
        unique (source, external_id)
    ) strict""",
    "create index integration_records_feed on integration_records (source)",
    "create index integration_records_gone on integration_records (source) where deleted = 1",
    "create index integration_records_scoped on integration_records (source) where deleted = 0 and unscoped = 0",
    """create table integration_record_scopes (
        source integer not null,
        scope text not null,
        external_id text not null,
        primary key (source, scope, external_id)
    ) strict, without rowid""",
    "create index integration_record_scopes_of on integration_record_scopes (source, external_id)",
    """create table integration_absences (
        source integer not null,
        scope text not null,
        external_id text not null,
        primary key (source, scope, external_id)
    ) strict, without rowid""",
)

_STAGING: Final = (
    """create table integration_staging_runs (
        staging integer primary key autoincrement,
        run_id text not null unique,
        tenant_id text not null,
        integration text not null,
        direct integer not null,
        resumable integer not null,
        fresh integer not null,
        fingerprint text not null,
        streams text not null,
        touched_at text not null
    ) strict""",
    """create table integration_staging (
        position integer primary key,
        staging integer not null,
        source integer not null,
        external_id text not null,
        change text not null,
        hash blob not null,
        document text,
        unique (staging, source, external_id)
    ) strict""",
    """create table integration_staging_seen (
        staging integer not null,
        source integer not null,
        scope text not null,
        external_id text not null,
        primary key (staging, source, scope, external_id)
    ) strict, without rowid""",
    """create index integration_staging_seen_scoped on integration_staging_seen (staging, source, external_id)
        where scope <> ''""",
    """create table integration_staging_streams (
        staging integer not null,
        source integer not null,
        cursor text,
        invalid integer not null,
        primary key (staging, source)
    ) strict, without rowid""",
    """create table integration_staging_completes (
        staging integer not null,
        source integer not null,
        scope text not null,
        trusted integer not null,
        primary key (staging, source, scope)
    ) strict, without rowid""",
)

# What each later version adds. A new file is made as version 1 and brought up, so that both ways give the same.
_ADDED: Final[Mapping[int, tuple[str, ...]]] = {
    2: (
        """create index integration_runs_running on integration_runs (tenant_id, integration, command)
            where outcome = 'running'""",
        """create index integration_runs_failed on integration_runs (tenant_id, integration, finished_at)
            where command = 'sync' and error is not null""",
        """create table integration_holds (
            id text primary key,
            tenant_id text not null,
            integration text not null,
            connector text not null,
            run_id text not null,
            state text not null,
            reasons text not null,
            changes text not null,
            change_set blob not null,
            fingerprint text not null,
            windowed integer not null,
            as_of text not null,
            opened_at text not null,
            reopened integer not null,
            closed_at text,
            reason text not null
        ) strict""",
        """create unique index integration_holds_open on integration_holds (tenant_id, integration)
            where state = 'open'""",
        "alter table integration_staging_runs add column hold_id text",
        "alter table integration_staging add column before_hash blob",
        """update integration_staging set before_hash = (
            select r.hash from integration_records r
            where r.source = integration_staging.source and r.external_id = integration_staging.external_id
              and r.deleted = 0)""",
        "alter table integration_state add column refusals integer not null default 0",
        "alter table integration_state add column paused_at text",
        "alter table integration_state add column paused_with text not null default ''",
        "alter table integration_state add column connection text",
        "alter table integration_state add column connection_since text",
        """create table integration_alerts (
            fingerprint text primary key,
            opened_at text not null,
            body text not null
        ) strict""",
        "create table integration_alert_look (one integer primary key check (one = 1), as_of text not null) strict",
        """create table integration_alert_messages (
            position integer primary key,
            id text not null,
            sink text not null,
            fingerprint text not null,
            body text not null,
            created_at text not null,
            next_try_at text not null,
            tries integer not null,
            state text not null,
            error text not null,
            unique (id, sink)
        ) strict""",
    ),
    3: (
        """create table integration_deliveries (
            id text primary key,
            received_at text not null,
            tenant_id text not null,
            integration text not null,
            connector text not null,
            method text not null,
            path text not null,
            verdict text not null,
            reason text not null,
            status integer not null,
            duration_ms integer not null,
            dedupe text,
            attempts integer not null,
            next_try_at text,
            number integer not null,
            request text not null,
            details text not null,
            query text not null,
            body blob
        ) strict""",
        "create index integration_deliveries_of on integration_deliveries (tenant_id, integration, id)",
        """create index integration_deliveries_waiting on integration_deliveries (next_try_at)
            where next_try_at is not null""",
        """create index integration_deliveries_dead on integration_deliveries (received_at)
            where verdict = 'dead'""",
        """create unique index integration_deliveries_once on integration_deliveries (tenant_id, integration, dedupe)
            where dedupe is not null""",
        """create table integration_delivery_days (
            tenant_id text not null,
            integration text not null,
            day text not null,
            number integer not null,
            longest_gap real not null,
            last_at text not null,
            primary key (tenant_id, integration, day)
        ) strict, without rowid""",
    ),
    4: (
        """create table integration_numbers (
            one integer primary key check (one = 1),
            seq integer not null,
            document integer not null
        ) strict""",
        """insert into integration_numbers (one, seq, document)
            select 1, n.seq, n.seq + (select coalesce(max(position), 0) from integration_staging)
            from (select coalesce(max(seq), 0) as seq from sqlite_sequence where name = 'integration_records') n""",
        "create table integration_documents (document integer primary key, data text not null) strict",
        "insert into integration_documents (document, data) select seq, data from integration_records",
        """insert into integration_documents (document, data)
            select n.seq + g.position, g.document from integration_staging g, integration_numbers n
            where g.document is not null""",
        """create table integration_records_new (
            record integer primary key,
            source integer not null references integration_sources,
            external_id text not null,
            seq integer not null,
            hash blob not null,
            deleted integer not null,
            unscoped integer not null,
            first_seen_at text not null,
            changed_at text not null,
            document integer not null,
            unique (source, external_id)
        ) strict""",
        """insert into integration_records_new
            select seq, source, external_id, seq, hash, deleted, unscoped, first_seen_at, changed_at, seq
            from integration_records""",
        """create table integration_staging_new (
            position integer primary key,
            staging integer not null,
            source integer not null,
            external_id text not null,
            change text not null,
            hash blob not null,
            document integer,
            before_hash blob,
            before_document integer,
            unique (staging, source, external_id)
        ) strict""",
        """insert into integration_staging_new
            select g.position, g.staging, g.source, g.external_id, g.change, g.hash,
                   case when g.document is not null then n.seq + g.position end, g.before_hash, r.document
            from integration_numbers n cross join integration_staging g
            left join integration_records_new r on r.source = g.source and r.external_id = g.external_id""",
        "drop table integration_records",
        "drop table integration_staging",
        "alter table integration_records_new rename to integration_records",
        "alter table integration_staging_new rename to integration_staging",
        "create unique index integration_records_seq on integration_records (seq)",
        "create index integration_records_feed on integration_records (source, seq)",
        "create index integration_records_gone on integration_records (source) where deleted = 1",
        "create index integration_records_scoped on integration_records (source) where deleted = 0 and unscoped = 0",
    ),
}


def create(connection: sqlite3.Connection) -> None:
    """Make every table and view, inside the caller's transaction."""
    for statement in (*_TABLES, *_RECORDS, *_STAGING):
        connection.execute(statement)
    connection.execute(f"pragma application_id = {APPLICATION_ID}")
    upgrade(connection, 1)


def upgrade(connection: sqlite3.Connection, version: int) -> None:
    """Bring tables of an earlier version up to this one, inside the caller's transaction."""
    for name in VIEWS:  # a table that a view reads cannot be renamed
        connection.execute(f"drop view if exists {name}")
    for added in range(version + 1, VERSION + 1):
        for statement in _ADDED[added]:
            connection.execute(statement)
    for view in VIEWS.values():
        connection.execute(view)
    connection.execute(f"pragma user_version = {VERSION}")
