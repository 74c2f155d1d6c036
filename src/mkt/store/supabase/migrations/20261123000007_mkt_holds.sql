-- What the guard stopped: looked at, approved, rejected. Each verdict is one transaction, so that of two one is given
-- and the other is told. How a hold is made: mkt_sync_hold.

-- The last verdict of each integration, for a client that lost the answer.
create table public.integration_verdicts (
  tenant_id   text not null check (mkt_private.is_slug(tenant_id)),
  integration text not null,
  attempt     text not null,
  answer      jsonb not null,
  primary key (tenant_id, integration)
);
alter table public.integration_verdicts enable row level security;
revoke all on table public.integration_verdicts from public, anon, authenticated, service_role;
grant select, insert, update, delete on table public.integration_verdicts to service_role;

-- looking -----------------------------------------------------------------------------------------------------------

-- Open ones first, then the newest, at most p_limit, after the place [closed, opened_at, id] where the page before has
-- ended. p_part: what the id contains. p_keys null: of the whole fleet.
create function public.mkt_holds(p_keys jsonb, p_part text, p_closed boolean, p_place jsonb, p_limit integer)
returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(mkt_private.hold_json(p.h) order by p.closed, p.opened_at desc, p.id desc), '[]')
  from (
    select h, h.state <> 'open' as closed, h.opened_at, h.id from public.integration_holds h
    where (nullif(p_keys, 'null') is null
           or (h.tenant_id, h.integration) in (select k.tenant_id, k.integration
                                               from mkt_private.keys(nullif(p_keys, 'null')) k))
      and strpos(h.id, p_part) > 0 and (p_closed or h.state = 'open')
      and (nullif(p_place, 'null') is null
           or h.state <> 'open' and not (p_place ->> 0)::boolean
           or (h.state <> 'open') = (p_place ->> 0)::boolean
             and (h.opened_at, h.id) < ((p_place ->> 1)::timestamptz, p_place ->> 2))
    order by h.state <> 'open', h.opened_at desc, h.id desc limit p_limit
  ) p
$$;

-- {stream: [[external id, change, before, after], …]}: the first records of these streams of an open hold; what goes
-- first, as that is what a person looks for. p_streams: no element for all.
create function public.mkt_hold_records(p_tenant text, p_integration text, p_hold_id text, p_streams jsonb,
  p_limit bigint) returns jsonb
language sql stable set search_path = '' set statement_timeout = '10min'
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_sort = off set jit = off as $$
  select coalesce(jsonb_object_agg(o.stream, coalesce(f.records, '[]')), '{}')
  from (
    select s.staging, c.stream
    from public.integration_holds h
    join public.integration_staging_runs s
      on s.tenant_id = p_tenant and s.integration = p_integration and s.hold_id = h.id
    cross join lateral jsonb_object_keys(h.changes) c (stream)
    where h.tenant_id = p_tenant and h.integration = p_integration and h.id = p_hold_id and h.state = 'open'
      and (p_streams = '[]' or p_streams ? c.stream)
  ) o
  cross join lateral (
    select jsonb_agg(jsonb_build_array(n.external_id, n.change, r.data, n.document) order by n.part, n.position)
      as records
    from (
      select g.external_id, g.change, g.document, g.position,
        case g.change when 'deleted' then 0 when 'absent' then 1 when 'updated' then 2 else 3 end as part
      from public.integration_staging g where g.staging = o.staging and g.stream = o.stream
      order by part, g.position limit p_limit
    ) n
    left join lateral (  -- by the primary key: see mkt_private.compare
      select l.data, l.deleted from public.integration_records l
      where l.tenant_id = p_tenant and l.integration = p_integration and l.stream = o.stream
        and l.external_id >= n.external_id and l.external_id <= n.external_id
      order by l.external_id limit 1
    ) r on not r.deleted
  ) f
$$;

-- deciding ----------------------------------------------------------------------------------------------------------

-- What every verdict begins with, in the order of the locks. The answer, where the same call was made before: nothing
-- else is looked at then, as the lease may be another's by now.
create function mkt_private.given_verdict(p_tenant text, p_integration text, p_epoch bigint, p_attempt text)
returns jsonb
language plpgsql volatile set search_path = '' as $$
declare
  given jsonb;
begin
  perform mkt_private.lock_integration(p_tenant, p_integration);
  select v.answer into given from public.integration_verdicts v
  where v.tenant_id = p_tenant and v.integration = p_integration and v.attempt = p_attempt;
  if given is null then
    perform mkt_private.check_lease(p_tenant, p_integration, p_epoch);
  end if;
  return given;
end $$;

-- What every verdict ends with. The lease is checked once more: what took long keeps it for 30 s from now.
create function mkt_private.give_verdict(p_tenant text, p_integration text, p_epoch bigint, p_attempt text,
  p_answer jsonb) returns jsonb
