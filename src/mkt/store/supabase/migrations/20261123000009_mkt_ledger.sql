-- The ledger of inbound deliveries.

-- Of the last call that claimed the entry or stored what came of it: made again after a lost answer, it is known by it.
alter table public.integration_deliveries add column token text;
-- A tenant whose file is broken has the file's name, whatever that is.
alter table public.integration_deliveries drop constraint integration_deliveries_tenant_id_check;
create index integration_deliveries_dead on public.integration_deliveries (received_at) where verdict = 'dead';
create index integration_deliveries_old on public.integration_deliveries (received_at) where next_try_at is null;

-- What a delivery is as JSON: an array, in the order that `mkt` reads. Its query and body are two more.
create view mkt_private.deliveries with (security_invoker = true) as
select d.id, d.tenant_id, d.integration, d.received_at, d.verdict, d.next_try_at, d.token, d.query, d.body,
  jsonb_build_array(d.id, d.received_at, d.tenant_id, d.integration, d.connector, d.method, d.path, d.verdict,
    d.reason, d.status, d.duration_ms, d.dedupe, d.attempts, d.next_try_at, d.number, d.request, d.details) as shown
from public.integration_deliveries d;

-- Base64 takes two thirds of the place of hex, which is what bytea would be as JSON.
create function mkt_private.delivery_rows(p_deliveries jsonb)
returns table (place bigint, delivery public.integration_deliveries)
language sql stable set search_path = '' as $$
  select g.place, jsonb_populate_record(null::public.integration_deliveries,
    g.value || jsonb_build_object('body', decode(g.value ->> 'body', 'base64')))
  from jsonb_array_elements(p_deliveries) with ordinality g (value, place)
$$;

-- Notes by day how many were accepted, and after how long a silence.
create function mkt_private.count_deliveries(p_tenants text[], p_integrations text[], p_times timestamptz[])
returns void
language sql volatile set search_path = '' as $$
  with came as (
    select u.tenant_id, u.integration, count(*) as number, min(u.at) as first_at, max(u.at) as last_at
    from unnest(p_tenants, p_integrations, p_times) u (tenant_id, integration, at)
    group by u.tenant_id, u.integration
  )
  insert into public.integration_delivery_days as d (tenant_id, integration, day, number, longest_gap, last_at)
  select c.tenant_id, c.integration, (c.last_at at time zone 'UTC')::date, c.number,
    greatest(0, coalesce(extract(epoch from c.first_at - before.last_at), 0)), c.last_at
  from came c left join lateral (
    select b.last_at from public.integration_delivery_days b
    where b.tenant_id = c.tenant_id and b.integration = c.integration order by b.day desc limit 1
  ) before on true
  order by c.tenant_id, c.integration
  on conflict (tenant_id, integration, day) do update
  set number = d.number + excluded.number, longest_gap = greatest(d.longest_gap, excluded.longest_gap),
    last_at = greatest(d.last_at, excluded.last_at)
$$;

-- Of the whole fleet: each row names its tenant. Answers what became of each, in the order given: null where it is
-- stored now (also by an earlier call whose answer was lost), [id, status] of the first one where that is known
-- already. Everybody inserts in one order, so that two who were sent the same deliveries do not wait for each other.
create function public.mkt_add_deliveries(p_deliveries jsonb) returns jsonb
language plpgsql volatile set search_path = '' as $$
declare v_added text[]; v_answer jsonb; v_lost boolean;
begin
  with added as (
    insert into public.integration_deliveries
    select (g.delivery).* from mkt_private.delivery_rows(p_deliveries) g
    order by (g.delivery).tenant_id, (g.delivery).integration, (g.delivery).dedupe, g.place
    on conflict do nothing
    returning id
  )
  select array_agg(a.id) into v_added from added a;

  perform mkt_private.count_deliveries(array_agg(g.tenant_id), array_agg(g.integration), array_agg(g.received_at))
  from jsonb_to_recordset(p_deliveries)
    as g (id text, tenant_id text, integration text, received_at timestamptz, verdict text)
  where g.id = any (v_added) and g.verdict in ('received', 'handled');

  select jsonb_agg(case when own.id is null then jsonb_build_array(first.id, first.status) end order by g.place),
    bool_or(own.id is null and first.id is null)
  into v_answer, v_lost
  from rows from (jsonb_to_recordset(p_deliveries) as (id text, tenant_id text, integration text, dedupe text))
    with ordinality as g (id, tenant_id, integration, dedupe, place)
  left join public.integration_deliveries own
    on own.id = g.id and own.tenant_id = g.tenant_id and own.integration = g.integration
  left join public.integration_deliveries first
    on own.id is null and first.tenant_id = g.tenant_id and first.integration = g.integration
      and first.dedupe = g.dedupe;

  if v_lost then
    -- The first one was given up, or forgotten, at this very moment: the next try is the first.
    raise exception using errcode = 'serialization_failure', message = 'the first of a duplicate is gone';
  end if;
  return coalesce(v_answer, '[]');
