-- `mkt db copy`: one store into another, table by table. All of it is of the whole fleet.

-- A copy that has begun and not finished keeps runs away: half of a store is none. `token` is the process's that copies;
-- who goes on with a killed copy takes it over, and the other one, should it live, is refused.
create table mkt_private.copies (
  source      text primary key,
  token       text not null,
  begun_at    timestamptz not null,
  finished_at timestamptz
);
create unique index copies_under_way on mkt_private.copies ((true)) where finished_at is null;
alter table mkt_private.copies enable row level security;
grant select, insert, update, delete on mkt_private.copies to service_role;

-- Epochs are copied, holders are not.
alter table public.integration_leases
  alter column holder set default '', alter column expires_at set default '-infinity';

create function mkt_private.refuse_half() returns trigger
language plpgsql set search_path = '' as $$
begin
  if current_setting('mkt.copying', true) is distinct from 'on' then
    perform mkt_private.refuse('copying', c.source) from mkt_private.copies c where c.finished_at is null;
  end if;
  return null;
end $$;
create trigger integration_leases_whole before insert or update on public.integration_leases
  for each statement execute function mkt_private.refuse_half();

-- What mkt asks for before anything else: whether its functions are all there, and the store is whole. Of no tenant.
create or replace function public.mkt_open() returns jsonb
language sql volatile set search_path = '' as $$
  select mkt_private.refuse('copying', c.source) from mkt_private.copies c where c.finished_at is null;
  select jsonb_build_object('migrations', coalesce(jsonb_agg(m.name order by m.name), '[]'))
  from mkt_private.migrations m
$$;

-- Each id that a run has listed once, however it is stored.
create view mkt_private.copied_seen with (security_invoker = true) as
select s.staging, s.stream, s.scope, s.external_id from public.integration_staging_seen s
union
select h.staging, s.stream, s.scope, s.external_id
from public.integration_staging_runs h cross join lateral mkt_private.seen(h.staging) s
where not h.direct;
-- A cursor of null is one too: it stands in the place of the committed one. As text it is told from none.
create view mkt_private.copied_cursors with (security_invoker = true) as
select t.staging, t.stream, t.cursor::text as cursor, t.invalid from public.integration_staging_streams t;
grant select on mkt_private.copied_seen, mkt_private.copied_cursors to service_role;

create function mkt_private.copied_tables() returns text[]
language sql immutable set search_path = '' as $$
  select array['integration_records', 'integration_events', 'integration_record_scopes', 'integration_absences',
    'integration_deliveries', 'integration_delivery_days', 'integration_memory', 'integration_alerts',
    'integration_alert_look', 'integration_alert_messages', 'integration_staging_runs', 'integration_staging',
    'integration_staging_seen', 'integration_staging_streams', 'integration_staging_completes', 'integration_holds',
    'integration_runs', 'integration_streams', 'integration_leases', 'integration_state']
$$;

-- Where a table's rows are read, and by what they are put in order: records as the feed has them.
create function mkt_private.copied_from(p_table text, out relation text, out keys text[])
language plpgsql stable set search_path = '' as $$
begin
  if p_table <> all (mkt_private.copied_tables()) then
    perform mkt_private.refuse('not_copied', p_table);
  end if;
  relation := 'public.' || quote_ident(p_table);
  if p_table = 'integration_staging_seen' then
    relation := 'mkt_private.copied_seen';
    keys := array['staging', 'stream', 'scope', 'external_id'];
  elsif p_table = 'integration_staging_streams' then
    relation := 'mkt_private.copied_cursors';
    keys := array['staging', 'stream'];
  elsif p_table = 'integration_records' then
    keys := array['seq'];
  else
    select array_agg(a.attname order by k.place) into keys
    from pg_catalog.pg_index i cross join unnest(i.indkey) with ordinality k (number, place)
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
    where i.indrelid = relation::regclass and i.indisprimary;
  end if;
end $$;

create function public.mkt_copy_counts() returns jsonb
language plpgsql stable set search_path = '' set statement_timeout = '10min' as $$
declare
  named text;
  number bigint;
  counts jsonb := '{}';
begin
  foreach named in array mkt_private.copied_tables() loop
    execute format('select count(*) from %s', (mkt_private.copied_from(named)).relation) into number;
    counts := counts || jsonb_build_object(named, number);
  end loop;
  return counts;
end $$;

