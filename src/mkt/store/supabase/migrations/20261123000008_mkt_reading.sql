-- Reading what was synced, forgetting what is old, and erasing a tenant.

create index integration_records_tombstones on public.integration_records (tenant_id, integration, stream)
  where deleted;

-- reading -----------------------------------------------------------------------------------------------------------

-- The first records after a number, in the order of their numbers: {"rows": [[seq, tenant, …], …], "next": N}, where
-- the page after this one begins behind N; null at the end. Without keys they are those of the whole fleet.
--
-- A page is short where its documents are long. Of few streams each is read by its index and the first of all are
-- taken; of many the whole feed is read, a piece of it for each page, whatever of it is wanted. The plan is made for
-- the stream that is meant (a large one is read along the feed, a small one must not be) and never sorts all of it.
create function public.mkt_records(
  p_keys jsonb, p_streams jsonb, p_since bigint, p_deleted boolean, p_limit integer
) returns jsonb
language plpgsql stable set search_path = '' set plan_cache_mode = force_custom_plan
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set jit = off as $$
declare
  source record;
  found  bigint[] := '{}';
  onward bigint;
  answer jsonb;
begin
  p_keys := nullif(p_keys, 'null');
  if p_keys is not null and jsonb_array_length(p_keys) * jsonb_array_length(p_streams) <= 40 then
    for source in
      select k.tenant_id, k.integration, s.stream
      from mkt_private.keys(p_keys) k cross join jsonb_array_elements_text(p_streams) s (stream)
    loop
      found := found || array(
        select o.seq from public.integration_records o
        where o.tenant_id = source.tenant_id and o.integration = source.integration and o.stream = source.stream
          and o.seq > p_since and (p_deleted or not o.deleted)
        order by o.seq limit p_limit);
    end loop;
    found := array(select distinct f from unnest(found) f order by f limit p_limit);
    onward := case when cardinality(found) = p_limit then found[p_limit] end;
  elsif p_keys is null and jsonb_array_length(p_streams) = 1 then
    found := array(
      select o.seq from public.integration_records o
      where o.stream = p_streams ->> 0 and o.seq > p_since and (p_deleted or not o.deleted)
      order by o.seq limit p_limit);
    onward := case when cardinality(found) = p_limit then found[p_limit] end;
  else
    with piece as materialized (
      select o.seq, o.tenant_id, o.integration, o.stream, o.deleted from public.integration_records o
      where o.seq > p_since order by o.seq limit 20000
    )
    select (array_agg(p.seq order by p.seq) filter (where p.wanted))[:p_limit],
           case when count(*) = 20000 then max(p.seq) end
    into found, onward
    from (
      select c.seq, (p_deleted or not c.deleted)
        and c.stream in (select jsonb_array_elements_text(p_streams))
        and (p_keys is null or (c.tenant_id, c.integration) in
             (select k.tenant_id, k.integration from mkt_private.keys(p_keys) k)) as wanted
      from piece c
    ) p;
    onward := case when cardinality(found) = p_limit then found[p_limit] else onward end;
  end if;
  select jsonb_build_object('rows', coalesce(jsonb_agg(jsonb_build_array(
      b.seq, b.tenant_id, b.integration, b.stream, b.external_id, b.data, b.first_seen_at, b.changed_at, b.deleted
    ) order by b.seq), '[]'), 'next', case when count(*) < cardinality(found) then max(b.seq) else onward end)
  into answer
  from (
    select s.*, sum(octet_length(s.data::text)) over (order by s.seq) - octet_length(s.data::text) as before
    from (  -- as they stand on the disk, which costs no look at them
      select r.*, sum(pg_column_size(r.data)) over (order by r.seq) - pg_column_size(r.data) as stored_before
      from public.integration_records r
      where r.seq = any (found) and (p_keys is null or (r.tenant_id, r.integration) in (
        select k.tenant_id, k.integration from mkt_private.keys(p_keys) k))
    ) s
    where s.stored_before < 4000000
  ) b
  where b.before < 4000000;
  return answer;
