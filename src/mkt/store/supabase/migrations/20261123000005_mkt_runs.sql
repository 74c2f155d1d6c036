-- Runs, events, states, leases, memory.
--
-- For the functions of later migrations, in the caller's transaction:
--   mkt_private.save_state(tenant, integration, state)        stores a state as Python's `state_row` writes it
--   mkt_private.put_memory(tenant, integration, entries)      [{"name", "value", "expires_at"}], of Python's `entry`
--   mkt_private.take_memory(tenant, integration, name, value, now)  forgets a value that was read before; false: gone
--   mkt_private.is_held(lease)                                somebody has the lease, and has not been silent for 30 s
-- What may take longer than 30 s calls `mkt_private.check_lease` once more at its end: the 30 s begin there.

-- A tenant whose file is broken has the file's name, whatever that is; and mkt itself remembers under no tenant.
alter table public.integration_events drop constraint integration_events_tenant_id_check;
alter table public.integration_events add constraint integration_events_tenant_id_check check (tenant_id <> '');
alter table public.integration_memory drop constraint integration_memory_tenant_id_check;

-- JSON as it was written: jsonb takes no \u0000, and a nonce is what a stranger sends. `taken_by` and `taken_at`: a
-- value that was taken stays for a minute, expired for all but the caller that asks again because the answer was lost.
alter table public.integration_memory alter column value type text using value::text;
alter table public.integration_memory add column taken_by text, add column taken_at timestamptz;

-- Who changed it last, and the answer: for a caller that asks again.
alter table public.integration_state
  add column connection_by text, add column connection_before text,
  add column resumed_by text, add column resumed_from timestamptz;

-- `attempt` is the call that took the lease. No holder: nobody has it.
alter table public.integration_leases add column attempt text not null default '';

-- Events are read in order of time; what waited on a host's disk comes in late.
drop index public.integration_events_of;
drop index public.integration_events_time;
create index integration_events_time on public.integration_events ("timestamp", seq);
create index integration_events_of
  on public.integration_events (tenant_id, (coalesce(integration, '')), "timestamp", seq);

-- opening -----------------------------------------------------------------------------------------------------------

-- What mkt asks for before anything else: whether its functions are all there. Of no tenant.
create function public.mkt_open() returns jsonb
language sql stable set search_path = '' as
$$ select jsonb_build_object('migrations', coalesce(jsonb_agg(m.name order by m.name), '[]'))
   from mkt_private.migrations m $$;

-- events ------------------------------------------------------------------------------------------------------------

-- Each row names its tenant, or none. One that is there already is left as it is.
create function public.mkt_add_events(p_events jsonb) returns void
language sql volatile set search_path = '' as $$
  insert into public.integration_events
    (id, "timestamp", event, level, message, tenant_id, integration, connector, category, run_id, details)
  select e.id, e."timestamp", e.event, e.level, e.message, e.tenant, e.integration, e.connector, e.category, e.run_id,
    e.details
  from rows from (jsonb_to_recordset(p_events) as (id text, "timestamp" timestamptz, event text, level text,
      message text, tenant text, integration text, connector text, category text, run_id text, details jsonb))
    with ordinality as e (id, "timestamp", event, level, message, tenant, integration, connector, category, run_id,
      details, position)
  order by e.position
  on conflict (id) do nothing
$$;

-- Events in order of time, at most p_limit, after the place [timestamp, seq] where the page before has ended; or the
-- newest of those before it. Those after an id stand in order of arrival, so that who follows misses none that comes
-- late. p_keys null: of all.
create function public.mkt_events(p_keys jsonb, p_run text, p_levels jsonb, p_names jsonb, p_after_id text,
  p_place jsonb, p_newest boolean, p_limit integer) returns jsonb
language plpgsql stable set search_path = '' as $$
declare
  direction constant text := case when p_newest then 'desc' else 'asc' end;
  columns constant text := case when p_after_id <> '' then 'e.seq' else 'e."timestamp", e.seq' end;
  place constant text := case when p_after_id <> '' then '($6 ->> 1)::bigint'
    else '($6 ->> 0)::timestamptz, ($6 ->> 1)::bigint' end;
  ordered constant text := replace(columns, ',', format(' %s,', direction)) || ' ' || direction;
  wanted text := 'e.seq > $5';
  source text;
  found jsonb;
  after bigint := 0;
