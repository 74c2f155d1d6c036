-- Whole tenants, and what was asked of the whole fleet for want of a way to name integrations.

-- Each integration of these tenants that left a state, streams or accepted deliveries: [[tenant, integration], …].
create function public.mkt_known_keys(p_tenants jsonb) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_array(t.tenant_id, f.integration)), '[]')
  from (select distinct n from jsonb_array_elements_text(p_tenants) n) t (tenant_id)
  cross join lateral (
    select s.integration from public.integration_state s where s.tenant_id = t.tenant_id
    union select s.integration from public.integration_streams s where s.tenant_id = t.tenant_id
    union select d.integration from public.integration_delivery_days d where d.tenant_id = t.tenant_id
  ) f
$$;

-- Whether any row is the tenant's, of what a purge erases.
create function public.mkt_has_tenant(p_tenant text) returns boolean
language plpgsql stable set search_path = '' as $$
declare
  made  text;
  found boolean;
begin
  foreach made in array array['integration_leases', 'integration_state', 'integration_streams', 'integration_runs',
    'integration_events', 'integration_deliveries', 'integration_delivery_days', 'integration_memory',
    'integration_records', 'integration_record_scopes', 'integration_absences', 'integration_holds',
    'integration_staging_runs', 'integration_promotions', 'integration_verdicts', 'integration_secrets',
    'integration_wakeups']
  loop
    execute format('select exists (select from public.%I where tenant_id = $1)', made) into found using p_tenant;
    if found then
      return true;
    end if;
  end loop;
  return false;
end $$;

-- These answer for some integrations or, where none are named, for the whole fleet -----------------------------------

drop function public.mkt_counts();
drop function public.mkt_dead_deliveries(timestamptz);
drop function public.mkt_delivery_history(date);

-- Live and deleted records of each stream that has any, counted by two indexes.
create function public.mkt_counts(p_keys jsonb default null) returns jsonb
language plpgsql stable set search_path = '' set statement_timeout = '1min' as $$
begin
  if jsonb_typeof(p_keys) = 'array' then
    return (
      select coalesce(jsonb_agg(jsonb_build_array(
        k.tenant_id, k.integration, t.stream, t.number - coalesce(g.number, 0), coalesce(g.number, 0))), '[]')
      from (select distinct * from mkt_private.keys(p_keys)) k
      cross join lateral (
        select r.stream, count(*) as number from public.integration_records r
        where r.tenant_id = k.tenant_id and r.integration = k.integration group by r.stream
      ) t
      left join lateral (
        select count(*) as number from public.integration_records r
        where r.tenant_id = k.tenant_id and r.integration = k.integration and r.stream = t.stream and r.deleted
      ) g on true);
  end if;
  return (
    select coalesce(jsonb_agg(jsonb_build_array(
      t.tenant_id, t.integration, t.stream, t.number - coalesce(g.number, 0), coalesce(g.number, 0))), '[]')
    from (
      select r.tenant_id, r.integration, r.stream, count(*) as number
      from public.integration_records r group by r.tenant_id, r.integration, r.stream
    ) t
    left join (
      select r.tenant_id, r.integration, r.stream, count(*) as number
      from public.integration_records r where r.deleted group by r.tenant_id, r.integration, r.stream
    ) g using (tenant_id, integration, stream));
end $$;

-- How many are dead of each integration, and the last of them.
create function public.mkt_dead_deliveries(p_since timestamptz, p_keys jsonb default null) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_array(f.number, d.shown)), '[]')
  from (select g.tenant_id, g.integration, count(*) as number, max(g.id) as last_id
        from public.integration_deliveries g
        where g.verdict = 'dead' and g.received_at >= p_since
          and (nullif(p_keys, 'null') is null or (g.tenant_id, g.integration) in (
            select k.tenant_id, k.integration from mkt_private.keys(nullif(p_keys, 'null')) k))
        group by g.tenant_id, g.integration) f
  join mkt_private.deliveries d
    on d.id = f.last_id and d.tenant_id = f.tenant_id and d.integration = f.integration
$$;

-- [tenant, integration, last time, [[day, number, longest gap], …]].
create function public.mkt_delivery_history(p_since date, p_keys jsonb default null) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_array(h.tenant_id, h.integration, h.last_at, h.days)), '[]') from (
    select d.tenant_id, d.integration, (array_agg(d.last_at order by d.day desc))[1] as last_at,
      coalesce(jsonb_agg(jsonb_build_array(d.day, d.number, d.longest_gap) order by d.day)
               filter (where d.day >= p_since), '[]') as days
    from public.integration_delivery_days d
    where nullif(p_keys, 'null') is null or (d.tenant_id, d.integration) in (
      select k.tenant_id, k.integration from mkt_private.keys(nullif(p_keys, 'null')) k)
    group by d.tenant_id, d.integration) h
$$;

do $$ declare made regprocedure; begin
  for made in select p.oid::regprocedure from pg_catalog.pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.proname in (
      'mkt_known_keys', 'mkt_has_tenant', 'mkt_counts', 'mkt_dead_deliveries', 'mkt_delivery_history')
  loop
    execute format('revoke all on function %s from public, anon, authenticated', made);
    execute format('grant execute on function %s to service_role', made);
  end loop;
end $$;

insert into mkt_private.migrations (name) values ('20261123000014_mkt_tenants');
