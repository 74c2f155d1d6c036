-- A store as version 2 made it. Never to be edited: what it says is what people have.
pragma page_size = 8192;
CREATE TABLE integration_sources (
        source integer primary key,
        tenant_id text not null,
        integration text not null,
        stream text not null,
        cursor text,
        as_of text,
        fingerprint text,
        unique (tenant_id, integration, stream)
    ) strict;
CREATE TABLE integration_state (
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
    ) strict, without rowid;
CREATE TABLE integration_leases (
        tenant_id text not null,
        integration text not null,
        epoch integer not null,
        primary key (tenant_id, integration)
    ) strict, without rowid;
CREATE TABLE integration_runs (
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
    ) strict;
CREATE INDEX integration_runs_started on integration_runs (started_at);
CREATE TABLE integration_events (
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
    ) strict;
CREATE INDEX integration_events_run on integration_events (run_id);
CREATE TABLE integration_memory (
        tenant_id text not null,
        integration text not null,
        name text not null,
        value text not null,
        expires_at text,
        primary key (tenant_id, integration, name)
    ) strict;
CREATE INDEX integration_memory_expiry on integration_memory (expires_at) where expires_at is not null;
CREATE TABLE integration_records (
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
    ) strict;
CREATE INDEX integration_records_feed on integration_records (source);
CREATE INDEX integration_records_gone on integration_records (source) where deleted = 1;
CREATE INDEX integration_records_scoped on integration_records (source) where deleted = 0 and unscoped = 0;
CREATE TABLE integration_record_scopes (
        source integer not null,
        scope text not null,
        external_id text not null,
        primary key (source, scope, external_id)
    ) strict, without rowid;
CREATE INDEX integration_record_scopes_of on integration_record_scopes (source, external_id);
CREATE TABLE integration_absences (
        source integer not null,
        scope text not null,
        external_id text not null,
        primary key (source, scope, external_id)
    ) strict, without rowid;
CREATE TABLE integration_staging_runs (
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
    ) strict;
CREATE TABLE integration_staging (
        position integer primary key,
        staging integer not null,
        source integer not null,
        external_id text not null,
        change text not null,
        hash blob not null,
        document text,
        unique (staging, source, external_id)
    ) strict;
CREATE TABLE integration_staging_seen (
        staging integer not null,
        source integer not null,
        scope text not null,
        external_id text not null,
        primary key (staging, source, scope, external_id)
    ) strict, without rowid;
CREATE INDEX integration_staging_seen_scoped on integration_staging_seen (staging, source, external_id)
        where scope <> '';
CREATE TABLE integration_staging_streams (
        staging integer not null,
        source integer not null,
        cursor text,
        invalid integer not null,
        primary key (staging, source)
    ) strict, without rowid;
CREATE TABLE integration_staging_completes (
        staging integer not null,
        source integer not null,
        scope text not null,
        trusted integer not null,
        primary key (staging, source, scope)
    ) strict, without rowid;
