-- mkt's tables. A tenant's users read their own rows and write no state; a tenant's admins edit its integrations;
-- everything else is for the secret key (role service_role). Nothing is for anon.
--
-- A user's tenant is app_metadata.tenant_id of the access token, an admin has app_metadata.tenant_admin: true besides.
-- user_metadata is never asked: users can change it themselves.

create schema if not exists mkt_private;
revoke all on schema mkt_private from public;
grant usage on schema mkt_private to authenticated, service_role;

create table mkt_private.migrations (
  name       text primary key,
  applied_at timestamptz not null default now()
);
alter table mkt_private.migrations enable row level security;

create function mkt_private.tenant_id() returns text
language sql stable set search_path = '' as
$$ select nullif(auth.jwt() -> 'app_metadata' ->> 'tenant_id', '') $$;

create function mkt_private.is_admin() returns boolean
language sql stable set search_path = '' as
$$ select coalesce(auth.jwt() -> 'app_metadata' -> 'tenant_admin' = 'true'::jsonb, false) $$;

-- What tenants, integrations and connectors are called. Written so that a check of many rows can take them apart.
create function mkt_private.is_slug(given text) returns boolean
language sql immutable return given ~ '^[a-z0-9](-?[a-z0-9])*$' and length(given) <= 63;

create function mkt_private.is_stream(given text) returns boolean
language sql immutable return given in ('people', 'org_units', 'memberships', 'job_roles', 'accounts', 'contacts',
                                        'opportunities', 'content_items');

-- What a tenant's file can say: one row that is deeper, or a number that is longer, than others read would
-- keep every tenant's rows from being read.
create function mkt_private.is_plain(given jsonb) returns boolean
language sql immutable return
  not jsonb_path_exists(given, '$.**{51 to last}')
  and not jsonb_path_exists(given, '$.** ? (@.type() == "number" && (@ >= 9223372036854775808 || @ < -9223372036854775808))');

create sequence mkt_private.revisions;

-- Definer: who may change a row need not be able to count revisions.
create function mkt_private.revise() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  new.revision := nextval('mkt_private.revisions');
  new.updated_at := now();
  return new;
end $$;

-- which integrations exist ------------------------------------------------------------------------------------------

create table public.integrations (
  id         uuid primary key default gen_random_uuid(),
  tenant_id  text not null check (mkt_private.is_slug(tenant_id)),
  name       text not null check (mkt_private.is_slug(name)),
  connector  text not null check (mkt_private.is_slug(connector)),
  labels     jsonb not null default '{}' check (jsonb_typeof(labels) = 'object'),
  enabled    boolean not null default true,
  disabled   jsonb check (jsonb_typeof(disabled) = 'object'),
  schedule   text check (length(schedule) <= 200),
  timezone   text check (length(timezone) <= 100),
  settings   jsonb not null default '{}' check (jsonb_typeof(settings) = 'object'),
  secrets    jsonb not null default '{}' check (jsonb_typeof(secrets) = 'object'),
  guard      jsonb check (jsonb_typeof(guard) = 'object'),
  pushed     text,
  revision   bigint not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, name),
  constraint integrations_size check (length(jsonb_build_array(settings, secrets, labels, disabled, guard)::text) <= 100000),
  constraint integrations_plain check (mkt_private.is_plain(jsonb_build_array(settings, secrets, labels, disabled, guard)))
);
comment on column public.integrations.schedule is
  'Cron with five fields, or @hourly, @daily, @weekly. NULL: as mkt.toml says; empty: only on request.';
comment on column public.integrations.pushed is
  'Digest of the row as `mkt config push` last left it: where it is another one, somebody has changed the row since.';
comment on column public.integrations.secrets is 'Name to reference, such as supabase:NAME; never a value.';
create trigger integrations_revise before insert or update on public.integrations
  for each row execute function mkt_private.revise();

-- An admin who adds rows without end would slow the reading of every tenant's.
create function mkt_private.limit_integrations() returns trigger
language plpgsql set search_path = '' as $$
begin
  if (select count(*) from public.integrations i where i.tenant_id = new.tenant_id) >= 1000 then
    raise exception 'a tenant has 1000 integrations at most' using errcode = 'check_violation';
  end if;
  return new;
end $$;
create trigger integrations_limit before insert on public.integrations
  for each row execute function mkt_private.limit_integrations();