-- For each stream how many of the p_limit records after p_after are its own, and the sum of their digests, in which
-- order does not matter. The other store counts the same in the same way.
create function public.mkt_copy_digests(p_after bigint, p_limit integer) returns jsonb
language sql stable set search_path = '' set statement_timeout = '1min' as $$
  with page as (
    select r.* from public.integration_records r where r.seq > p_after order by r.seq limit p_limit
  ), each as (
    select p.tenant_id, p.integration, p.stream, count(*) as number,
      sum(('x' || left(md5(format('%s %s %s%s %s %s %s', p.seq, encode(p.hash, 'hex'), p.deleted::int,
        p.unscoped::int, to_char(p.first_seen_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        to_char(p.changed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), p.external_id)), 15))::bit(60)::bigint
      ) as digest
    from page p group by p.tenant_id, p.integration, p.stream
  )
  select jsonb_build_object('last', (select max(p.seq) from page p), 'streams',
    coalesce((select jsonb_agg(jsonb_build_array(e.tenant_id, e.integration, e.stream, e.number, e.digest::text))
              from each e), '[]'))
$$;

-- out of this store -------------------------------------------------------------------------------------------------

-- Who runs, and what is another text after anybody has run or verified, or a delivery has come.
create function public.mkt_copy_source() returns jsonb
language sql volatile set search_path = '' as $$
  select jsonb_build_object(
    'running', coalesce((select jsonb_agg(l.tenant_id || '/' || l.integration order by l.tenant_id, l.integration)
                         from public.integration_leases l where mkt_private.is_held(l)), '[]'),
    'last_seq', f.last_seq,
    'mark', concat_ws(' ', f.last_seq, (select sum(l.epoch) from public.integration_leases l),
                      (select count(*) from public.integration_deliveries d),
                      (select max(d.id) from public.integration_deliveries d),
                      (select max(e.seq) from public.integration_events e),
                      (select max(r.id) from public.integration_runs r)))
  from mkt_private.feed f
$$;

-- The first rows after the one whose keys p_after has, at most p_limit and some megabytes of them.
create function public.mkt_copy_rows(p_table text, p_after jsonb, p_limit integer) returns jsonb
language plpgsql stable set search_path = '' set statement_timeout = '1min' as $$
declare
  origin record := mkt_private.copied_from(p_table);
  place text := '';
  ordered text := (select string_agg(quote_ident(k), ', ') from unnest(origin.keys) k);
  answer jsonb;
begin
  if jsonb_typeof(p_after) = 'object' then
    place := format('where (%s) > (select %s from jsonb_populate_record(null::%s, $1))', ordered, ordered, origin.relation);
  end if;
  execute format($q$
    select coalesce(jsonb_agg(p.found order by p.n), '[]')
    from (select to_jsonb(t) as found, row_number() over w as n, sum(octet_length(to_jsonb(t)::text)) over w as size
          from (select * from %1$s %2$s order by %3$s limit $2) t
          window w as (order by %3$s)) p
    where p.n = 1 or p.size <= 4000000 $q$, origin.relation, place, ordered)
  into answer using p_after, p_limit;
  return answer;
end $$;

-- into this store ---------------------------------------------------------------------------------------------------

-- Begins a copy, or goes on with the one that was begun from the same source: answers where the feed and the events
-- ended then.
create function public.mkt_copy_begin(p_source text, p_token text) returns jsonb
language plpgsql volatile set search_path = '' set statement_timeout = '10min' as $$
declare
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
    execute format('select exists (select from public.%I)', named) into found_one;
    if found_one then filled := filled || named; end if;
  end loop;
  if filled <> '{}' then
    perform mkt_private.refuse('not_empty', array_to_string(filled, ', '));
  end if;
  insert into mkt_private.copies (source, token, begun_at) values (p_source, p_token, mkt_private.clock())
  on conflict (source) do update set token = p_token, begun_at = excluded.begun_at, finished_at = null;
  return jsonb_build_object('resumed', false, 'integration_records', 0, 'integration_events', 0);
end $$;

create function mkt_private.check_copy(p_token text) returns void
language plpgsql volatile set search_path = '' as $$
begin
  perform from mkt_private.copies c where c.token = p_token and c.finished_at is null for share;
  if not found then perform mkt_private.refuse('copy_lost'); end if;
  perform set_config('mkt.copying', 'on', true);
end $$;

-- Rows as `to_jsonb` writes them. What is there already stays, but for a record that has changed since.
create function public.mkt_copy_put(p_token text, p_table text, p_rows jsonb) returns void
language plpgsql volatile set search_path = '' set statement_timeout = '10min' as $$
declare
  origin record := mkt_private.copied_from(p_table);
  columns text;
  instead text := 'do nothing';
begin
  perform mkt_private.check_copy(p_token);
  if p_table = 'integration_staging_seen' then
    perform mkt_private.put_seen(p_rows);
    return;
  elsif p_table = 'integration_staging_streams' then
    insert into public.integration_staging_streams (staging, stream, cursor, invalid)
    select c.staging, c.stream, c.cursor::jsonb, c.invalid
    from jsonb_populate_recordset(null::mkt_private.copied_cursors, p_rows) c on conflict do nothing;
    return;
  end if;
  select string_agg(quote_ident(a.attname), ', ' order by a.attnum) into columns
  from pg_catalog.pg_attribute a
  where a.attrelid = origin.relation::regclass and a.attnum > 0 and not a.attisdropped and p_rows -> 0 ? a.attname::text;
  if p_table = 'integration_records' then
    instead := '(tenant_id, integration, stream, external_id) do update set seq = excluded.seq, hash = excluded.hash,
      deleted = excluded.deleted, unscoped = excluded.unscoped, first_seen_at = excluded.first_seen_at,
      changed_at = excluded.changed_at, data = excluded.data';
  end if;
  execute format('insert into %1$s (%2$s) overriding system value
    select %2$s from jsonb_populate_recordset(null::%1$s, $1) on conflict %3$s', origin.relation, columns, instead)
  using p_rows;
end $$;

-- A first load notes each id that it has met, any other run lists them by batches.
create function mkt_private.put_seen(p_rows jsonb) returns void
language sql volatile set search_path = '' as $$
  insert into public.integration_staging_seen (staging, stream, scope, external_id)
  select s.staging, s.stream, s.scope, s.external_id
  from jsonb_populate_recordset(null::public.integration_staging_seen, p_rows) s
  join public.integration_staging_runs h on h.staging = s.staging and h.direct
  on conflict do nothing;
  insert into public.integration_staging_lists (staging, stream, scope, seen)
  select s.staging, s.stream, s.scope, array_agg(s.external_id)
  from jsonb_populate_recordset(null::public.integration_staging_seen, p_rows) s
  join public.integration_staging_runs h on h.staging = s.staging and not h.direct
  group by s.staging, s.stream, s.scope;
$$;

-- Takes away at most p_limit of the rows that the copy has put there, and answers how many.
create function public.mkt_copy_clear(p_token text, p_table text, p_limit integer) returns bigint
language plpgsql volatile set search_path = '' set statement_timeout = '10min' as $$
declare
  named text;
  number bigint;
  gone bigint := 0;
begin
  perform mkt_private.check_copy(p_token), mkt_private.copied_from(p_table);
  foreach named in array
    case p_table when 'integration_staging_seen' then array[p_table, 'integration_staging_lists'] else array[p_table] end
  loop
    execute format('delete from public.%1$I where ctid = any (array(select ctid from public.%1$I limit $1))', named)
    using p_limit;
    get diagnostics number = row_count;
    gone := gone + number;
  end loop;
  return gone;
end $$;

-- Definer: the numbers of the rows to come are nobody's to set else.
create function mkt_private.copy_sequences() returns void
language sql volatile security definer set search_path = '' as $$
  select setval('public.integration_events_seq_seq', max(e.seq)) from public.integration_events e having count(*) > 0;
  select setval('public.integration_staging_runs_staging_seq', max(h.staging))
  from public.integration_staging_runs h having count(*) > 0;
  select setval('public.integration_staging_position_seq', max(g.position))
  from public.integration_staging g having count(*) > 0;
  select setval('public.integration_alert_messages_position_seq', max(m.position))
  from public.integration_alert_messages m having count(*) > 0;
$$;

-- From now on it is a store like any other. The same change set is to open the same hold again: each store has its own
-- digest of it.
create function public.mkt_copy_finish(p_token text, p_last_seq bigint) returns void
language plpgsql volatile set search_path = '' set statement_timeout = '10min' as $$
begin
  if exists (select from mkt_private.copies c where c.token = p_token and c.finished_at is not null) then
    return;
  end if;
  perform mkt_private.check_copy(p_token);
  update mkt_private.feed set last_seq = greatest(last_seq, p_last_seq);
  perform mkt_private.copy_sequences();
  update public.integration_holds o set change_set = mkt_private.change_set(h.staging)
  from public.integration_staging_runs h where h.hold_id = o.id and o.state = 'open';
  update mkt_private.copies c set finished_at = mkt_private.clock() where c.token = p_token;
end $$;

do $$ declare made text; begin
  for made in
    select p.oid::regprocedure::text from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where n.nspname = 'public' and p.proname like 'mkt\_copy\_%'
      or n.nspname = 'mkt_private' and p.proname in ('refuse_half', 'copied_tables', 'copied_from', 'check_copy',
        'put_seen', 'copy_sequences')
  loop
    execute format('revoke all on function %s from public, anon, authenticated', made);
    execute format('grant execute on function %s to service_role', made);
  end loop;
end $$;

insert into mkt_private.migrations (name) values ('20261123000012_mkt_copy');