end $$;

-- Of the whole fleet: each row names its tenant, or none. What was refused stands in the way of no delivery of the same
-- name; an entry that stands for many is written anew.
create function public.mkt_keep_deliveries(p_deliveries jsonb) returns jsonb
language sql volatile set search_path = '' as $$
  with kept as (
    insert into public.integration_deliveries as d
    select (g.delivery).* from mkt_private.delivery_rows(p_deliveries) g
    order by (g.delivery).id
    on conflict (id) do update
    set received_at = excluded.received_at, connector = excluded.connector, method = excluded.method,
      path = excluded.path, verdict = excluded.verdict, reason = excluded.reason, status = excluded.status,
      duration_ms = excluded.duration_ms, attempts = excluded.attempts, next_try_at = excluded.next_try_at,
      number = excluded.number, request = excluded.request, details = excluded.details, query = excluded.query,
      body = excluded.body
    where d.tenant_id = excluded.tenant_id and d.integration = excluded.integration
    returning 1
  )
  select jsonb_build_object('kept', count(*)) from kept
$$;

-- Of the whole fleet: whoever asks works for all tenants. What is in somebody's hands is passed over. `more`: the
-- answer ended at `p_bytes`, and others wait.
create function public.mkt_claim_deliveries(
  p_now timestamptz, p_until timestamptz, p_limit integer, p_without jsonb, p_bytes bigint, p_token text
) returns jsonb
language plpgsql volatile set search_path = '' as $$
declare v_claimed text[]; v_more boolean := false;
begin
  select array_agg(d.id) into v_claimed from public.integration_deliveries d
  where d.next_try_at = p_until and d.token = p_token;

  if v_claimed is null then
    with due as materialized (
      select d.id, d.next_try_at, d.received_at, coalesce(octet_length(d.body), 0) + octet_length(d.query) as bytes
      from public.integration_deliveries d
      where d.next_try_at <= p_now and (d.tenant_id, d.integration) not in (
        select k.tenant_id, k.integration from mkt_private.keys(p_without) k)
      order by d.next_try_at, d.received_at limit p_limit
      for update skip locked
    ), sized as materialized (
      select u.id, sum(u.bytes) over (order by u.next_try_at, u.received_at, u.id) - u.bytes < p_bytes as fits
      from due u
    ), claimed as (
      update public.integration_deliveries d
      set next_try_at = p_until, attempts = d.attempts + 1, token = p_token
      from sized s where s.fits and d.id = s.id
      returning d.id
    )
    select (select array_agg(c.id) from claimed c), exists (select 1 from sized s where not s.fits)
    into v_claimed, v_more;
  end if;

  return jsonb_build_object('more', v_more, 'deliveries', coalesce((
    select jsonb_agg(d.shown || jsonb_build_array(d.query, encode(d.body, 'base64')) order by d.received_at, d.id)
    from mkt_private.deliveries d where d.id = any (v_claimed)), '[]'));
end $$;

-- Of the whole fleet: each is known by its id and by the number of the attempt that was not begun. As early as it
-- came, so that it comes before what came after.
create function public.mkt_release_deliveries(p_claims jsonb, p_now timestamptz) returns jsonb
language sql volatile set search_path = '' as $$
  with released as (
    update public.integration_deliveries d
    set next_try_at = least(d.received_at, p_now), attempts = d.attempts - 1
    from jsonb_each_text(p_claims) c (id, attempt)
    where d.id = c.id and d.attempts = c.attempt::integer and d.next_try_at is not null
    returning 1
  )
  select jsonb_build_object('released', count(*)) from released
$$;