begin
  if p_after_id <> '' then
    select coalesce((select e.seq from public.integration_events e where e.id = p_after_id),
      (select e.seq from public.integration_events e where e.id < p_after_id order by e.id desc limit 1), 0) into after;
  end if;
  if p_run <> '' then wanted := wanted || ' and e.run_id = $2'; end if;
  if jsonb_array_length(p_levels) > 0 then wanted := wanted || ' and $3 ? e.level'; end if;
  if jsonb_array_length(p_names) > 0 then wanted := wanted || ' and $4 ? e.event'; end if;
  if jsonb_typeof(p_place) = 'array' then
    wanted := wanted || format(' and (%s) %s (%s)', columns, case when p_newest then '<' else '>' end, place);
  end if;
  if jsonb_typeof(p_keys) = 'array' and p_after_id <> '' then  -- few have arrived since
    source := format($q$public.integration_events e where %s
      and (e.tenant_id, coalesce(e.integration, '')) in (select k.* from mkt_private.keys($1) k)$q$, wanted);
  elsif jsonb_typeof(p_keys) = 'array' then
    source := format($q$(select distinct * from mkt_private.keys($1)) k cross join lateral (
      select * from public.integration_events e
      where e.tenant_id = k.tenant_id and coalesce(e.integration, '') = k.integration and %s
      order by %s limit $7) e$q$, wanted, ordered);
  else
    source := format('public.integration_events e where %s', wanted);
  end if;
  execute format($q$
    select coalesce(jsonb_agg(jsonb_build_object('seq', e.seq, 'id', e.id, 'timestamp', e."timestamp",
      'event', e.event, 'level', e.level, 'message', e.message, 'tenant', e.tenant_id, 'integration', e.integration,
      'connector', e.connector, 'category', e.category, 'run_id', e.run_id, 'details', e.details)
      order by %s), '[]')
    from (select e.* from %s order by %s limit $7) e$q$, columns, source, ordered)
  into found using p_keys, p_run, p_levels, p_names, after, p_place, p_limit;
  return found;
end $$;

-- runs --------------------------------------------------------------------------------------------------------------

create function mkt_private.save_run(p_tenant text, p_integration text, p_run jsonb) returns void
language sql volatile set search_path = '' as $$
  insert into public.integration_runs as saved
    (id, command, tenant_id, integration, connector, started_at, finished_at, outcome, error, details)
  select r.id, r.command, p_tenant, p_integration, r.connector, r.started_at, r.finished_at, r.outcome, r.error,
    r.details
  from jsonb_to_record(p_run) as r (id text, command text, connector text, started_at timestamptz,
    finished_at timestamptz, outcome text, error jsonb, details jsonb)
  on conflict (id) do update set command = excluded.command, connector = excluded.connector,
    started_at = excluded.started_at, finished_at = excluded.finished_at, outcome = excluded.outcome,
    error = excluded.error, details = excluded.details
  where saved.tenant_id = p_tenant and saved.integration = p_integration
$$;

-- p_killed: what every other run of the command that counts as running has failed with, found out now.
create function public.mkt_start_run(p_tenant text, p_integration text, p_run jsonb, p_killed jsonb) returns void
language plpgsql volatile set search_path = '' as $$
begin
  if jsonb_typeof(p_killed) = 'object' then
    update public.integration_runs r
    set outcome = 'failed', finished_at = (p_run ->> 'started_at')::timestamptz, error = p_killed
    where r.tenant_id = p_tenant and r.integration = p_integration and r.command = p_run ->> 'command'
      and r.outcome = 'running' and r.id <> p_run ->> 'id';
  end if;
  perform mkt_private.save_run(p_tenant, p_integration, p_run);
end $$;

