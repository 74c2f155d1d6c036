-- What proves a copy. And where one may begin: a copy that has ended already is told from other rows, and what a purge
-- of all tenants leaves is in nobody's way.

-- [[seq, data], …] of the records after p_after, at most p_limit and some megabytes of them. Of the whole fleet, as a
-- copy is.
create function public.mkt_copy_documents(p_after bigint, p_limit integer) returns jsonb
language sql stable set search_path = '' set statement_timeout = '1min' as $$
  select coalesce(jsonb_agg(jsonb_build_array(p.seq, p.data) order by p.seq), '[]')
  from (select t.seq, t.data, row_number() over w as n, sum(octet_length(t.data::text)) over w as size
        from (select r.seq, r.data from public.integration_records r where r.seq > p_after order by r.seq limit p_limit) t
        window w as (order by t.seq)) p
  where p.n = 1 or p.size <= 4000000
$$;

-- Begins a copy, or goes on with the one that was begun from the same source: answers where the feed and the events
-- ended then. Where there is no tenant's row, what is of no tenant makes room, and what tells who erased them.
create or replace function public.mkt_copy_begin(p_source text, p_token text) returns jsonb
language plpgsql volatile set search_path = '' set statement_timeout = '10min' as $$
declare
  no_tenants constant jsonb := jsonb_build_object(
    'integration_events', 'tenant_id is not null and event <> ''operator.action''',
    'integration_deliveries', 'tenant_id <> ''''', 'integration_memory', 'tenant_id <> ''''',
    'integration_alerts', 'false', 'integration_alert_look', 'false', 'integration_alert_messages', 'false');
  named text;
  filled text[] := '{}';
  found_one boolean;
  known mkt_private.copies;
begin
  lock table mkt_private.copies in share row exclusive mode;
  select * into known from mkt_private.copies c where c.finished_at is null;
  if known.source <> p_source then
    perform mkt_private.refuse('other_copy', known.source);
  elsif known.source = p_source then
    update mkt_private.copies c set token = p_token where c.source = p_source;
    return jsonb_build_object('resumed', known.token <> p_token,
      'integration_records', coalesce((select max(r.seq) from public.integration_records r), 0),
      'integration_events', coalesce((select max(e.seq) from public.integration_events e), 0));
  end if;
  foreach named in array mkt_private.copied_tables() || array['integration_staging_lists'] loop
    execute format('select exists (select from public.%I where %s)', named, coalesce(no_tenants ->> named, 'true'))
    into found_one;
    if found_one then filled := filled || named; end if;
  end loop;
  if filled <> '{}' then
    -- Who was killed at the very end, or has lost the last answer, asks whether it has ended.
    perform mkt_private.refuse('copied', to_char(c.finished_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'))
    from mkt_private.copies c where c.source = p_source;
    perform mkt_private.refuse('not_empty', array_to_string(filled, ', '));
  end if;
  for named in select jsonb_object_keys(no_tenants) loop
    execute format('delete from public.%I', named);
  end loop;
  insert into mkt_private.copies (source, token, begun_at) values (p_source, p_token, mkt_private.clock())
  on conflict (source) do update set token = p_token, begun_at = excluded.begun_at, finished_at = null;
  return jsonb_build_object('resumed', false, 'integration_records', 0, 'integration_events', 0);
end $$;

revoke all on function public.mkt_copy_documents(bigint, integer) from public, anon, authenticated;
grant execute on function public.mkt_copy_documents(bigint, integer) to service_role;

insert into mkt_private.migrations (name) values ('20261123000015_mkt_compare');