-- Of the whole fleet: a person has picked them by their ids.
create function public.mkt_replay_deliveries(p_ids jsonb, p_until timestamptz, p_token text) returns jsonb
language plpgsql volatile set search_path = '' as $$
begin
  update public.integration_deliveries d
  set verdict = 'received', reason = '', attempts = 1, next_try_at = p_until, token = p_token
  where d.id in (select i from jsonb_array_elements_text(p_ids) i) and d.body is not null
    and d.verdict in ('handled', 'failed', 'dead') and d.token is distinct from p_token;
  return coalesce((
    select jsonb_agg(d.shown || jsonb_build_array(d.query, encode(d.body, 'base64')) order by d.id)
    from mkt_private.deliveries d
    where d.id in (select i from jsonb_array_elements_text(p_ids) i) and d.token = p_token and d.next_try_at = p_until
  ), '[]');
end $$;

-- A page of the newest, of these integrations or (null) of the whole fleet; the next one begins before its last id.
-- The ids come first, so that no more entries are read than are shown.
create function public.mkt_deliveries(
  p_keys jsonb, p_verdicts jsonb, p_since timestamptz, p_before text, p_limit integer
) returns jsonb
language plpgsql stable set search_path = '' set jit = off as $$
declare
  v_verdicts text[] := (select array_agg(v) from jsonb_array_elements_text(p_verdicts) v);
  v_ids text[];
begin
  if p_keys is null then
    v_ids := array(
      select d.id from public.integration_deliveries d
      where (p_verdicts is null or d.verdict = any (v_verdicts)) and (p_since is null or d.received_at >= p_since)
        and (p_before is null or d.id < p_before)
      order by d.id desc limit p_limit);
  else
    v_ids := array(
      select found.id from mkt_private.keys(p_keys) k cross join lateral (
        select d.id from public.integration_deliveries d
        where d.tenant_id = k.tenant_id and d.integration = k.integration
          and (p_verdicts is null or d.verdict = any (v_verdicts)) and (p_since is null or d.received_at >= p_since)
          and (p_before is null or d.id < p_before)
        order by d.id desc limit p_limit) found
      order by found.id desc limit p_limit);
  end if;
  return (select coalesce(jsonb_agg(d.shown order by d.id desc), '[]')
          from mkt_private.deliveries d
          where d.id = any (v_ids) and (p_keys is null or (d.tenant_id, d.integration) in (
            select k.tenant_id, k.integration from mkt_private.keys(p_keys) k)));
end $$;

-- Of the whole fleet: a person knows a part of the id.
create function public.mkt_find_deliveries(p_part text) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(f.shown || jsonb_build_array(f.query, encode(f.body, 'base64')) order by f.id desc), '[]')
  from (select d.id, d.shown, d.query, d.body from mkt_private.deliveries d
        where strpos(d.id, p_part) > 0 order by d.id desc limit 20) f
$$;

-- Of the whole fleet: how many are dead of each integration, and the last of them.
create function public.mkt_dead_deliveries(p_since timestamptz) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_array(f.number, d.shown)), '[]')
  from (select g.tenant_id, g.integration, count(*) as number, max(g.id) as last_id
        from public.integration_deliveries g
        where g.verdict = 'dead' and g.received_at >= p_since group by g.tenant_id, g.integration) f
  join mkt_private.deliveries d
    on d.id = f.last_id and d.tenant_id = f.tenant_id and d.integration = f.integration
$$;

-- Of the whole fleet: [tenant, integration, last time, [[day, number, longest gap], …]].
create function public.mkt_delivery_history(p_since date) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_array(h.tenant_id, h.integration, h.last_at, h.days)), '[]') from (
    select d.tenant_id, d.integration, (array_agg(d.last_at order by d.day desc))[1] as last_at,
      coalesce(jsonb_agg(jsonb_build_array(d.day, d.number, d.longest_gap) order by d.day)
               filter (where d.day >= p_since), '[]') as days
    from public.integration_delivery_days d group by d.tenant_id, d.integration) h
$$;

-- Stores what came of a delivery together with its effects, or nothing: `changes` is null where another has claimed
-- it meanwhile, or where a new one is known already. A call that is made again changes nothing and answers the same.
-- While a long promotion has the integration, it gives up and is tried again: to wait, it would take one of the few
-- connections that the API has for everybody. The count comes last, since those who accept wait for it.
create function public.mkt_commit_delivery(
  p_tenant text, p_integration text, p_delivery jsonb, p_claimed integer, p_kept boolean, p_batch jsonb,
  p_documents text, p_takes jsonb, p_puts jsonb, p_token text
) returns jsonb
language plpgsql volatile set search_path = '' set lock_timeout = '2s' as $$
declare
  v_given public.integration_deliveries;
  v_stored public.integration_deliveries;
  v_taken text;
  v_changes jsonb;