create function mkt_private.save_state(p_tenant text, p_integration text, p_state jsonb) returns void
language sql volatile set search_path = '' as $$
  insert into public.integration_state
    (tenant_id, integration, next_due_at, last_run_id, last_outcome, last_error, last_finished_at, last_ok_at,
     last_change_at, failures, fingerprint, schedule, refusals, paused_at, paused_with, connection, connection_since)
  select p_tenant, p_integration, s.next_due_at, s.last_run_id, s.last_outcome, s.last_error, s.last_finished_at,
    s.last_ok_at, s.last_change_at, s.failures, s.fingerprint, s.schedule, s.refusals, s.paused_at, s.paused_with,
    s.connection, s.connection_since
  from jsonb_to_record(p_state) as s (next_due_at timestamptz, last_run_id text, last_outcome text, last_error jsonb,
    last_finished_at timestamptz, last_ok_at timestamptz, last_change_at timestamptz, failures integer,
    fingerprint text, schedule text, refusals integer, paused_at timestamptz, paused_with text, connection text,
    connection_since timestamptz)
  on conflict (tenant_id, integration) do update set next_due_at = excluded.next_due_at,
    last_run_id = excluded.last_run_id, last_outcome = excluded.last_outcome, last_error = excluded.last_error,
    last_finished_at = excluded.last_finished_at, last_ok_at = excluded.last_ok_at,
    last_change_at = excluded.last_change_at, failures = excluded.failures, fingerprint = excluded.fingerprint,
    schedule = excluded.schedule, refusals = excluded.refusals, paused_at = excluded.paused_at,
    paused_with = excluded.paused_with, connection = excluded.connection,
    connection_since = excluded.connection_since
$$;

-- Asked again with the same run, it has been done: by then the lease may be another's.
create function public.mkt_finish_run(p_tenant text, p_integration text, p_run jsonb, p_state jsonb, p_epoch bigint)
returns void
language plpgsql volatile set search_path = '' as $$
begin
  if exists (select from public.integration_runs r
    where r.id = p_run ->> 'id' and r.tenant_id = p_tenant and r.integration = p_integration
      and r.outcome = p_run ->> 'outcome' and r.finished_at = (p_run ->> 'finished_at')::timestamptz) then
    return;
  end if;
  if p_epoch is not null then
    perform mkt_private.check_lease(p_tenant, p_integration, p_epoch);
  end if;
  perform mkt_private.save_run(p_tenant, p_integration, p_run);
  -- The 24 h in which its staging can be resumed count from here.
  update public.integration_staging_runs h set touched_at = mkt_private.clock()
  where h.run_id = p_run ->> 'id' and h.tenant_id = p_tenant and h.integration = p_integration;
  if jsonb_typeof(p_state) = 'object' then
    perform mkt_private.save_state(p_tenant, p_integration, p_state);
  end if;
  perform public.mkt_release(p_tenant, p_integration, p_epoch);
end $$;

-- The newest first, at most p_limit, after the place [started_at, id] where the page before has ended. p_part: what
-- the id contains. p_keys null: of all.
create function public.mkt_runs(p_keys jsonb, p_part text, p_place jsonb, p_limit integer) returns jsonb
language plpgsql stable set search_path = '' as $$
declare
  wanted text := 'true';
  source text;
  found jsonb;
begin
  if p_part <> '' then wanted := wanted || $q$ and strpos(r.id, $2) > 0 $q$; end if;
  if jsonb_typeof(p_place) = 'array' then
    wanted := wanted || $q$ and (r.started_at, r.id) < (($3 ->> 0)::timestamptz, $3 ->> 1) $q$;
  end if;
  if jsonb_typeof(p_keys) = 'array' then
    source := format($q$ (select distinct * from mkt_private.keys($1)) k cross join lateral (
      select * from public.integration_runs r
      where r.tenant_id = k.tenant_id and r.integration = k.integration and %s
      order by r.started_at desc, r.id desc limit $4) r $q$, wanted);
  else
    source := format('public.integration_runs r where %s', wanted);
  end if;
  execute format($q$
    select coalesce(jsonb_agg(to_jsonb(p) order by p.started_at desc, p.id desc), '[]')
    from (select r.id, r.command, r.tenant_id, r.integration, r.connector, r.started_at, r.finished_at, r.outcome,
      r.error, r.details from %s order by r.started_at desc, r.id desc limit $4) p $q$, source)
  into found using p_keys, p_part, p_place, p_limit;
  return found;