end $$;

-- Live and deleted records of each stream of the whole fleet, counted by two indexes.
create function public.mkt_counts() returns jsonb
language sql stable set search_path = '' set statement_timeout = '1min' as $$
  select coalesce(jsonb_agg(jsonb_build_array(
    t.tenant_id, t.integration, t.stream, t.number - coalesce(g.number, 0), coalesce(g.number, 0))), '[]')
  from (
    select r.tenant_id, r.integration, r.stream, count(*) as number
    from public.integration_records r group by r.tenant_id, r.integration, r.stream
  ) t
  left join (
    select r.tenant_id, r.integration, r.stream, count(*) as number
    from public.integration_records r where r.deleted group by r.tenant_id, r.integration, r.stream
  ) g using (tenant_id, integration, stream)
$$;

-- forgetting what is old --------------------------------------------------------------------------------------------
-- All of it is of the whole fleet by its nature: what is too old is so for every tenant.

-- How much is older than these times, by kind.
create function public.mkt_old(p_before jsonb) returns jsonb
language sql stable set search_path = '' set statement_timeout = '1min' as $$
  select jsonb_build_object(
    'events', (select count(*) from public.integration_events e
               where e."timestamp" < (p_before ->> 'events')::timestamptz),
    'runs', (select count(*) from public.integration_runs r
             where r.started_at < (p_before ->> 'runs')::timestamptz
               and not exists (select from public.integration_state s where s.last_run_id = r.id
                                 and s.tenant_id = r.tenant_id and s.integration = r.integration)),
    'tombstones', (select count(*) from public.integration_records r
                   where r.deleted and r.changed_at < (p_before ->> 'tombstones')::timestamptz),
    'stagings', (select count(*) from public.integration_staging_runs h
                 where h.touched_at < (p_before ->> 'stagings')::timestamptz and h.hold_id is null),
    'holds', (select count(*) from public.integration_holds h
              where h.closed_at < (p_before ->> 'holds')::timestamptz),
    'deliveries', (select count(*) from public.integration_deliveries d
                   where d.next_try_at is null and d.received_at < (p_before ->> 'deliveries')::timestamptz))
$$;

-- Takes some of a staging away, and tells whether that was all of it.
create function mkt_private.clear_staging(p_tenant text, p_integration text, p_staging bigint, p_chunk integer)
returns boolean
language plpgsql volatile set search_path = '' as $$
declare
  made text;
  room bigint := p_chunk;
  gone bigint;
begin
  foreach made in array array['integration_staging', 'integration_staging_seen', 'integration_staging_lists'] loop
    execute format('delete from public.%1$I g where g.staging = $1 and g.ctid = any (array('
                   '  select o.ctid from public.%1$I o where o.staging = $1 limit $2))', made)
    using p_staging, room;
    get diagnostics gone = row_count;
    room := room - gone;
    if room = 0 then
      return false;
    end if;
  end loop;
  perform mkt_private.remove_staging(p_tenant, p_integration, p_staging);
  return true;
end $$;

-- One staging that no run can go on from, or a part of it: {"count": of whole ones, "more": whether to call again}.
-- Nobody takes its integration's lease meanwhile, and whoever has it is left alone.
create function mkt_private.prune_staging(p_before timestamptz, p_chunk integer) returns jsonb
language plpgsql volatile set search_path = '' set lock_timeout = '2s' as $$
declare
  old record;