create table public.integration_secrets (
  tenant_id  text not null check (mkt_private.is_slug(tenant_id)),
  name       text not null check (name ~ '^[A-Za-z0-9][A-Za-z0-9_./-]{0,199}$'),
  ciphertext text not null check (ciphertext <> ''),
  key_id     text not null check (key_id <> ''),
  revision   bigint not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, name)
);
create trigger integration_secrets_revise before insert or update on public.integration_secrets
  for each row execute function mkt_private.revise();

create table public.connectors (
  id         text primary key check (mkt_private.is_slug(id)),
  category   text not null check (category in ('lti', 'hris', 'crm', 'content')),
  manifest   jsonb not null check (jsonb_typeof(manifest) = 'object'),
  updated_at timestamptz not null default now()
);

-- what happened -----------------------------------------------------------------------------------------------------

create table public.integration_runs (
  id          text primary key,
  command     text not null,
  tenant_id   text not null check (mkt_private.is_slug(tenant_id)),
  integration text not null,
  connector   text not null,
  started_at  timestamptz not null,
  finished_at timestamptz,
  outcome     text not null check (outcome <> ''),
  error       jsonb,
  details     jsonb not null default '{}'
);
create index integration_runs_started on public.integration_runs (started_at desc);
create index integration_runs_of on public.integration_runs (tenant_id, integration, started_at desc);
create index integration_runs_running on public.integration_runs (tenant_id, integration, command)
  where outcome = 'running';
create index integration_runs_failed on public.integration_runs (tenant_id, integration, finished_at)
  where command = 'sync' and error is not null;

create table public.integration_events (
  seq         bigint generated always as identity primary key,
  id          text not null unique,
  "timestamp" timestamptz not null,
  event       text not null,
  level       text not null check (level in ('debug', 'info', 'warning', 'error')),
  message     text not null,
  tenant_id   text check (mkt_private.is_slug(tenant_id)),
  integration text,
  connector   text,
  category    text,
  run_id      text,
  details     jsonb not null default '{}'
);
create index integration_events_run on public.integration_events (run_id);
create index integration_events_of on public.integration_events (tenant_id, integration, seq);
create index integration_events_time on public.integration_events ("timestamp");

create table public.integration_deliveries (
  id          text primary key,
  received_at timestamptz not null,
  tenant_id   text not null check (tenant_id = '' or mkt_private.is_slug(tenant_id)),
  integration text not null,
  connector   text not null,
  method      text not null,
  path        text not null,
  verdict     text not null check (verdict in ('received', 'rejected', 'unroutable', 'duplicate', 'handled', 'failed',
                                               'dead')),
  reason      text not null,
  status      integer not null,
  duration_ms integer not null,
  dedupe      text,
  attempts    integer not null,
  next_try_at timestamptz,
  number      integer not null,
  request     jsonb not null,
  details     jsonb not null,
  query       text not null,
  body        bytea
);
create index integration_deliveries_of on public.integration_deliveries (tenant_id, integration, id);
create index integration_deliveries_waiting on public.integration_deliveries (next_try_at)
  where next_try_at is not null;
create unique index integration_deliveries_once on public.integration_deliveries (tenant_id, integration, dedupe)
  where dedupe is not null;

create table public.integration_delivery_days (
  tenant_id   text not null check (mkt_private.is_slug(tenant_id)),
  integration text not null,
  day         date not null,
  number      integer not null,
  longest_gap double precision not null,
  last_at     timestamptz not null,
  primary key (tenant_id, integration, day)
);

-- where everything stands -------------------------------------------------------------------------------------------

create table public.integration_state (
  tenant_id        text not null check (mkt_private.is_slug(tenant_id)),
  integration      text not null,
  next_due_at      timestamptz,
  last_run_id      text not null,
  last_outcome     text not null,
  last_error       jsonb,
  last_finished_at timestamptz,
  last_ok_at       timestamptz,
  last_change_at   timestamptz,
  failures         integer not null check (failures >= 0),
  fingerprint      text not null,
  schedule         text not null,
  refusals         integer not null default 0 check (refusals >= 0),
  paused_at        timestamptz,
  paused_with      text not null default '',
  connection       text check (connection in ('connected', 'degraded', 'reauth', 'disconnected')),
  connection_since timestamptz,
  primary key (tenant_id, integration)
);
create index integration_state_due on public.integration_state (next_due_at) where next_due_at is not null;

create table public.integration_streams (
  tenant_id   text not null check (mkt_private.is_slug(tenant_id)),
  integration text not null,
  stream      text not null check (mkt_private.is_stream(stream)),
  cursor      jsonb,
  as_of       timestamptz,
  fingerprint text,
  primary key (tenant_id, integration, stream)
);

