-- What wakes `mkt worker`: once a minute pg_cron compares `due_at` with the clock and puts a message on a queue of pgmq
-- (Supabase Queues) for each integration whose time has come. `mkt` alone computes `due_at`; SQL only compares it.
--
-- The queue wakes, it does not remember: an integration stays due until a run has finished, so that a message which is
-- lost, or thrown away, is sent again a minute later. No integration has two messages at a time.
--
-- What is due is of the whole fleet by its nature: enqueue_due, mkt_queue_read, _extend, _plan and _look name no tenant.

-- due_at, null for never, is that of integration_state as soon as a run has finished. For all that a state cannot say
-- (never run, disabled, no longer configured, another schedule than at the last run, mended while paused) it is what
-- the engine said last: mkt_queue_plan and mkt_queue_archive.
create table public.integration_wakeups (
  tenant_id   text not null check (mkt_private.is_slug(tenant_id)),
  integration text not null,
  due_at      timestamptz,
  primary key (tenant_id, integration)
);
create index integration_wakeups_due on public.integration_wakeups (due_at) where due_at is not null;
alter table public.integration_wakeups enable row level security;
revoke all on table public.integration_wakeups from public, anon, authenticated, service_role;
grant select, insert, update, delete on table public.integration_wakeups to service_role;

create function mkt_private.note_due() returns trigger
language plpgsql set search_path = '' as $$
begin
  insert into public.integration_wakeups as w (tenant_id, integration, due_at)
  values (new.tenant_id, new.integration, case when new.paused_at is null then new.next_due_at end)
  on conflict (tenant_id, integration) do update set due_at = excluded.due_at;
  return null;
end $$;
create trigger integration_state_wakes after insert or update of next_due_at, paused_at on public.integration_state
  for each row when (new.last_finished_at is not null) execute function mkt_private.note_due();

insert into public.integration_wakeups (tenant_id, integration, due_at)
select s.tenant_id, s.integration, case when s.paused_at is null then s.next_due_at end
from public.integration_state s where s.last_finished_at is not null;

-- A hold is judged here, so that its end needs nobody who computes anew.
create function mkt_private.due_now() returns table (tenant_id text, integration text, due_at timestamptz)
language sql stable set search_path = '' as
$$ select w.tenant_id, w.integration, w.due_at
   from public.integration_wakeups w
   where w.due_at <= (select mkt_private.clock())
     and not exists (select from public.integration_holds h
                     where h.tenant_id = w.tenant_id and h.integration = w.integration and h.state = 'open') $$;

-- Whoever may write into the queue by hand can write what names no integration.
create function mkt_private.is_ours(p_message jsonb) returns boolean
language sql immutable set search_path = '' as
$$ select coalesce(mkt_private.is_slug(p_message ->> 'tenant') and mkt_private.is_slug(p_message ->> 'integration'),
                   false) $$;

-- Returns how many were sent. One at a time, each with a look of its own at what those before it have sent.
-- What nobody has taken, and is no longer due, was run by somebody else: `mkt sync`. The planner knows nothing of how
-- many are due, and ten thousand by ten thousand are too many for loops.
create function mkt_private.enqueue_due() returns bigint
language plpgsql volatile security definer set search_path = '' set enable_nestloop = off as $$
declare woken jsonb[];
begin
  if to_regclass('pgmq.q_mkt_sync') is null then
    return 0;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('mkt.enqueue_due', 0));
  -- What somebody has locked is passed over: whoever archives a message locks it first, and its wake-up after it.
  delete from pgmq.q_mkt_sync q where q.msg_id in (
    select m.msg_id
    from pgmq.q_mkt_sync m left join mkt_private.due_now() d
      on d.tenant_id = m.message ->> 'tenant' and d.integration = m.message ->> 'integration'
    where m.vt <= clock_timestamp()
      and (not mkt_private.is_ours(m.message) or m.read_ct = 0 and d.tenant_id is null)
    for update of m skip locked);
  select array_agg(jsonb_build_object('tenant', d.tenant_id, 'integration', d.integration, 'due_at', d.due_at)
                   order by d.due_at, d.tenant_id, d.integration)
  into woken
  from mkt_private.due_now() d
  where not exists (select from pgmq.q_mkt_sync q
                    where q.message ->> 'tenant' = d.tenant_id and q.message ->> 'integration' = d.integration);
  if woken is not null then
    perform pgmq.send_batch('mkt_sync', woken);
  end if;
  return coalesce(cardinality(woken), 0);
end $$;

-- What was handled a week ago, and cron's own diary of it.
create function mkt_private.tidy_queue() returns void
language plpgsql volatile security definer set search_path = '' as $$
begin
  if to_regclass('pgmq.a_mkt_sync') is not null then
    delete from pgmq.a_mkt_sync a where a.archived_at < clock_timestamp() - interval '7 days';
  end if;
  if to_regclass('cron.job_run_details') is not null then
    delete from cron.job_run_details r
    where r.end_time < clock_timestamp() - interval '7 days'
      and r.jobid in (select j.jobid from cron.job j where j.jobname in ('mkt-wake', 'mkt-tidy-queue'));
  end if;