begin
  select h.tenant_id, h.integration, h.staging into old
  from public.integration_staging_runs h
  join public.integration_leases l on l.tenant_id = h.tenant_id and l.integration = h.integration
  where h.touched_at < p_before and h.hold_id is null and not mkt_private.is_held(l)
  order by h.staging limit 1;
  if not found then
    return '{"count": 0, "more": false}';
  end if;
  perform mkt_private.lock_integration(old.tenant_id, old.integration);
  perform from public.integration_leases l
  where l.tenant_id = old.tenant_id and l.integration = old.integration for update;
  update public.integration_staging_runs h set resumable = false
  from public.integration_leases l
  where h.tenant_id = old.tenant_id and h.integration = old.integration and h.staging = old.staging
    and h.touched_at < p_before and h.hold_id is null
    and l.tenant_id = old.tenant_id and l.integration = old.integration and not mkt_private.is_held(l);
  return jsonb_build_object('more', true, 'count',
    (found and mkt_private.clear_staging(old.tenant_id, old.integration, old.staging, p_chunk))::integer);
exception when lock_not_available then  -- a run is committing: the next time
  return '{"count": 0, "more": false}';
end $$;

-- Forgets some of one kind. What somebody else has locked is left to the next time.
create function public.mkt_prune(p_kind text, p_before timestamptz, p_chunk integer) returns jsonb
language plpgsql volatile set search_path = '' set statement_timeout = '1min' as $$
declare
  gone bigint;
begin
  case p_kind
    when 'stagings' then
      return mkt_private.prune_staging(p_before, p_chunk);
    when 'events' then
      delete from public.integration_events e where e.seq = any (array(
        select o.seq from public.integration_events o where o."timestamp" < p_before
        order by o."timestamp" limit p_chunk for update skip locked));
    when 'runs' then
      delete from public.integration_runs r where r.id = any (array(
        select o.id from public.integration_runs o
        where o.started_at < p_before
          and not exists (select from public.integration_state s where s.last_run_id = o.id
                            and s.tenant_id = o.tenant_id and s.integration = o.integration)
        limit p_chunk for update skip locked));
    when 'tombstones' then
      delete from public.integration_records r where r.deleted and r.seq = any (array(
        select o.seq from public.integration_records o where o.deleted and o.changed_at < p_before
        limit p_chunk for update skip locked));
    when 'holds' then
      delete from public.integration_holds h where h.closed_at < p_before;
    when 'deliveries' then
      delete from public.integration_deliveries d where d.id = any (array(
        select o.id from public.integration_deliveries o where o.next_try_at is null and o.received_at < p_before
        limit p_chunk for update skip locked));
    -- The last day of each integration stays: since when nothing came is told for as long as nothing comes.
    when 'delivery_days' then
      delete from public.integration_delivery_days d
      where d.day < (p_before at time zone 'UTC')::date and exists (
        select from public.integration_delivery_days later
        where later.tenant_id = d.tenant_id and later.integration = d.integration and later.day > d.day);
    when 'memory' then
      delete from public.integration_memory m where (m.tenant_id, m.integration, m.name) in (
        select o.tenant_id, o.integration, o.name from public.integration_memory o
        where o.expires_at <= p_before
          and (o.taken_at is null or o.taken_at < mkt_private.clock() - interval '1 minute')
        limit p_chunk for update skip locked);
    when 'alert_messages' then
      delete from public.integration_alert_messages m where m.created_at < p_before;
  end case;
  get diagnostics gone = row_count;
  return jsonb_build_object('count', gone, 'more', gone = p_chunk);
end $$;

-- erasing a tenant --------------------------------------------------------------------------------------------------

-- Every lease of the tenant, for p_holder, so that no run begins; refuses while another has one. What is being
-- committed at this moment is waited for a little: only a run takes long.
create function mkt_private.take_leases(p_tenant text, p_holder text) returns void
language plpgsql volatile set search_path = '' set lock_timeout = '2s' as $$
declare
  one text;
begin
  for one in select l.integration from public.integration_leases l where l.tenant_id = p_tenant order by 1 loop
    begin
      perform mkt_private.lock_integration(p_tenant, one);
      update public.integration_leases l
      set epoch = l.epoch + (l.holder <> p_holder)::integer, holder = p_holder, attempt = '',
          expires_at = mkt_private.clock() + interval '30 seconds'
      where l.tenant_id = p_tenant and l.integration = one
        and (l.holder = p_holder or not mkt_private.is_held(l));
      if not found then
        perform mkt_private.refuse('running', format('%s/%s', p_tenant, one));
      end if;
    exception when lock_not_available then
      perform mkt_private.refuse('running', format('%s/%s', p_tenant, one));
    end;
  end loop;