-- expires_at is judged by the database's clock, so that hosts need not agree on the time.
create table public.integration_leases (
  tenant_id   text not null check (mkt_private.is_slug(tenant_id)),
  integration text not null,
  epoch       bigint not null,
  holder      text not null,
  expires_at  timestamptz not null,
  primary key (tenant_id, integration)
);

create table public.integration_memory (
  tenant_id   text not null check (mkt_private.is_slug(tenant_id)),
  integration text not null,
  name        text not null,
  value       jsonb not null,
  expires_at  timestamptz,
  primary key (tenant_id, integration, name)
);
create index integration_memory_expiry on public.integration_memory (expires_at) where expires_at is not null;

-- what was synced ---------------------------------------------------------------------------------------------------

create table public.integration_records (
  seq           bigint not null unique,
  tenant_id     text not null check (mkt_private.is_slug(tenant_id)),
  integration   text not null,
  stream        text not null check (mkt_private.is_stream(stream)),
  external_id   text not null,
  hash          bytea not null,
  deleted       boolean not null,
  unscoped      boolean not null,
  first_seen_at timestamptz not null,
  changed_at    timestamptz not null,
  data          jsonb not null check (jsonb_typeof(data) = 'object'),
  primary key (tenant_id, integration, stream, external_id)
);
create index integration_records_feed on public.integration_records (tenant_id, integration, stream, seq);
create index integration_records_stream on public.integration_records (stream, seq);
create index integration_records_gone on public.integration_records (changed_at) where deleted;
create index integration_records_scoped on public.integration_records (tenant_id, integration, stream)
  where not deleted and not unscoped;

create table public.integration_record_scopes (
  tenant_id   text not null check (mkt_private.is_slug(tenant_id)),
  integration text not null,
  stream      text not null check (mkt_private.is_stream(stream)),
  scope       text not null,
  external_id text not null,
  primary key (tenant_id, integration, stream, scope, external_id)
);
create index integration_record_scopes_of
  on public.integration_record_scopes (tenant_id, integration, stream, external_id);

create table public.integration_absences (
  tenant_id   text not null check (mkt_private.is_slug(tenant_id)),
  integration text not null,
  stream      text not null check (mkt_private.is_stream(stream)),
  scope       text not null,
  external_id text not null,
  primary key (tenant_id, integration, stream, scope, external_id)
);

-- what waits to be applied ------------------------------------------------------------------------------------------

create table public.integration_staging_runs (
  staging     bigint generated always as identity primary key,
  run_id      text not null unique,
  hold_id     text,
  tenant_id   text not null check (mkt_private.is_slug(tenant_id)),
  integration text not null,
  direct      boolean not null,
  resumable   boolean not null,
  fresh       boolean not null,
  fingerprint text not null,
  streams     jsonb not null,
  touched_at  timestamptz not null
);
create index integration_staging_runs_of on public.integration_staging_runs (tenant_id, integration);

create table public.integration_staging (
  position    bigint generated always as identity primary key,
  staging     bigint not null,
  stream      text not null check (mkt_private.is_stream(stream)),
  external_id text not null,
  change      text not null,
  hash        bytea not null,
  before_hash bytea,
  document    jsonb,
  unique (staging, stream, external_id)
);

create table public.integration_staging_seen (
  staging     bigint not null,
  stream      text not null check (mkt_private.is_stream(stream)),
  scope       text not null,
  external_id text not null,
  primary key (staging, stream, scope, external_id)
);
create index integration_staging_seen_scoped on public.integration_staging_seen (staging, stream, external_id)
  where scope <> '';

create table public.integration_staging_streams (
  staging bigint not null,
  stream  text not null check (mkt_private.is_stream(stream)),
  cursor  jsonb,
  invalid integer not null,
  primary key (staging, stream)
);

create table public.integration_staging_completes (
  staging bigint not null,
  stream  text not null check (mkt_private.is_stream(stream)),
  scope   text not null,
  trusted boolean not null,
  primary key (staging, stream, scope)
);

create table public.integration_holds (
  id          text primary key,
  tenant_id   text not null check (mkt_private.is_slug(tenant_id)),
  integration text not null,
  connector   text not null,
  run_id      text not null,
  state       text not null check (state in ('open', 'approved', 'rejected')),
  reasons     jsonb not null,
  changes     jsonb not null,
  change_set  bytea not null,
  fingerprint text not null,
  windowed    boolean not null,
  as_of       timestamptz not null,
  opened_at   timestamptz not null,
  reopened    integer not null,
  closed_at   timestamptz,
  reason      text not null
);
create unique index integration_holds_open on public.integration_holds (tenant_id, integration) where state = 'open';
create index integration_holds_of on public.integration_holds (tenant_id, integration, opened_at desc);