end $$;

-- states ------------------------------------------------------------------------------------------------------------

-- In order of the key, at most p_limit, after p_place, with nulls where nothing is known. p_keys null: of all that ever
-- ran. A stream that is only known by name (a dry run, a first load before its first checkpoint) has no state yet.
create function public.mkt_states(p_keys jsonb, p_place jsonb, p_limit integer, p_streams boolean) returns jsonb
language sql stable set search_path = '' as $$
  with known as (
    select k.tenant_id, k.integration from mkt_private.keys(nullif(p_keys, 'null')) k
    where (k.tenant_id, k.integration) > (coalesce(p_place ->> 0, ''), coalesce(p_place ->> 1, ''))
    union
    (select s.tenant_id, s.integration from public.integration_state s
     where nullif(p_keys, 'null') is null
       and (s.tenant_id, s.integration) > (coalesce(p_place ->> 0, ''), coalesce(p_place ->> 1, ''))
     order by s.tenant_id, s.integration limit p_limit)
    union
    (select distinct t.tenant_id, t.integration from public.integration_streams t
     where nullif(p_keys, 'null') is null
       and (t.tenant_id, t.integration) > (coalesce(p_place ->> 0, ''), coalesce(p_place ->> 1, ''))
     order by t.tenant_id, t.integration limit p_limit)
  ),
  page as (select k.tenant_id, k.integration from known k order by k.tenant_id, k.integration limit p_limit)
  select coalesce(jsonb_agg(jsonb_build_object('tenant_id', p.tenant_id, 'integration', p.integration,
    'state', (select to_jsonb(s) from public.integration_state s
      where s.tenant_id = p.tenant_id and s.integration = p.integration),
    'streams', (select jsonb_object_agg(t.stream, jsonb_build_object('cursor', t.cursor, 'as_of', t.as_of))
      from public.integration_streams t
      where p_streams and t.tenant_id = p.tenant_id and t.integration = p.integration
        and (t.cursor is not null or t.as_of is not null)),
    'hold_id', (select h.id from public.integration_holds h
      where h.tenant_id = p.tenant_id and h.integration = p.integration and h.state = 'open'))
    order by p.tenant_id, p.integration), '[]')
  from page p
$$;

-- Returns how it stood before. p_attempt tells a call that is made again.
create function public.mkt_set_connection(p_tenant text, p_integration text, p_connection text, p_now timestamptz,
  p_attempt text) returns jsonb
language plpgsql volatile set search_path = '' as $$
declare known public.integration_state;
begin
  -- What was verified, but never synced, has no row yet.
  insert into public.integration_state
    (tenant_id, integration, last_run_id, last_outcome, failures, fingerprint, schedule)
  values (p_tenant, p_integration, '', '', 0, '', '') on conflict do nothing;
  select * into strict known from public.integration_state s
  where s.tenant_id = p_tenant and s.integration = p_integration for update;
  if known.connection_by = p_attempt then
    return jsonb_build_object('before', known.connection_before);
  end if;
  if known.connection is distinct from p_connection then
    update public.integration_state s
    set connection = p_connection, connection_since = p_now, connection_by = p_attempt,
      connection_before = known.connection
    where s.tenant_id = p_tenant and s.integration = p_integration;
  end if;
  return jsonb_build_object('before', known.connection);
end $$;