begin
  select (g.delivery).* into v_given from mkt_private.delivery_rows(jsonb_build_array(p_delivery)) g;
  v_given.token := p_token;
  v_given.tenant_id := p_tenant;
  v_given.integration := p_integration;
  if p_batch is not null then
    -- Before the delivery's row, which a purge locks after it, and any value of context.state, as a run's batch does.
    perform mkt_private.lock_integration(p_tenant, p_integration);
  end if;

  if p_claimed is null and p_kept then
    insert into public.integration_deliveries select v_given.* on conflict do nothing;
    if not found then
      select jsonb_build_object('changes', coalesce(d.details -> 'changes', '{}')) into v_changes
      from public.integration_deliveries d
      where d.tenant_id = p_tenant and d.integration = p_integration and d.id = v_given.id and d.token = p_token;
      return coalesce(v_changes, '{"changes": null}');
    end if;
  elsif p_claimed is null then
    if exists (select 1 from public.integration_deliveries d
               where d.tenant_id = p_tenant and d.integration = p_integration and d.dedupe = v_given.dedupe) then
      return '{"changes": null}';
    end if;
  else
    select d.* into v_stored from public.integration_deliveries d
    where d.tenant_id = p_tenant and d.integration = p_integration and d.id = v_given.id for update;
    if v_stored.token = p_token then
      return jsonb_build_object('changes', case when p_batch is null then '{}' else v_stored.details -> 'changes' end);
    end if;
    if v_stored.attempts is distinct from p_claimed or v_stored.next_try_at is null then
      return '{"changes": null}';
    end if;
  end if;

  select t.name into v_taken from jsonb_to_recordset(p_takes) t (name text, value text)
  where not mkt_private.take_memory(p_tenant, p_integration, t.name, t.value, mkt_private.clock()) limit 1;
  if found then
    perform mkt_private.refuse('state_taken', v_taken);
  end if;
  if p_puts <> '[]' then
    perform mkt_private.put_memory(p_tenant, p_integration, p_puts);
  end if;
  v_changes := case when p_batch is null then '{}'
    else mkt_private.deliver(p_tenant, p_integration, p_batch, p_documents) end;

  -- What is dead no longer stands in the way of the same delivery when the partner sends it anew.
  update public.integration_deliveries d
  set verdict = v_given.verdict, reason = v_given.reason, status = v_given.status,
    duration_ms = v_given.duration_ms, next_try_at = v_given.next_try_at, token = p_token,
    dedupe = case when v_given.verdict <> 'dead' then d.dedupe end,
    details = v_given.details || case v_changes when '{}' then '{}' else jsonb_build_object('changes', v_changes) end
  where d.tenant_id = p_tenant and d.integration = p_integration and d.id = v_given.id
    and (p_claimed is not null or v_changes <> '{}');
  if p_claimed is null and v_given.verdict in ('received', 'handled') then
    perform mkt_private.count_deliveries(array[p_tenant], array[p_integration], array[v_given.received_at]);
  end if;
  return jsonb_build_object('changes', v_changes);
end $$;

-- who may call them -------------------------------------------------------------------------------------------------

revoke all on mkt_private.deliveries from public, anon, authenticated;
grant select on mkt_private.deliveries to service_role;
do $$ declare made regprocedure; begin
  for made in select p.oid::regprocedure from pg_catalog.pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.proname in ('mkt_add_deliveries', 'mkt_keep_deliveries',
        'mkt_commit_delivery', 'mkt_claim_deliveries', 'mkt_release_deliveries', 'mkt_replay_deliveries',
        'mkt_deliveries', 'mkt_find_deliveries', 'mkt_dead_deliveries', 'mkt_delivery_history')
      or p.pronamespace = 'mkt_private'::regnamespace and p.proname in ('delivery_rows', 'count_deliveries')
  loop
    execute format('revoke all on function %s from public, anon, authenticated', made);
    execute format('grant execute on function %s to service_role', made);
  end loop;
end $$;

insert into mkt_private.migrations (name) values ('20261123000009_mkt_ledger');