-- who may do what ---------------------------------------------------------------------------------------------------
-- A project from before 2026-10-30 grants everything that is made in `public` to everybody: that is taken back first.

do $$ declare made text; begin
  foreach made in array array['integrations', 'integration_secrets', 'connectors', 'integration_runs',
    'integration_events', 'integration_deliveries', 'integration_delivery_days', 'integration_state',
    'integration_streams', 'integration_leases', 'integration_memory', 'integration_records',
    'integration_record_scopes', 'integration_absences', 'integration_staging_runs', 'integration_staging',
    'integration_staging_seen', 'integration_staging_streams', 'integration_staging_completes', 'integration_holds']
  loop
    execute format('alter table public.%I enable row level security', made);
    execute format('revoke all on table public.%I from public, anon, authenticated, service_role', made);
    execute format('grant select, insert, update, delete on table public.%I to service_role', made);
  end loop;
  foreach made in array array['integration_events_seq_seq', 'integration_staging_runs_staging_seq',
    'integration_staging_position_seq']
  loop
    execute format('revoke all on sequence public.%I from public, anon, authenticated', made);
  end loop;
end $$;

-- Who edits an integration says what a tenant's file says, and nothing of mkt's own bookkeeping.
grant select, delete, insert (tenant_id, name, connector, labels, enabled, disabled, schedule, timezone, settings,
  secrets, guard), update (name, connector, labels, enabled, disabled, schedule, timezone, settings, secrets, guard)
  on public.integrations to authenticated;
grant select on public.connectors, public.integration_runs, public.integration_events, public.integration_state,
  public.integration_streams, public.integration_records, public.integration_record_scopes, public.integration_holds,
  public.integration_delivery_days to authenticated;
-- Not what came in: a launch's query and body hold what signs a person in.
grant select (id, received_at, tenant_id, integration, connector, method, path, verdict, reason, status, duration_ms,
  attempts, next_try_at, number) on public.integration_deliveries to authenticated;
grant select on mkt_private.migrations to service_role;

create policy tenant_reads on public.integrations for select to authenticated
  using (tenant_id = (select mkt_private.tenant_id()));
create policy admin_adds on public.integrations for insert to authenticated
  with check (tenant_id = (select mkt_private.tenant_id()) and (select mkt_private.is_admin()));
create policy admin_changes on public.integrations for update to authenticated
  using (tenant_id = (select mkt_private.tenant_id()) and (select mkt_private.is_admin()))
  with check (tenant_id = (select mkt_private.tenant_id()) and (select mkt_private.is_admin()));
create policy admin_removes on public.integrations for delete to authenticated
  using (tenant_id = (select mkt_private.tenant_id()) and (select mkt_private.is_admin()));
create policy everybody_reads on public.connectors for select to authenticated
  using (true);
create policy tenant_reads on public.integration_runs for select to authenticated
  using (tenant_id = (select mkt_private.tenant_id()));
create policy tenant_reads on public.integration_events for select to authenticated
  using (tenant_id = (select mkt_private.tenant_id()));
create policy tenant_reads on public.integration_state for select to authenticated
  using (tenant_id = (select mkt_private.tenant_id()));
create policy tenant_reads on public.integration_streams for select to authenticated
  using (tenant_id = (select mkt_private.tenant_id()));
create policy tenant_reads on public.integration_records for select to authenticated
  using (tenant_id = (select mkt_private.tenant_id()));
create policy tenant_reads on public.integration_record_scopes for select to authenticated
  using (tenant_id = (select mkt_private.tenant_id()));
create policy tenant_reads on public.integration_holds for select to authenticated
  using (tenant_id = (select mkt_private.tenant_id()));
create policy tenant_reads on public.integration_deliveries for select to authenticated
  using (tenant_id = (select mkt_private.tenant_id()));
create policy tenant_reads on public.integration_delivery_days for select to authenticated
  using (tenant_id = (select mkt_private.tenant_id()));

revoke all on function mkt_private.tenant_id(), mkt_private.is_admin(), mkt_private.is_slug(text),
  mkt_private.is_stream(text), mkt_private.is_plain(jsonb), mkt_private.revise(), mkt_private.limit_integrations()
  from public, anon;
grant execute on function mkt_private.tenant_id(), mkt_private.is_admin(), mkt_private.is_slug(text),
  mkt_private.is_stream(text), mkt_private.is_plain(jsonb) to authenticated, service_role;

insert into mkt_private.migrations (name) values ('20261123000001_mkt_tables');