-- Returns since when it was paused. p_attempt tells a call that is made again.
create function public.mkt_resume(p_tenant text, p_integration text, p_attempt text) returns jsonb
language plpgsql volatile set search_path = '' as $$
declare known public.integration_state;
begin
  select * into known from public.integration_state s
  where s.tenant_id = p_tenant and s.integration = p_integration for update;
  if known.resumed_by = p_attempt then
    return jsonb_build_object('paused_at', known.resumed_from);
  end if;
  if known.refusals is null or known.refusals = 0 then
    return jsonb_build_object('paused_at', null);
  end if;
  update public.integration_state s
  set paused_at = null, paused_with = '', refusals = 0, resumed_by = p_attempt, resumed_from = known.paused_at
  where s.tenant_id = p_tenant and s.integration = p_integration;
  return jsonb_build_object('paused_at', known.paused_at);
end $$;

-- leases ------------------------------------------------------------------------------------------------------------

create function mkt_private.is_held(p_lease public.integration_leases) returns boolean
language sql volatile set search_path = '' as
$$ select p_lease.holder <> '' and p_lease.expires_at > mkt_private.clock() $$;

-- Returns the epoch, or who has the lease. p_attempt tells a call that is made again; p_dead is a holder of whom the
-- caller knows that it lives no more. A row that somebody has locked is not waited for: a run is committing, so it
-- lives, or the lease is being taken at this moment.
create function public.mkt_acquire(p_tenant text, p_integration text, p_holder text, p_attempt text, p_dead text)
returns jsonb
language plpgsql volatile set search_path = '' as $$
declare known public.integration_leases;
begin
  -- The first epoch is a time, so that no lease from before a purge has the number of one after it.
  insert into public.integration_leases (tenant_id, integration, epoch, holder, expires_at)
  values (p_tenant, p_integration, (extract(epoch from clock_timestamp()) * 1000000)::bigint, '', '-infinity')
  on conflict do nothing;
  select * into known from public.integration_leases l
  where l.tenant_id = p_tenant and l.integration = p_integration for update skip locked;
  if not found then
    return jsonb_build_object('holder', '', 'epoch', (select l.epoch from public.integration_leases l
      where l.tenant_id = p_tenant and l.integration = p_integration and l.attempt = p_attempt));
  end if;
  if known.attempt = p_attempt then
    return jsonb_build_object('epoch', known.epoch);
  end if;
  if mkt_private.is_held(known) and known.holder is distinct from p_dead then
    return jsonb_build_object('epoch', null, 'holder', known.holder);
  end if;
  update public.integration_leases l
  set epoch = l.epoch + 1, holder = p_holder, attempt = p_attempt,
    expires_at = mkt_private.clock() + interval '30 seconds'
  where l.tenant_id = p_tenant and l.integration = p_integration returning * into known;
  return jsonb_build_object('epoch', known.epoch);
end $$;

-- Who has the lease, also one whose commit takes longer than its 30 s: that keeps the row locked.
create function public.mkt_holder(p_tenant text, p_integration text) returns text
language plpgsql volatile set search_path = '' as $$
declare known public.integration_leases;
begin
  select * into known from public.integration_leases l
  where l.tenant_id = p_tenant and l.integration = p_integration;
  if known.holder <> '' and not mkt_private.is_held(known) then
    perform from public.integration_leases l
    where l.tenant_id = p_tenant and l.integration = p_integration for update skip locked;
    if found then return ''; end if;
  end if;
  return coalesce(known.holder, '');
end $$;

-- p_leases: [[tenant, integration, epoch], …]. A row that its own run's commit has locked is left out: that commit
-- renews it.
create function public.mkt_renew(p_leases jsonb) returns void
language sql volatile set search_path = '' as $$
  with own as (
    select l.tenant_id, l.integration, l.epoch
    from jsonb_array_elements(p_leases) given
    join public.integration_leases l on l.tenant_id = given ->> 0 and l.integration = given ->> 1
      and l.epoch = (given ->> 2)::bigint
    for update of l skip locked
  )
  update public.integration_leases l set expires_at = mkt_private.clock() + interval '30 seconds'
  from own where l.tenant_id = own.tenant_id and l.integration = own.integration and l.epoch = own.epoch
$$;

create function public.mkt_release(p_tenant text, p_integration text, p_epoch bigint) returns void
language sql volatile set search_path = '' as $$
  update public.integration_leases l
  set epoch = l.epoch + 1, holder = '', attempt = '', expires_at = '-infinity'
  where l.tenant_id = p_tenant and l.integration = p_integration and l.epoch = p_epoch