language plpgsql volatile set search_path = '' as $$
begin
  insert into public.integration_verdicts as v (tenant_id, integration, attempt, answer)
  values (p_tenant, p_integration, p_attempt, p_answer)
  on conflict (tenant_id, integration) do update set attempt = excluded.attempt, answer = excluded.answer;
  perform mkt_private.check_lease(p_tenant, p_integration, p_epoch);
  return p_answer;
end $$;

-- What it would change must be there too, or nothing would be applied, and called approved.
create function mkt_private.open_hold(p_tenant text, p_integration text, p_hold_id text, p_staging bigint)
returns public.integration_holds
language plpgsql volatile set search_path = '' as $$
declare
  hold public.integration_holds;
begin
  select * into hold from public.integration_holds h
  where h.tenant_id = p_tenant and h.integration = p_integration and h.id = p_hold_id for update;
  if not found or hold.state <> 'open' then
    perform mkt_private.refuse('hold_closed', coalesce(hold.state, ''));
  elsif p_staging is null then
    perform mkt_private.refuse('hold_empty', '');
  end if;
  return hold;
end $$;

create function mkt_private.staging_of(p_tenant text, p_integration text, p_hold_id text) returns bigint
language sql stable set search_path = '' as $$
  select h.staging from public.integration_staging_runs h
  where h.tenant_id = p_tenant and h.integration = p_integration and h.hold_id = p_hold_id
$$;

create function mkt_private.close_hold(p_tenant text, p_integration text, p_hold_id text, p_state text, p_reason text)
returns jsonb
language sql volatile set search_path = '' as $$
  update public.integration_holds h
  set state = p_state, closed_at = mkt_private.clock(), reason = p_reason
  where h.tenant_id = p_tenant and h.integration = p_integration and h.id = p_hold_id
  returning mkt_private.hold_json(h)
$$;

-- Refuses where a record is not the one any more that the hold shows; looks at these kinds of changes.
create function mkt_private.refuse_drift(p_tenant text, p_integration text, p_staging bigint, p_kinds text[])
returns void
language plpgsql volatile set search_path = ''
set enable_nestloop = off set enable_mergejoin = off set jit = off set work_mem = '32MB' as $$
declare
  drifted text;
begin
  select g.external_id into drifted
  from public.integration_staging g
  left join public.integration_records r
    on r.tenant_id = p_tenant and r.integration = p_integration and r.stream = g.stream
      and r.external_id = g.external_id and not r.deleted
  where g.staging = p_staging and g.change = any (p_kinds) and r.hash is distinct from g.before_hash
  limit 1;
  if found then
    perform mkt_private.refuse('drifted', drifted);
  end if;
end $$;

-- Refuses where a record would go that the hold does not show; after find_absent.
create function mkt_private.refuse_unshown(p_staging bigint) returns void
language plpgsql volatile set search_path = ''
set enable_nestloop = off set enable_mergejoin = off set jit = off set work_mem = '32MB' as $$
declare
  unshown text;
begin
  select g.external_id into unshown
  from mkt_private.gone g
  left join public.integration_staging s
    on s.staging = p_staging and s.stream = g.stream and s.external_id = g.external_id and s.change = 'deleted'
  where g.staging = p_staging and s.staging is null
  limit 1;
  if found then
    perform mkt_private.refuse('drifted', unshown);
  end if;
end $$;

-- {"hold": …, "staging": what mkt_sync_clear is to remove, null where nothing is left}.
create function public.mkt_approve_hold(p_tenant text, p_integration text, p_epoch bigint, p_attempt text,
  p_hold_id text, p_state jsonb, p_reason text) returns jsonb
language plpgsql volatile set search_path = '' set statement_timeout = '10min' as $$
declare
  answer jsonb := mkt_private.given_verdict(p_tenant, p_integration, p_epoch, p_attempt);
  hold   public.integration_holds;
  stage  bigint := mkt_private.staging_of(p_tenant, p_integration, p_hold_id);
