-- A store as version 3 made it: a tombstone, a staging that a run was killed in, an open hold. Never to be edited: what it
-- says is what people have.
pragma page_size = 8192;
CREATE TABLE integration_absences (
        source integer not null,
        scope text not null,
        external_id text not null,
        primary key (source, scope, external_id)
    ) strict, without rowid;
CREATE TABLE integration_alert_look (one integer primary key check (one = 1), as_of text not null) strict;
CREATE TABLE integration_alert_messages (
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
CREATE TABLE integration_alerts (
            fingerprint text primary key,
            opened_at text not null,
            body text not null
        ) strict;
CREATE TABLE integration_deliveries (
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
        ) strict;
CREATE TABLE integration_delivery_days (
            tenant_id text not null,
            integration text not null,
            day text not null,
            number integer not null,
            longest_gap real not null,
            last_at text not null,
            primary key (tenant_id, integration, day)
        ) strict, without rowid;
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
CREATE TABLE integration_holds (
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
INSERT INTO "integration_holds" VALUES('01a206b2-8c30-70af-bf58-281d3dd92cef','northwind','alumni','acme-hr','run-alumni-4','open','["over"]','{"people":{"live":2,"created":1,"updated":1,"unchanged":0,"deleted":1,"absent":0,"invalid":0,"seen":2,"listed":true}}',X'4892AA1190871CFE1216BBDC222B2E29','f1',0,'2026-11-22T18:04:00.000000Z','2026-11-22T18:04:00.000000Z',0,NULL,'');
CREATE TABLE integration_leases (
        tenant_id text not null,
        integration text not null,
        epoch integer not null,
        primary key (tenant_id, integration)
    ) strict, without rowid;
INSERT INTO "integration_leases" VALUES('northwind','alumni',1795408697);
INSERT INTO "integration_leases" VALUES('northwind','roster',1795408699);
CREATE TABLE integration_memory (
        tenant_id text not null,
        integration text not null,
        name text not null,
        value text not null,
        expires_at text,
        primary key (tenant_id, integration, name)
    ) strict;
CREATE TABLE integration_record_scopes (
        source integer not null,
        scope text not null,
        external_id text not null,
        primary key (source, scope, external_id)
    ) strict, without rowid;
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
INSERT INTO "integration_records" VALUES(1,1,'w1',X'CDD9BDD45C873ED20B1BFBE7B093C9AC',0,1,'2026-11-22T18:01:00.000000Z','2026-11-22T18:01:00.000000Z','{"title": "Ada"}');
INSERT INTO "integration_records" VALUES(3,1,'w3',X'A9A5C15A42157C896A1ABB5EAECEA619',0,1,'2026-11-22T18:01:00.000000Z','2026-11-22T18:01:00.000000Z','{"title": "Cy"}');
INSERT INTO "integration_records" VALUES(5,1,'w2',X'5A27F9256B0CF64C46FBA2701E4A4D12',0,1,'2026-11-22T18:01:00.000000Z','2026-11-22T18:02:00.000000Z','{"title": "Bobby"}');
INSERT INTO "integration_records" VALUES(6,1,'w4',X'EE8A55F971C90826888A3C9201F094F0',1,0,'2026-11-22T18:01:00.000000Z','2026-11-22T18:02:00.000000Z','{"title": "Di"}');
INSERT INTO "integration_records" VALUES(7,2,'a1',X'8CF4AA6621E4E71D62EE776344DD56EF',0,1,'2026-11-22T18:03:00.000000Z','2026-11-22T18:03:00.000000Z','{"title": "Eve"}');
INSERT INTO "integration_records" VALUES(8,2,'a2',X'71E985742482801564773F678037A679',0,1,'2026-11-22T18:03:00.000000Z','2026-11-22T18:03:00.000000Z','{"title": "Fay"}');
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
INSERT INTO "integration_runs" VALUES('r1','sync','northwind','roster','acme-hr','2026-11-22T18:05:00.000000Z','2026-11-22T18:05:00.000000Z','ok',NULL,'{}');
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
INSERT INTO "integration_sources" VALUES(1,'northwind','roster','people','2','2026-11-22T18:02:00.000000Z','f1');
INSERT INTO "integration_sources" VALUES(2,'northwind','alumni','people','3','2026-11-22T18:03:00.000000Z','f1');
CREATE TABLE integration_staging (
        position integer primary key,
        staging integer not null,
        source integer not null,
        external_id text not null,
        change text not null,
        hash blob not null,
        document text, before_hash blob,
        unique (staging, source, external_id)
    ) strict;
INSERT INTO "integration_staging" VALUES(1,4,2,'a1','updated',X'D91055BE8C1EE595C3D1DF926F8F6148','{"title": "Eve!"}',X'8CF4AA6621E4E71D62EE776344DD56EF');
INSERT INTO "integration_staging" VALUES(2,4,2,'a3','created',X'B9EE0342F93C81FB30F16190230FEE41','{"title": "Gus"}',NULL);
INSERT INTO "integration_staging" VALUES(3,4,2,'a2','deleted',X'',NULL,X'71E985742482801564773F678037A679');
INSERT INTO "integration_staging" VALUES(4,5,1,'w2','updated',X'AD8A99D37B2BE996992055E9D4662D6B','{"title": "Bob again"}',X'5A27F9256B0CF64C46FBA2701E4A4D12');
INSERT INTO "integration_staging" VALUES(5,5,1,'w4','created',X'6E4214EAB773B0040D88BED1BFA5A5CF','{"title": "Di is back"}',NULL);
INSERT INTO "integration_staging" VALUES(6,5,1,'w5','created',X'16F8E643B8B61029BF108B7B2015E262','{"title": "new"}',NULL);
CREATE TABLE integration_staging_completes (
        staging integer not null,
        source integer not null,
        scope text not null,
        trusted integer not null,
        primary key (staging, source, scope)
    ) strict, without rowid;
INSERT INTO "integration_staging_completes" VALUES(4,2,'',1);
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
    , hold_id text) strict;
INSERT INTO "integration_staging_runs" VALUES(4,'run-alumni-4','northwind','alumni',0,0,0,'f1','["people"]','2026-11-22T18:04:00.000000Z','01a206b2-8c30-70af-bf58-281d3dd92cef');
INSERT INTO "integration_staging_runs" VALUES(5,'run-roster-5','northwind','roster',0,1,0,'f1','["people"]','2026-11-22T18:05:00.000000Z',NULL);
CREATE TABLE integration_staging_seen (
        staging integer not null,
        source integer not null,
        scope text not null,
        external_id text not null,
        primary key (staging, source, scope, external_id)
    ) strict, without rowid;
INSERT INTO "integration_staging_seen" VALUES(4,2,'','a1');
INSERT INTO "integration_staging_seen" VALUES(4,2,'','a3');
INSERT INTO "integration_staging_seen" VALUES(5,1,'','w2');
INSERT INTO "integration_staging_seen" VALUES(5,1,'','w4');
INSERT INTO "integration_staging_seen" VALUES(5,1,'','w5');
CREATE TABLE integration_staging_streams (
        staging integer not null,
        source integer not null,
        cursor text,
        invalid integer not null,
        primary key (staging, source)
    ) strict, without rowid;
INSERT INTO "integration_staging_streams" VALUES(4,2,'4',0);
INSERT INTO "integration_staging_streams" VALUES(5,1,'5',0);
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
        schedule text not null, refusals integer not null default 0, paused_at text, paused_with text not null default '', connection text, connection_since text,
        primary key (tenant_id, integration)
    ) strict, without rowid;