end $$;

-- Makes what is not there yet. Where an extension cannot be had, only workers are missing: the rest of mkt does
-- without, and `mkt db check` says so. Its owner may call it again when that has changed.
create function mkt_private.make_queue() returns void
language plpgsql volatile set search_path = '' as $$
begin
  begin
    if to_regnamespace('pgmq') is null then
      create extension pgmq;
    end if;
    if to_regclass('pgmq.q_mkt_sync') is null then
      perform pgmq.create('mkt_sync');
    end if;
    -- So that a tenant's user reads nothing, also where somebody lets the API show the queues.
    alter table pgmq.q_mkt_sync enable row level security;
    alter table pgmq.a_mkt_sync enable row level security;
  exception when others then
    raise warning 'mkt: no queue for mkt worker: %', sqlerrm;
  end;
  begin
    if to_regclass('cron.job') is null
       and coalesce(current_setting('cron.database_name', true), current_database()) = current_database() then
      create extension pg_cron with schema pg_catalog;
    end if;
    if to_regclass('cron.job') is not null then
      perform cron.schedule('mkt-wake', '* * * * *', 'select mkt_private.enqueue_due()');
      perform cron.schedule('mkt-tidy-queue', '17 3 * * *', 'select mkt_private.tidy_queue()');
    end if;
  exception when others then
    raise warning 'mkt: nothing wakes mkt worker: %', sqlerrm;
  end;
end $$;

create function mkt_private.require_queue() returns void
language plpgsql stable set search_path = '' as $$
begin
  if to_regclass('pgmq.q_mkt_sync') is null then
    perform mkt_private.refuse('no_queue');
  end if;
end $$;

-- The workers' API ------------------------------------------------------------------------------------------------------
-- pgmq's columns are spelled out: its own type of a message grew from version to version. Who reads a message is known
-- by how often it had been read then: a worker that stood still has no say over what another has taken since.

-- Returns [{"id", "tries", "enqueued_at", "tenant", "integration"}, …]. Nobody else sees them for so many seconds.
-- Called again, it returns others; the first come back by themselves. Of the tenant that has the fewest in work comes
-- the next one, so that one with a thousand that are due keeps nobody waiting.
create function public.mkt_queue_read(p_count integer, p_seconds integer) returns jsonb
language plpgsql volatile security definer set search_path = '' as $$
declare answer jsonb;
begin
  perform mkt_private.require_queue();
  with busy as (
    select q.message ->> 'tenant' as tenant, count(*) as number
    from pgmq.q_mkt_sync q where q.vt > clock_timestamp() group by 1
  ), next as (
    select q.msg_id
    from pgmq.q_mkt_sync q left join busy b on b.tenant = q.message ->> 'tenant'
    where q.vt <= clock_timestamp()
    order by coalesce(b.number, 0), q.msg_id limit p_count for update of q skip locked
  ), taken as (
    update pgmq.q_mkt_sync q
    set vt = clock_timestamp() + make_interval(secs => p_seconds), read_ct = q.read_ct + 1
    from next n where q.msg_id = n.msg_id
    returning q.msg_id, q.read_ct, q.enqueued_at, q.message
  )
  select coalesce(jsonb_agg(jsonb_build_object('id', t.msg_id, 'tries', t.read_ct, 'enqueued_at', t.enqueued_at,
    'tenant', t.message ->> 'tenant', 'integration', t.message ->> 'integration') order by t.msg_id), '[]')
  into answer from taken t where mkt_private.is_ours(t.message);
  return answer;
end $$;

-- Keeps messages, [[id, tries], …], for so many seconds more; returns how many of them are still the caller's.
create function public.mkt_queue_extend(p_messages jsonb, p_seconds integer) returns bigint
language plpgsql volatile security definer set search_path = '' as $$
declare kept bigint;
begin
  perform mkt_private.require_queue();
  update pgmq.q_mkt_sync q set vt = clock_timestamp() + make_interval(secs => p_seconds)
  from jsonb_array_elements(p_messages) m
  where q.msg_id = (m ->> 0)::bigint and q.read_ct = (m ->> 1)::integer;
  get diagnostics kept = row_count;
  return kept;
end $$;

-- Tells whether a message is still the caller's, and locks it.
create function mkt_private.holds_message(p_tenant text, p_integration text, p_message bigint, p_tries integer)
returns boolean
language plpgsql volatile set search_path = '' as $$
begin
  perform mkt_private.require_queue();
  perform from pgmq.q_mkt_sync q
  where q.msg_id = p_message and q.read_ct = p_tries
    and q.message ->> 'tenant' = p_tenant and q.message ->> 'integration' = p_integration
  for update;
  return found;
end $$;

-- The message is done with, and this is when the integration is due next.
create function public.mkt_queue_archive(
  p_tenant text, p_integration text, p_message bigint, p_tries integer, p_due_at timestamptz
) returns boolean
language plpgsql volatile security definer set search_path = '' as $$
begin
  if not mkt_private.holds_message(p_tenant, p_integration, p_message, p_tries) then
    return false;
  end if;
  insert into public.integration_wakeups as w (tenant_id, integration, due_at)
  values (p_tenant, p_integration, p_due_at)
  on conflict (tenant_id, integration) do update set due_at = excluded.due_at
    where w.due_at is distinct from excluded.due_at;
  perform pgmq.archive('mkt_sync', p_message);
  return true;