CREATE VIEW people as select s.tenant_id as tenant, s.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted, cast(json_extract(r.data, '$.employee_number') as text) as "employee_number", cast(json_extract(r.data, '$.user_name') as text) as "user_name", cast(json_extract(r.data, '$.given_name') as text) as "given_name", cast(json_extract(r.data, '$.family_name') as text) as "family_name", cast(json_extract(r.data, '$.formatted_name') as text) as "formatted_name", cast(json_extract(r.data, '$.email') as text) as "email", cast(json_extract(r.data, '$.status') as text) as "status", cast(json_extract(r.data, '$.title') as text) as "title", cast(json_extract(r.data, '$.user_type') as text) as "user_type", cast(json_extract(r.data, '$.manager_id') as text) as "manager_id", cast(json_extract(r.data, '$.department') as text) as "department", cast(json_extract(r.data, '$.cost_center') as text) as "cost_center", cast(json_extract(r.data, '$.hire_date') as text) as "hire_date", cast(json_extract(r.data, '$.termination_date') as text) as "termination_date", cast(json_extract(r.data, '$.job_role_id') as text) as "job_role_id", cast(json_extract(r.data, '$.job_role') as text) as "job_role", cast(json_extract(r.data, '$.org_unit_id') as text) as "org_unit_id", cast(json_extract(r.data, '$.org_unit') as text) as "org_unit", cast(json_extract(r.data, '$.location') as text) as "location", cast(json_extract(r.data, '$.last_modified') as text) as "last_modified", cast(json_extract(r.data, '$.active') as integer) as "active" from integration_records r join integration_sources s on s.source = r.source where s.stream = 'people';
CREATE VIEW org_units as select s.tenant_id as tenant, s.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted, cast(json_extract(r.data, '$.name') as text) as "name", cast(json_extract(r.data, '$.type') as text) as "type", cast(json_extract(r.data, '$.identifier') as text) as "identifier", cast(json_extract(r.data, '$.parent_id') as text) as "parent_id" from integration_records r join integration_sources s on s.source = r.source where s.stream = 'org_units';
CREATE VIEW memberships as select s.tenant_id as tenant, s.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted, cast(json_extract(r.data, '$.person_id') as text) as "person_id", cast(json_extract(r.data, '$.org_unit_id') as text) as "org_unit_id", cast(json_extract(r.data, '$.role') as text) as "role", cast(json_extract(r.data, '$.role_type') as text) as "role_type", cast(json_extract(r.data, '$.begin_date') as text) as "begin_date", cast(json_extract(r.data, '$.end_date') as text) as "end_date", cast(json_extract(r.data, '$.primary') as integer) as "primary" from integration_records r join integration_sources s on s.source = r.source where s.stream = 'memberships';
CREATE VIEW job_roles as select s.tenant_id as tenant, s.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted, cast(json_extract(r.data, '$.name') as text) as "name" from integration_records r join integration_sources s on s.source = r.source where s.stream = 'job_roles';
CREATE VIEW accounts as select s.tenant_id as tenant, s.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted, cast(json_extract(r.data, '$.name') as text) as "name", cast(json_extract(r.data, '$.domain') as text) as "domain", cast(json_extract(r.data, '$.industry') as text) as "industry", cast(json_extract(r.data, '$.parent_id') as text) as "parent_id", cast(json_extract(r.data, '$.owner') as text) as "owner" from integration_records r join integration_sources s on s.source = r.source where s.stream = 'accounts';
CREATE VIEW contacts as select s.tenant_id as tenant, s.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted, cast(json_extract(r.data, '$.account_id') as text) as "account_id", cast(json_extract(r.data, '$.given_name') as text) as "given_name", cast(json_extract(r.data, '$.family_name') as text) as "family_name", cast(json_extract(r.data, '$.email') as text) as "email", cast(json_extract(r.data, '$.title') as text) as "title" from integration_records r join integration_sources s on s.source = r.source where s.stream = 'contacts';
CREATE VIEW opportunities as select s.tenant_id as tenant, s.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted, cast(json_extract(r.data, '$.account_id') as text) as "account_id", cast(json_extract(r.data, '$.name') as text) as "name", cast(json_extract(r.data, '$.stage') as text) as "stage", cast(json_extract(r.data, '$.amount') as text) as "amount", cast(json_extract(r.data, '$.currency') as text) as "currency", cast(json_extract(r.data, '$.close_date') as text) as "close_date", cast(json_extract(r.data, '$.is_won') as integer) as "is_won", cast(json_extract(r.data, '$.products') as text) as "products" from integration_records r join integration_sources s on s.source = r.source where s.stream = 'opportunities';
CREATE VIEW content_items as select s.tenant_id as tenant, s.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted, cast(json_extract(r.data, '$.title') as text) as "title", cast(json_extract(r.data, '$.type') as text) as "type", cast(json_extract(r.data, '$.href') as text) as "href", cast(json_extract(r.data, '$.parent_id') as text) as "parent_id", cast(json_extract(r.data, '$.standard') as text) as "standard", cast(json_extract(r.data, '$.standard_version') as text) as "standard_version", cast(json_extract(r.data, '$.launch_method') as text) as "launch_method", cast(json_extract(r.data, '$.move_on') as text) as "move_on", cast(json_extract(r.data, '$.position') as integer) as "position", cast(json_extract(r.data, '$.mastery_score') as real) as "mastery_score" from integration_records r join integration_sources s on s.source = r.source where s.stream = 'content_items';
create index integration_runs_running on integration_runs (tenant_id, integration, command)
            where outcome = 'running';
create index integration_runs_failed on integration_runs (tenant_id, integration, finished_at)
            where command = 'sync' and error is not null;
create table integration_holds (
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
        ) strict;
create unique index integration_holds_open on integration_holds (tenant_id, integration)
            where state = 'open';
alter table integration_staging_runs add column hold_id text;
alter table integration_staging add column before_hash blob;
update integration_staging set before_hash = (
            select r.hash from integration_records r
            where r.source = integration_staging.source and r.external_id = integration_staging.external_id
              and r.deleted = 0);
alter table integration_state add column refusals integer not null default 0;
alter table integration_state add column paused_at text;
alter table integration_state add column paused_with text not null default '';
alter table integration_state add column connection text;
alter table integration_state add column connection_since text;
create table integration_alerts (
            fingerprint text primary key,
            opened_at text not null,
            body text not null
        ) strict;
create table integration_alert_look (one integer primary key check (one = 1), as_of text not null) strict;
create table integration_alert_messages (
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
        ) strict;
pragma application_id = 1835758641;
pragma user_version = 2;
pragma journal_mode = wal;
insert into integration_state values ('northwind', 'roster', null, 'r1', 'ok', null, null, '2026-11-22T02:15:00.000000Z', null, 0, '', '', 0, null, '', null, null);