INSERT INTO "integration_state" VALUES('northwind','roster',NULL,'r1','ok',NULL,'2026-11-22T18:05:00.000000Z',NULL,NULL,0,'','',0,NULL,'',NULL,NULL);
CREATE INDEX integration_runs_started on integration_runs (started_at);
CREATE INDEX integration_events_run on integration_events (run_id);
CREATE INDEX integration_memory_expiry on integration_memory (expires_at) where expires_at is not null;
CREATE INDEX integration_records_feed on integration_records (source);
CREATE INDEX integration_records_gone on integration_records (source) where deleted = 1;
CREATE INDEX integration_records_scoped on integration_records (source) where deleted = 0 and unscoped = 0;
CREATE INDEX integration_record_scopes_of on integration_record_scopes (source, external_id);
CREATE INDEX integration_staging_seen_scoped on integration_staging_seen (staging, source, external_id)
        where scope <> '';
CREATE VIEW people as select s.tenant_id as tenant, s.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted, cast(json_extract(r.data, '$.employee_number') as text) as "employee_number", cast(json_extract(r.data, '$.user_name') as text) as "user_name", cast(json_extract(r.data, '$.given_name') as text) as "given_name", cast(json_extract(r.data, '$.family_name') as text) as "family_name", cast(json_extract(r.data, '$.formatted_name') as text) as "formatted_name", cast(json_extract(r.data, '$.email') as text) as "email", cast(json_extract(r.data, '$.status') as text) as "status", cast(json_extract(r.data, '$.title') as text) as "title", cast(json_extract(r.data, '$.user_type') as text) as "user_type", cast(json_extract(r.data, '$.manager_id') as text) as "manager_id", cast(json_extract(r.data, '$.department') as text) as "department", cast(json_extract(r.data, '$.cost_center') as text) as "cost_center", cast(json_extract(r.data, '$.hire_date') as text) as "hire_date", cast(json_extract(r.data, '$.termination_date') as text) as "termination_date", cast(json_extract(r.data, '$.job_role_id') as text) as "job_role_id", cast(json_extract(r.data, '$.job_role') as text) as "job_role", cast(json_extract(r.data, '$.org_unit_id') as text) as "org_unit_id", cast(json_extract(r.data, '$.org_unit') as text) as "org_unit", cast(json_extract(r.data, '$.location') as text) as "location", cast(json_extract(r.data, '$.last_modified') as text) as "last_modified", cast(json_extract(r.data, '$.active') as integer) as "active" from integration_records r join integration_sources s on s.source = r.source where s.stream = 'people';
CREATE VIEW org_units as select s.tenant_id as tenant, s.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted, cast(json_extract(r.data, '$.name') as text) as "name", cast(json_extract(r.data, '$.type') as text) as "type", cast(json_extract(r.data, '$.identifier') as text) as "identifier", cast(json_extract(r.data, '$.parent_id') as text) as "parent_id" from integration_records r join integration_sources s on s.source = r.source where s.stream = 'org_units';
CREATE VIEW memberships as select s.tenant_id as tenant, s.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted, cast(json_extract(r.data, '$.person_id') as text) as "person_id", cast(json_extract(r.data, '$.org_unit_id') as text) as "org_unit_id", cast(json_extract(r.data, '$.role') as text) as "role", cast(json_extract(r.data, '$.role_type') as text) as "role_type", cast(json_extract(r.data, '$.begin_date') as text) as "begin_date", cast(json_extract(r.data, '$.end_date') as text) as "end_date", cast(json_extract(r.data, '$.primary') as integer) as "primary" from integration_records r join integration_sources s on s.source = r.source where s.stream = 'memberships';
CREATE VIEW job_roles as select s.tenant_id as tenant, s.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted, cast(json_extract(r.data, '$.name') as text) as "name" from integration_records r join integration_sources s on s.source = r.source where s.stream = 'job_roles';
CREATE VIEW accounts as select s.tenant_id as tenant, s.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted, cast(json_extract(r.data, '$.name') as text) as "name", cast(json_extract(r.data, '$.domain') as text) as "domain", cast(json_extract(r.data, '$.industry') as text) as "industry", cast(json_extract(r.data, '$.parent_id') as text) as "parent_id", cast(json_extract(r.data, '$.owner') as text) as "owner" from integration_records r join integration_sources s on s.source = r.source where s.stream = 'accounts';
CREATE VIEW contacts as select s.tenant_id as tenant, s.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted, cast(json_extract(r.data, '$.account_id') as text) as "account_id", cast(json_extract(r.data, '$.given_name') as text) as "given_name", cast(json_extract(r.data, '$.family_name') as text) as "family_name", cast(json_extract(r.data, '$.email') as text) as "email", cast(json_extract(r.data, '$.title') as text) as "title" from integration_records r join integration_sources s on s.source = r.source where s.stream = 'contacts';
CREATE VIEW opportunities as select s.tenant_id as tenant, s.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted, cast(json_extract(r.data, '$.account_id') as text) as "account_id", cast(json_extract(r.data, '$.name') as text) as "name", cast(json_extract(r.data, '$.stage') as text) as "stage", cast(json_extract(r.data, '$.amount') as text) as "amount", cast(json_extract(r.data, '$.currency') as text) as "currency", cast(json_extract(r.data, '$.close_date') as text) as "close_date", cast(json_extract(r.data, '$.is_won') as integer) as "is_won", cast(json_extract(r.data, '$.products') as text) as "products" from integration_records r join integration_sources s on s.source = r.source where s.stream = 'opportunities';
CREATE VIEW content_items as select s.tenant_id as tenant, s.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted, cast(json_extract(r.data, '$.title') as text) as "title", cast(json_extract(r.data, '$.type') as text) as "type", cast(json_extract(r.data, '$.href') as text) as "href", cast(json_extract(r.data, '$.parent_id') as text) as "parent_id", cast(json_extract(r.data, '$.standard') as text) as "standard", cast(json_extract(r.data, '$.standard_version') as text) as "standard_version", cast(json_extract(r.data, '$.launch_method') as text) as "launch_method", cast(json_extract(r.data, '$.move_on') as text) as "move_on", cast(json_extract(r.data, '$.position') as integer) as "position", cast(json_extract(r.data, '$.mastery_score') as real) as "mastery_score" from integration_records r join integration_sources s on s.source = r.source where s.stream = 'content_items';
CREATE INDEX integration_runs_running on integration_runs (tenant_id, integration, command)
            where outcome = 'running';
CREATE INDEX integration_runs_failed on integration_runs (tenant_id, integration, finished_at)
            where command = 'sync' and error is not null;
CREATE UNIQUE INDEX integration_holds_open on integration_holds (tenant_id, integration)
            where state = 'open';
CREATE INDEX integration_deliveries_of on integration_deliveries (tenant_id, integration, id);
CREATE INDEX integration_deliveries_waiting on integration_deliveries (next_try_at)
            where next_try_at is not null;
CREATE INDEX integration_deliveries_dead on integration_deliveries (received_at)
            where verdict = 'dead';
CREATE UNIQUE INDEX integration_deliveries_once on integration_deliveries (tenant_id, integration, dedupe)
            where dedupe is not null;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('integration_staging_runs',5);
INSERT INTO "sqlite_sequence" VALUES('integration_records',8);
pragma application_id = 1835758641;
pragma user_version = 3;
pragma journal_mode = wal;