$$;

-- memory ------------------------------------------------------------------------------------------------------------

-- Forgets, besides, what has expired, of whichever tenant: nonces would pile up otherwise. That comes last and waits
-- for nobody: who waits for a value of its own holds none of another's.
create function mkt_private.put_memory(p_tenant text, p_integration text, p_entries jsonb) returns void
language sql volatile set search_path = '' as $$
  insert into public.integration_memory as known (tenant_id, integration, name, value, expires_at)
  select distinct on (e ->> 'name') p_tenant, p_integration, e ->> 'name', e ->> 'value',
    (e ->> 'expires_at')::timestamptz
  from jsonb_array_elements(p_entries) with ordinality as given (e, position)
  order by e ->> 'name', position desc
  on conflict (tenant_id, integration, name) do update
    set value = excluded.value, expires_at = excluded.expires_at, taken_by = null, taken_at = null;
  delete from public.integration_memory m
  where (m.tenant_id, m.integration, m.name) in (
    select o.tenant_id, o.integration, o.name from public.integration_memory o
    where o.expires_at <= mkt_private.clock()
      and (o.taken_at is null or o.taken_at < mkt_private.clock() - interval '1 minute')
    limit 500 for update skip locked)
    and not exists (select from jsonb_array_elements(p_entries) e
      where m.tenant_id = p_tenant and m.integration = p_integration and m.name = e ->> 'name');
$$;

create function mkt_private.take_memory(p_tenant text, p_integration text, p_name text, p_value text,
  p_now timestamptz) returns boolean
language plpgsql volatile set search_path = '' as $$
begin
  delete from public.integration_memory m
  where m.tenant_id = p_tenant and m.integration = p_integration and m.name = p_name and m.value = p_value
    and (m.expires_at is null or m.expires_at > p_now);
  return found;
end $$;

create function public.mkt_memory_put(p_tenant text, p_integration text, p_entries jsonb) returns void
language sql volatile set search_path = '' as
$$ select mkt_private.put_memory(p_tenant, p_integration, p_entries) $$;

create function public.mkt_memory_get(p_tenant text, p_integration text, p_name text, p_now timestamptz) returns text
language sql stable set search_path = '' as $$
  select m.value from public.integration_memory m
  where m.tenant_id = p_tenant and m.integration = p_integration and m.name = p_name
    and (m.expires_at is null or m.expires_at > p_now)
$$;

-- Of two callers one gets it, and gets it again who asks again with the same p_attempt.
create function public.mkt_memory_take(p_tenant text, p_integration text, p_name text, p_now timestamptz,
  p_attempt text) returns text
language sql volatile set search_path = '' as $$
  update public.integration_memory m
  set expires_at = 'epoch', taken_by = p_attempt, taken_at = mkt_private.clock()
  where m.tenant_id = p_tenant and m.integration = p_integration and m.name = p_name
    and (m.expires_at is null or m.expires_at > p_now or m.taken_by = p_attempt)
  returning m.value
$$;

-- who may call them -------------------------------------------------------------------------------------------------

do $$ declare made regprocedure; begin
  for made in select p.oid::regprocedure from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where n.nspname = 'public' and p.proname in ('mkt_open', 'mkt_add_events', 'mkt_events', 'mkt_start_run',
        'mkt_finish_run', 'mkt_runs', 'mkt_states', 'mkt_set_connection', 'mkt_resume', 'mkt_acquire', 'mkt_holder',
        'mkt_renew', 'mkt_release', 'mkt_memory_put', 'mkt_memory_get', 'mkt_memory_take')
      or n.nspname = 'mkt_private' and p.proname in ('save_run', 'save_state', 'is_held', 'put_memory', 'take_memory')
  loop
    execute format('revoke all on function %s from public, anon, authenticated', made);
    execute format('grant execute on function %s to service_role', made);
  end loop;
end $$;

insert into mkt_private.migrations (name) values ('20261123000005_mkt_runs');