end $$;

-- Gives a message back untried: somebody may have it again after so many seconds.
create function public.mkt_queue_release(
  p_tenant text, p_integration text, p_message bigint, p_tries integer, p_seconds integer
) returns boolean
language plpgsql volatile security definer set search_path = '' as $$
begin
  if not mkt_private.holds_message(p_tenant, p_integration, p_message, p_tries) then
    return false;
  end if;
  update pgmq.q_mkt_sync q
  set vt = clock_timestamp() + make_interval(secs => p_seconds), read_ct = q.read_ct - 1
  where q.msg_id = p_message and q.message ->> 'tenant' = p_tenant and q.message ->> 'integration' = p_integration;
  return true;
end $$;

-- What the engine says where it is not what the states say: [[tenant, integration, due_at or null], …], all of it.
-- What is due now is sent at once; returns how many.
create function public.mkt_queue_plan(p_plan jsonb) returns bigint
language plpgsql volatile security definer set search_path = '' set enable_nestloop = off as $$
begin
  perform mkt_private.require_queue();
  perform mkt_private.tidy_queue();  -- where there is no cron to do it
  perform pg_advisory_xact_lock(hashtextextended('mkt.enqueue_due', 0));
  with given as (
    select g ->> 0 as tenant_id, g ->> 1 as integration, (g ->> 2)::timestamptz as due_at
    from jsonb_array_elements(p_plan) g
  ), wanted as (
    select g.tenant_id, g.integration, g.due_at from given g
    union all
    select s.tenant_id, s.integration, case when s.paused_at is null then s.next_due_at end
    from public.integration_state s
    where s.last_finished_at is not null
      and not exists (select from given g where g.tenant_id = s.tenant_id and g.integration = s.integration)
  ), gone as (
    delete from public.integration_wakeups w
    where not exists (select from wanted n where n.tenant_id = w.tenant_id and n.integration = w.integration)
  )
  insert into public.integration_wakeups (tenant_id, integration, due_at)
  select n.tenant_id, n.integration, n.due_at
  from wanted n left join public.integration_wakeups w using (tenant_id, integration)
  -- Only what differs: a row that somebody's long transaction has locked would keep every other one waiting.
  where w.tenant_id is null or w.due_at is distinct from n.due_at
  on conflict (tenant_id, integration) do update set due_at = excluded.due_at;
  return mkt_private.enqueue_due();
end $$;

-- {"queue": {"waiting", "taken", "oldest_seconds"} or null, "cron": {"active", "last_started_at", "last_status"} or
-- null, "now"}. `waiting` can be read now; `taken` is in somebody's hands, or was given back for later.
create function public.mkt_queue_look() returns jsonb
language plpgsql volatile security definer set search_path = '' as $$
declare queue jsonb; cron jsonb;
begin
  if to_regclass('pgmq.q_mkt_sync') is not null then
    select jsonb_build_object(
      'waiting', count(*) filter (where q.vt <= clock_timestamp()),
      'taken', count(*) filter (where q.vt > clock_timestamp()),
      'oldest_seconds', extract(epoch from clock_timestamp() - min(q.enqueued_at)))
    into queue from pgmq.q_mkt_sync q;
  end if;
  if to_regclass('cron.job_run_details') is not null then
    select jsonb_build_object('active', j.active, 'last_started_at', r.start_time, 'last_status', r.status)
    into cron
    from cron.job j
      left join lateral (select d.start_time, d.status from cron.job_run_details d
                         where d.jobid = j.jobid order by d.runid desc limit 1) r on true
    where j.jobname = 'mkt-wake' limit 1;
  end if;
  return jsonb_build_object('queue', queue, 'cron', cron, 'now', mkt_private.clock());
end $$;

revoke all on function mkt_private.note_due(), mkt_private.due_now(), mkt_private.is_ours(jsonb),
  mkt_private.enqueue_due(), mkt_private.tidy_queue(), mkt_private.make_queue(), mkt_private.require_queue(),
  mkt_private.holds_message(text, text, bigint, integer), public.mkt_queue_read(integer, integer),
  public.mkt_queue_extend(jsonb, integer),
  public.mkt_queue_archive(text, text, bigint, integer, timestamptz),
  public.mkt_queue_release(text, text, bigint, integer, integer), public.mkt_queue_plan(jsonb),
  public.mkt_queue_look() from public, anon, authenticated;
grant execute on function public.mkt_queue_read(integer, integer), public.mkt_queue_extend(jsonb, integer),
  public.mkt_queue_archive(text, text, bigint, integer, timestamptz),
  public.mkt_queue_release(text, text, bigint, integer, integer), public.mkt_queue_plan(jsonb),
  public.mkt_queue_look() to service_role;

select mkt_private.make_queue();

insert into mkt_private.migrations (name) values ('20261123000011_mkt_queue');