end $$;

-- Erases some of a tenant, and tells whether nothing is left. It is called until then; a purge that was killed is gone
-- on with by the next one. Its rows in `integrations` are configuration, which is removed first.
create function public.mkt_purge(p_tenant text, p_holder text, p_chunk integer) returns boolean
language plpgsql volatile set search_path = '' set statement_timeout = '1min' as $$
declare
  made  text;
  stage record;
  room  bigint := p_chunk;
  gone  bigint;
begin
  if exists (select from public.integrations i where i.tenant_id = p_tenant) then
    perform mkt_private.refuse('configured', p_tenant);
  end if;
  perform mkt_private.take_leases(p_tenant, p_holder);
  -- Without cursors, what a killed purge leaves is loaded anew; without its staging, a hold could never be decided.
  update public.integration_streams s set cursor = null, as_of = null
  where s.tenant_id = p_tenant and (s.cursor is not null or s.as_of is not null);
  delete from public.integration_holds h where h.tenant_id = p_tenant;
  update public.integration_staging_runs h set hold_id = null, resumable = false where h.tenant_id = p_tenant;
  for stage in select h.integration, h.staging from public.integration_staging_runs h where h.tenant_id = p_tenant loop
    if not mkt_private.clear_staging(p_tenant, stage.integration, stage.staging, p_chunk) then
      return false;
    end if;
  end loop;
  foreach made in array array['integration_records', 'integration_record_scopes', 'integration_absences',
    'integration_events', 'integration_runs', 'integration_deliveries', 'integration_memory']
  loop
    execute format('delete from public.%1$I g where g.tenant_id = $1 and g.ctid = any (array('
                   '  select o.ctid from public.%1$I o where o.tenant_id = $1 limit $2))', made)
    using p_tenant, room;
    get diagnostics gone = row_count;
    room := room - gone;
    if room = 0 then
      return false;
    end if;
  end loop;
  -- A worker that archives a message has it locked, and then wants the wake-up.
  perform mkt_private.erase_messages(p_tenant);
  foreach made in array array['integration_delivery_days', 'integration_streams', 'integration_promotions',
    'integration_verdicts', 'integration_state', 'integration_wakeups', 'integration_secrets', 'integration_leases']
  loop
    execute format('delete from public.%I where tenant_id = $1', made) using p_tenant;
  end loop;
  perform mkt_private.erase_alerts(p_tenant);
  return true;
end $$;

-- Definer: the queue is pgmq's, which service_role has no rights in. Where there is none, nothing is in it.
create function mkt_private.erase_messages(p_tenant text) returns void
language plpgsql volatile security definer set search_path = '' as $$
declare
  made text;
begin
  foreach made in array array['pgmq.q_mkt_sync', 'pgmq.a_mkt_sync'] loop
    if to_regclass(made) is not null then
      execute format($q$ delete from %s m where m.message ->> 'tenant' = $1 $q$, made) using p_tenant;
    end if;
  end loop;
end $$;

do $$ declare made regprocedure; begin
  for made in select p.oid::regprocedure from pg_catalog.pg_proc p
    where p.pronamespace = 'public'::regnamespace
        and p.proname in ('mkt_records', 'mkt_counts', 'mkt_old', 'mkt_prune', 'mkt_purge')
      or p.pronamespace = 'mkt_private'::regnamespace
        and p.proname in ('clear_staging', 'prune_staging', 'take_leases', 'erase_messages')
  loop
    execute format('revoke all on function %s from public, anon, authenticated', made);
    execute format('grant execute on function %s to service_role', made);
  end loop;
end $$;

insert into mkt_private.migrations (name) values ('20261123000008_mkt_reading');