begin
  if answer is not null then
    return answer;
  end if;
  hold := mkt_private.open_hold(p_tenant, p_integration, p_hold_id, stage);
  perform mkt_private.refuse_drift(p_tenant, p_integration, stage, '{created,updated,deleted,absent}');
  -- Those that are missing for the first time go at once: a person has seen them.
  update public.integration_staging g set change = 'deleted' where g.staging = stage and g.change = 'absent';
  perform mkt_private.find_absent(p_tenant, p_integration, stage);
  perform mkt_private.refuse_unshown(stage);
  if not hold.windowed then
    perform mkt_private.finish_streams(p_tenant, p_integration,
      (select coalesce(jsonb_object_agg(c.key, c.value), '{}')
       from jsonb_each(mkt_private.staged_cursors(p_tenant, p_integration, stage)) c where hold.changes ? c.key),
      hold.as_of, hold.fingerprint);
  end if;
  perform mkt_private.save_state(p_tenant, p_integration, p_state);
  answer := mkt_private.close_hold(p_tenant, p_integration, p_hold_id, 'approved', p_reason);
  perform mkt_private.promote(p_tenant, p_integration, stage);
  answer := jsonb_build_object('hold', answer, 'staging',
    case when mkt_private.let_go(p_tenant, p_integration, stage) then stage end);
  return mkt_private.give_verdict(p_tenant, p_integration, p_epoch, p_attempt, answer);
end $$;

-- What was applied is what the partner lists, so it counts as unchanged from then on. The hold stays open and the
-- cursors stay.
create function public.mkt_approve_part(p_tenant text, p_integration text, p_epoch bigint, p_attempt text,
  p_hold_id text, p_kinds jsonb, p_state jsonb) returns jsonb
language plpgsql volatile set search_path = '' set statement_timeout = '10min' as $$
declare
  answer jsonb := mkt_private.given_verdict(p_tenant, p_integration, p_epoch, p_attempt);
  hold   public.integration_holds;
  stage  bigint := mkt_private.staging_of(p_tenant, p_integration, p_hold_id);
  kinds  text[] := array(select jsonb_array_elements_text(p_kinds));
begin
  if answer is not null then
    return answer;
  end if;
  hold := mkt_private.open_hold(p_tenant, p_integration, p_hold_id, stage);
  perform mkt_private.refuse_drift(p_tenant, p_integration, stage, kinds);
  perform mkt_private.promote_part(p_tenant, p_integration, stage, kinds);
  update public.integration_holds h
  set change_set = mkt_private.change_set(stage), changes = (
    select coalesce(jsonb_object_agg(c.key, c.value || jsonb_build_object(
      'created', (c.value ->> 'created')::bigint - n.created, 'updated', (c.value ->> 'updated')::bigint - n.updated,
      'live', (c.value ->> 'live')::bigint + n.created,
      'unchanged', (c.value ->> 'unchanged')::bigint + n.created + n.updated)), '{}')
    from jsonb_each(h.changes) c cross join lateral (
      select case when p_kinds ? 'created' then (c.value ->> 'created')::bigint else 0 end as created,
        case when p_kinds ? 'updated' then (c.value ->> 'updated')::bigint else 0 end as updated
    ) n)
  where h.tenant_id = p_tenant and h.integration = p_integration and h.id = p_hold_id
  returning * into hold;
  perform mkt_private.save_state(p_tenant, p_integration, p_state);
  answer := jsonb_build_object('hold', mkt_private.hold_json(hold), 'staging', null);
  return mkt_private.give_verdict(p_tenant, p_integration, p_epoch, p_attempt, answer);
end $$;

-- None of what it would have changed is ever seen again.
create function public.mkt_reject_hold(p_tenant text, p_integration text, p_epoch bigint, p_attempt text,
  p_hold_id text, p_reason text) returns jsonb
language plpgsql volatile set search_path = '' set statement_timeout = '10min' as $$
declare
  answer jsonb := mkt_private.given_verdict(p_tenant, p_integration, p_epoch, p_attempt);
  stage  bigint := mkt_private.staging_of(p_tenant, p_integration, p_hold_id);
begin
  if answer is not null then
    return answer;
  end if;
  perform mkt_private.open_hold(p_tenant, p_integration, p_hold_id, coalesce(stage, 0));
  update public.integration_staging_runs h set hold_id = null, resumable = false
  where h.tenant_id = p_tenant and h.integration = p_integration and h.hold_id = p_hold_id;
  answer := jsonb_build_object('staging', stage, 'hold',
    mkt_private.close_hold(p_tenant, p_integration, p_hold_id, 'rejected', p_reason));
  return mkt_private.give_verdict(p_tenant, p_integration, p_epoch, p_attempt, answer);
end $$;

do $$ declare made regprocedure; begin
  for made in select p.oid::regprocedure from pg_catalog.pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.proname in ('mkt_holds', 'mkt_hold_records', 'mkt_approve_hold',
        'mkt_approve_part', 'mkt_reject_hold')
      or p.pronamespace = 'mkt_private'::regnamespace and p.proname in ('given_verdict', 'give_verdict', 'open_hold',
        'staging_of', 'close_hold', 'refuse_drift', 'refuse_unshown')
  loop
    execute format('revoke all on function %s from public, anon, authenticated', made);
    execute format('grant execute on function %s to service_role', made);
  end loop;
end $$;

insert into mkt_private.migrations (name) values ('20261123000007_mkt_holds');
