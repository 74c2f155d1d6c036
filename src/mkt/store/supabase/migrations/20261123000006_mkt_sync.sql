-- A run's way into the store: opened, written batch by batch, promoted or held. What other parts may use of it:
--   lock_integration(tenant, integration)         first of all in a transaction that writes an integration's records;
--   enter(tenant, integration, epoch)             the same for who has the lease, which is checked (check_lease);
--   find_absent(tenant, integration, staging)     fills mkt_private.absent and mkt_private.gone for this staging;
--   first_absent(tenant, integration, staging)    after it: (stream, external_id) of those missing for a first time;
--   changes(tenant, integration, staging, streams)  after it: {stream: StreamChanges};
--   promote(tenant, integration, staging)         after it: applies the staging, records last because of their seq;
--   promote_part(tenant, integration, staging, kinds)  applies only 'created' and/or 'updated', and takes it out;
--   staged_cursors(tenant, integration, staging)  {stream: cursor}: the staged one, else the committed one;
--   finish_streams(tenant, integration, cursors, as_of, fingerprint)  moves the cursors of the streams named there;
--   let_go(tenant, integration, staging)          removes what was applied; true: so large that mkt_sync_clear does;
--   remove_staging(tenant, integration, staging)  removes it at once; forget_search(staging) what find_absent found;
--   change_set(staging)                           a digest of what a hold would do;
--   hold_json(hold)                               a row of integration_holds as the client reads it (holding.py);
--   deliver(tenant, integration, batch, documents)  what a delivery brings (batch and documents as packing.py makes
--                                                 them), written at once: {"created": 1, "updated": 0, "deleted": 0}.
-- What is about all of a staging is joined by hashes alone, and what is about a batch is looked up row by row: said so
-- in each function's settings, because the planner takes (tenant, integration, stream) for a few rows, however many
-- they are, and would read all of a tenant's for each row that it looks for.
-- Locks are taken in this order: the integration's, its lease's row, its staging's header, records, the feed.

alter table public.integration_staging_runs
  add column epoch     bigint not null default 0,
  add column first_seq bigint not null default 0,
  add column opened    jsonb,
  add column number    bigint not null default 0,
  add column answer    jsonb,
  add column counts    jsonb not null default '{}',
  add column looked    jsonb;
comment on column public.integration_staging_runs.number is
  'Of the last batch that was stored: the same one again, whose answer was lost, changes nothing and gets `answer`.';
comment on column public.integration_staging_runs.counts is 'What a first load has changed so far.';

comment on column public.integration_staging_runs.looked is
  'What the staging changes, found out after its last batch; mkt_private.absent and mkt_private.gone go with it.';

-- Which ids a staged run has listed, a batch a row: `unseen` takes back what was listed before it, in every scope.
create table public.integration_staging_lists (
  position bigint generated always as identity primary key,
  staging  bigint not null,
  stream   text not null check (mkt_private.is_stream(stream)),
  scope    text not null,
  seen     text[] not null,
  unseen   text[] not null default '{}'
);
create index integration_staging_lists_of on public.integration_staging_lists (staging);

-- What the last promotion of each integration did, for a client that lost the answer.
create table public.integration_promotions (
  tenant_id   text not null check (mkt_private.is_slug(tenant_id)),
  integration text not null,
  run_id      text not null,
  answer      jsonb not null,
  primary key (tenant_id, integration)
);

-- What find_absent found, as long as nothing was staged since. `absent` has a row for each record and each scope that
-- it was absent from: `removed` takes it out of the scope now, otherwise it is marked, and removed when the next
-- complete listing lacks it too. `gone` has the records that no scope holds any longer, and those said to be deleted.
create table mkt_private.absent (
  staging     bigint not null,
  stream      text not null,
  scope       text not null,
  external_id text not null,
  removed     boolean not null,
  primary key (staging, stream, external_id, scope)
);
create table mkt_private.gone (
  staging     bigint not null,
  stream      text not null,
  external_id text not null,
  position    bigint not null,
  primary key (staging, stream, external_id)
);

do $$ declare made text; begin
  foreach made in array array['public.integration_staging_lists', 'public.integration_promotions',
    'mkt_private.absent', 'mkt_private.gone']
  loop
    execute format('alter table %s enable row level security', made);
    execute format('revoke all on table %s from public, anon, authenticated, service_role', made);
    execute format('grant select, insert, update, delete on table %s to service_role', made);
  end loop;
end $$;
revoke all on sequence public.integration_staging_lists_position_seq from public, anon, authenticated;

-- who may write -----------------------------------------------------------------------------------------------------

-- One transaction at a time writes an integration's records: a run's, or a delivery's in the middle of it.
create function mkt_private.lock_integration(p_tenant text, p_integration text) returns void
language sql volatile set search_path = '' as
$$ select pg_advisory_xact_lock(hashtextextended(p_tenant || '/' || p_integration, 7)) $$;

create function mkt_private.enter(p_tenant text, p_integration text, p_epoch bigint) returns void
language plpgsql volatile set search_path = '' as $$
begin
  perform mkt_private.lock_integration(p_tenant, p_integration);
  perform mkt_private.check_lease(p_tenant, p_integration, p_epoch);
end $$;

-- Who has lost the staging has lost the lease before. The 24 h in which a run goes on from it count from now.
create function mkt_private.enter_staging(p_tenant text, p_integration text, p_epoch bigint, p_run_id text,
  p_staging bigint) returns public.integration_staging_runs
language plpgsql volatile set search_path = '' as $$
declare header public.integration_staging_runs;
begin
  perform mkt_private.enter(p_tenant, p_integration, p_epoch);
  update public.integration_staging_runs h set touched_at = mkt_private.clock()
  where h.tenant_id = p_tenant and h.integration = p_integration and h.staging = p_staging and h.run_id = p_run_id
  returning * into header;
  if not found then
    perform mkt_private.refuse('lease_lost', format('%s/%s', p_tenant, p_integration));
  end if;
  return header;
end $$;

-- batches -----------------------------------------------------------------------------------------------------------

-- A row of a batch beside the record that it is about. `kind` is what it does to it: created, updated, deleted, or
-- nothing; `put` is false of a `Deleted`; `listed` tells that it stands outside every named scope.
create type mkt_private.compared as (
  n           bigint,
  stream      text,
  external_id text,
  hash        bytea,
  document    text,
  put         boolean,
  listed      boolean,
  kind        text,
  known       boolean,
  live        boolean,
  was_hash    bytea,
  was_seq     bigint,
  was_unscoped boolean
);

-- {"streams": [["people", 2]], "ids": ["1", "2"], "digests": "0a… -", "standing": [["people", "", null]], …}:
-- rows stream by stream, a `-` for a `Deleted`, and for each scope the numbers of the rows that stand in it, null for
-- all. The documents are lines, empty where none is sent.
-- A plan that was made while the table was empty, or not analyzed yet, knows no index from another: only the primary
-- key gives the order that is asked for here, so each row is looked up by it.
create function mkt_private.compare(p_tenant text, p_integration text, p_batch jsonb, p_documents text)
returns mkt_private.compared[]
language plpgsql volatile set search_path = ''
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_sort = off
set jit = off as $$
begin
  return (
  with parts as (
    select p ->> 0 as stream, sum((p ->> 1)::bigint) over (order by o) as last, (p ->> 1)::bigint as rows
    from jsonb_array_elements(p_batch -> 'streams') with ordinality e(p, o)
  ),
  unscoped as (
    select e ->> 0 as stream, e -> 2 as numbers from jsonb_array_elements(p_batch -> 'standing') e where e ->> 1 = ''
  ),
  numbered as materialized (
    select x::bigint as n from unscoped u
    cross join lateral jsonb_array_elements_text(u.numbers) x where jsonb_typeof(u.numbers) = 'array'
  ),
  given as (
    select r.n, p.stream, r.id, r.document, r.digest <> '-' as put,
      case when r.digest <> '-' then decode(r.digest, 'hex') else '' end as hash
    from rows from (jsonb_array_elements_text(p_batch -> 'ids'), string_to_table(p_batch ->> 'digests', ' '),
                    string_to_table(p_documents, E'\n')) with ordinality r(id, digest, document, n)
    join parts p on r.n > p.last - p.rows and r.n <= p.last
  )
  select array_agg(row(
    g.n, g.stream, g.id, g.hash, nullif(g.document, ''), g.put,
    g.put and (exists (select from unscoped u where u.stream = g.stream and jsonb_typeof(u.numbers) = 'null')
               or g.n in (select n from numbered)),
    case when l.seq is null or l.deleted then case when g.put then 'created' end
         when not g.put then 'deleted'
         when l.hash <> g.hash then 'updated' end,
    l.seq is not null, l.seq is not null and not l.deleted, l.hash, l.seq, coalesce(l.unscoped, false)
  )::mkt_private.compared order by g.n)
  from given g
  left join lateral (
    select f.* from public.integration_records f
    where f.tenant_id = p_tenant and f.integration = p_integration and f.stream = g.stream
      and f.external_id >= g.id and f.external_id <= g.id
    order by f.external_id limit 1
  ) l on true
  );
end $$;

-- Where a record stands, or, with no scope, wherever it stands.
create type mkt_private.place as (stream text, scope text, external_id text);

-- Takes the marks of absence away. They are few beside the records, so all of an integration's are read at once.
create function mkt_private.unmark(p_tenant text, p_integration text, p_places mkt_private.place[]) returns void
language plpgsql volatile set search_path = ''
set enable_nestloop = off set enable_mergejoin = off set jit = off as $$
begin
  if exists (select from public.integration_absences k
             where k.tenant_id = p_tenant and k.integration = p_integration) then
    delete from public.integration_absences k using unnest(p_places) s
    where k.tenant_id = p_tenant and k.integration = p_integration and k.stream = s.stream
      and k.external_id = s.external_id and k.scope = coalesce(s.scope, k.scope);
  end if;
end $$;

-- Which ids of a batch stand in which scopes.
create function mkt_private.standing(p_batch jsonb, p_rows mkt_private.compared[])
returns table (stream text, scope text, external_id text)
language sql immutable set search_path = '' as $$
  with scopes as (
    select e ->> 0 as stream, e ->> 1 as scope, e -> 2 as numbers from jsonb_array_elements(p_batch -> 'standing') e
  )
  select r.stream, s.scope, r.external_id
  from scopes s join unnest(p_rows) r on r.stream = s.stream and r.put
  where jsonb_typeof(s.numbers) = 'null'
  union all
  select r.stream, s.scope, r.external_id
  from scopes s cross join lateral jsonb_array_elements_text(s.numbers) x
  join unnest(p_rows) r on r.n = x::bigint
  where jsonb_typeof(s.numbers) = 'array'
$$;

-- Who is deleted leaves every scope. Each row is looked up as in `compare`, by the index that has the order asked for.
create function mkt_private.leave_scopes(p_tenant text, p_integration text, p_rows mkt_private.compared[])
returns void
language plpgsql volatile set search_path = ''
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_sort = off
set jit = off as $$
declare places tid[];
begin
  places := array(
    select l.ctid from unnest(p_rows) r cross join lateral (
      select m.ctid from public.integration_record_scopes m
      where m.tenant_id = p_tenant and m.integration = p_integration and m.stream = r.stream
        and m.external_id >= r.external_id and m.external_id <= r.external_id
      order by m.external_id
    ) l
    where r.kind = 'deleted');
  delete from public.integration_record_scopes m
  where m.ctid = any (places) and m.tenant_id || '' = p_tenant and m.integration || '' = p_integration;
  perform mkt_private.unmark(p_tenant, p_integration, array(
    select row(r.stream, null, r.external_id)::mkt_private.place from unnest(p_rows) r where r.kind = 'deleted'));
end $$;

-- Writes rows to the live records. A new scope of an unchanged record is no change of it. A record that comes back
-- keeps when it was first seen. What was looked up already is found again by its seq: the tenant is only checked, so
-- that no plan goes by an index of all of its records.
create function mkt_private.write_rows(p_tenant text, p_integration text, p_batch jsonb,
  p_rows mkt_private.compared[]) returns void
language plpgsql volatile set search_path = '' set jit = off as $$
declare
  now constant timestamptz := mkt_private.clock();
  to_put bigint;
  to_bury bigint;
  start bigint;
begin
  select count(*) filter (where r.kind <> 'deleted'), count(*) filter (where r.kind = 'deleted')
  into to_put, to_bury from unnest(p_rows) r;
  if to_bury > 0 then
    perform mkt_private.leave_scopes(p_tenant, p_integration, p_rows);
  end if;
  if jsonb_path_exists(p_batch, 'strict $.standing[*] ? (@[1] != "")') then
    insert into public.integration_record_scopes (tenant_id, integration, stream, scope, external_id)
    select distinct p_tenant, p_integration, s.stream, s.scope, s.external_id
    from mkt_private.standing(p_batch, p_rows) s where s.scope <> ''
    on conflict do nothing;
  end if;
  if exists (select from unnest(p_rows) r where r.kind is null and r.listed and r.live and not r.was_unscoped) then
    update public.integration_records l set unscoped = true from unnest(p_rows) r
    where l.seq = r.was_seq and l.tenant_id || '' = p_tenant and l.integration || '' = p_integration
      and r.kind is null and r.listed and r.live and not r.was_unscoped;
  end if;
  if to_put + to_bury = 0 then
    return;
  end if;
  start := mkt_private.take_seqs(to_put + to_bury);
  insert into public.integration_records as l (seq, tenant_id, integration, stream, external_id, hash, deleted,
    unscoped, first_seen_at, changed_at, data)
  select start + row_number() over (order by r.n), p_tenant, p_integration, r.stream, r.external_id, r.hash, false,
    r.listed or r.was_unscoped, now, now, r.document::jsonb
  from unnest(p_rows) r where r.kind <> 'deleted'
  on conflict (tenant_id, integration, stream, external_id) do update
    set seq = excluded.seq, hash = excluded.hash, deleted = false, unscoped = excluded.unscoped,
        changed_at = excluded.changed_at, data = excluded.data;
  if to_bury > 0 then
    update public.integration_records l
    set seq = g.seq, deleted = true, unscoped = false, changed_at = now
    from (select r.was_seq, start + to_put + row_number() over (order by r.n) as seq
          from unnest(p_rows) r where r.kind = 'deleted') g
    where l.seq = g.was_seq and l.tenant_id || '' = p_tenant and l.integration || '' = p_integration;
  end if;
end $$;

-- How a record counts: live before the run or not, live now or not, written by the run or not.
create function mkt_private.counts_as(p_before boolean, p_now boolean, p_written boolean) returns text
language sql immutable set search_path = '' as $$
  select case when not p_now then case when p_before then 'deleted' end
              when not p_before then 'created'
              when p_written then 'updated' else 'unchanged' end
$$;

-- A first load counts as it writes: a record once, by how it stands now against how it stood before the run. The ids
-- that were live before it and that it has met are noted, because their rows may be its own by now.
create function mkt_private.count_rows(p_header public.integration_staging_runs, p_batch jsonb,
  p_rows mkt_private.compared[]) returns jsonb
language plpgsql volatile set search_path = ''
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_sort = off
set jit = off as $$
declare v_answer jsonb;
begin
  with looked as (
    select r.stream, r.external_id, r.kind, r.known, r.live, r.was_seq >= p_header.first_seq as written,
      s.staging is not null as met
    from unnest(p_rows) r
    left join lateral (
      select o.staging from public.integration_staging_seen o
      where o.staging = p_header.staging and o.stream = r.stream and o.scope = ''
        and o.external_id >= r.external_id and o.external_id <= r.external_id
      order by o.external_id limit 1
    ) s on r.known
  ),
  judged as materialized (
    select l.stream, l.external_id, l.known and l.live and not l.written and not l.met as first,
      case when l.known and not (l.live and not l.written and not l.met)
           then mkt_private.counts_as(l.met, l.live, l.written) end as counted,
      case when l.known
           then mkt_private.counts_as(l.met or l.live and not l.written,
                                      case when l.kind is null then l.live else l.kind <> 'deleted' end,
                                      l.written or l.kind is not null)
           else l.kind end as counts
    from looked l
  ),
  meeting as (
    insert into public.integration_staging_seen (staging, stream, scope, external_id)
    select p_header.staging, j.stream, '', j.external_id from judged j where j.first
  ),
  moved as (
    select j.stream, w.what,
      count(*) filter (where j.counts = w.what) - count(*) filter (where j.counted = w.what) as number
    from judged j cross join unnest(array['created', 'updated', 'unchanged', 'deleted']) w(what)
    group by j.stream, w.what
    union all
    select i.key, 'invalid', i.value::bigint from jsonb_each_text(p_batch -> 'invalid') i
  )
  select jsonb_object_agg(c.key, c.value
    || coalesce((select jsonb_object_agg(m.what, (c.value ->> m.what)::bigint + m.number)
                   || jsonb_build_object('seen', (c.value ->> 'seen')::bigint
                        + coalesce(sum(m.number) filter (where m.what in ('created', 'updated', 'unchanged')), 0))
                 from moved m where m.stream = c.key), '{}')
    || jsonb_build_object('listed', (c.value ->> 'listed')::boolean
         or exists (select from jsonb_array_elements(p_batch -> 'completes') d where d ->> 0 = c.key)))
  into v_answer from jsonb_each(p_header.counts) c;
  return v_answer;
end $$;

create function mkt_private.write_direct(p_header public.integration_staging_runs, p_batch jsonb, p_documents text)
returns jsonb
language plpgsql volatile set search_path = '' as $$
declare
  compared mkt_private.compared[] := mkt_private.compare(p_header.tenant_id, p_header.integration, p_batch,
                                                         p_documents);
  v_counts jsonb := mkt_private.count_rows(p_header, p_batch, compared);
begin
  update public.integration_streams s set cursor = nullif(c.value, 'null'::jsonb)
  from jsonb_each(p_batch -> 'cursors') c
  where s.tenant_id = p_header.tenant_id and s.integration = p_header.integration and s.stream = c.key;
  update public.integration_staging_runs h set counts = v_counts
  where h.tenant_id = p_header.tenant_id and h.integration = p_header.integration and h.staging = p_header.staging;
  perform mkt_private.write_rows(p_header.tenant_id, p_header.integration, p_batch, compared);
  return jsonb_build_object('counts', v_counts);
end $$;

-- Takes out of a staging what is as it was, or all of these rows; each is looked up as in `compare`.
create function mkt_private.unstage(p_staging bigint, p_rows mkt_private.compared[], p_all boolean default false)
returns void
language plpgsql volatile set search_path = ''
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_sort = off
set jit = off as $$
declare positions bigint[];
begin
  if exists (select from public.integration_staging g where g.staging = p_staging) then
    positions := array(
      select l.position from unnest(p_rows) r cross join lateral (
        select g.position from public.integration_staging g
        where g.staging = p_staging and g.stream = r.stream
          and g.external_id >= r.external_id and g.external_id <= r.external_id
        order by g.external_id limit 1
      ) l
      where p_all or r.kind is null);
    delete from public.integration_staging g where g.position = any (positions);
  end if;
end $$;

-- Whether all rows of a batch are live and as they were. Nothing is deleted by it, and all stand in one scope.
create function mkt_private.is_unchanged(p_tenant text, p_integration text, p_batch jsonb) returns boolean
language plpgsql volatile set search_path = ''
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_sort = off
set jit = off as $$
declare v_stream constant text := p_batch -> 'standing' -> 0 ->> 0;
begin
  return jsonb_array_length(p_batch -> 'standing') = 1 and jsonb_array_length(p_batch -> 'streams') = 1
    and jsonb_typeof(p_batch -> 'standing' -> 0 -> 2) = 'null'
    and jsonb_array_length(p_batch -> 'ids') = (
      select count(*)
      from rows from (jsonb_array_elements_text(p_batch -> 'ids'), string_to_table(p_batch ->> 'digests', ' '))
        r(id, digest)
      cross join lateral (
        select f.hash, f.deleted from public.integration_records f
        where f.tenant_id = p_tenant and f.integration = p_integration and f.stream = v_stream
          and f.external_id >= r.id and f.external_id <= r.id
        order by f.external_id limit 1
      ) l
      where l.hash = decode(r.digest, 'hex') and not l.deleted);
end $$;

-- What is unchanged costs no more than its id. Of what is not, the documents are asked for where they were not sent;
-- nothing is stored then, and the batch comes again with them.
create function mkt_private.write_staged(p_header public.integration_staging_runs, p_batch jsonb, p_documents text)
returns jsonb
language plpgsql volatile set search_path = '' as $$
declare
  changed bigint := 0;
  wanted jsonb;
begin
  if p_documents = '' and mkt_private.is_unchanged(p_header.tenant_id, p_header.integration, p_batch)
     and not exists (select from public.integration_staging g where g.staging = p_header.staging) then
    insert into public.integration_staging_lists (staging, stream, scope, seen)
    select p_header.staging, s ->> 0, s ->> 1, array(select jsonb_array_elements_text(p_batch -> 'ids'))
    from jsonb_array_elements(p_batch -> 'standing') s;
  else
    select r.changed, r.wanted into changed, wanted from mkt_private.stage_rows(p_header, p_batch, p_documents) r;
    if wanted is not null then
      return jsonb_build_object('wanted', wanted);
    end if;
  end if;
  insert into public.integration_staging_streams as t (staging, stream, cursor, invalid)
  select p_header.staging, c.key, c.value, 0 from jsonb_each(p_batch -> 'cursors') c
  on conflict (staging, stream) do update set cursor = excluded.cursor;
  insert into public.integration_staging_streams as t (staging, stream, invalid)
  select p_header.staging, i.key, i.value::integer from jsonb_each_text(p_batch -> 'invalid') i
  on conflict (staging, stream) do update set invalid = t.invalid + excluded.invalid;
  insert into public.integration_staging_completes (staging, stream, scope, trusted)
  select p_header.staging, c ->> 0, c ->> 1, (c ->> 2)::boolean from jsonb_array_elements(p_batch -> 'completes') c
  on conflict (staging, stream, scope) do update set trusted = excluded.trusted;
  return jsonb_build_object('changed', changed);
end $$;

create function mkt_private.stage_rows(p_header public.integration_staging_runs, p_batch jsonb, p_documents text,
  out changed bigint, out wanted jsonb)
language plpgsql volatile set search_path = '' as $$
declare
  compared mkt_private.compared[] := mkt_private.compare(p_header.tenant_id, p_header.integration, p_batch,
                                                         p_documents);
begin
  select count(r.kind), jsonb_agg(r.n order by r.n) filter (where r.kind <> 'deleted' and r.document is null)
  into changed, wanted from unnest(compared) r;
  if wanted is not null then
    return;
  end if;
  if changed < cardinality(compared) then
    perform mkt_private.unstage(p_header.staging, compared);
  end if;
  if changed > 0 then
    insert into public.integration_staging as g (staging, stream, external_id, change, hash, before_hash, document)
    select p_header.staging, r.stream, r.external_id, r.kind, r.hash, case when r.live then r.was_hash end,
      r.document::jsonb
    from unnest(compared) r where r.kind is not null order by r.n
    on conflict (staging, stream, external_id) do update
      set change = excluded.change, hash = excluded.hash, before_hash = excluded.before_hash,
          document = excluded.document;
  end if;
  perform mkt_private.list_rows(p_header.staging, p_batch, compared);
end $$;

-- Within a batch the deletes come first: an id that was deleted stands only where it was listed afterwards.
create function mkt_private.list_rows(p_staging bigint, p_batch jsonb, p_rows mkt_private.compared[]) returns void
language sql volatile set search_path = '' as $$
  insert into public.integration_staging_lists (staging, stream, scope, seen, unseen)
  select p_staging, d ->> 0, '', '{}', array(select jsonb_array_elements_text(d -> 1))
  from jsonb_array_elements(p_batch -> 'deleted') d;
  insert into public.integration_staging_lists (staging, stream, scope, seen)
  select p_staging, s.stream, s.scope, array_agg(s.external_id) from mkt_private.standing(p_batch, p_rows) s
  group by s.stream, s.scope;
$$;

-- Stores one batch, which comes as the text of its JSON. Its number makes it safe to be sent again where the answer
-- was lost. It may have to wait for another's promotion, longer than the 8 s that the API gives a statement: PostgREST
-- takes over a function's own statement_timeout (since 12.2; PostgreSQL alone would look at it too late).
create function public.mkt_sync_write(p_tenant text, p_integration text, p_epoch bigint, p_run_id text,
  p_staging bigint, p_number bigint, p_batch text, p_documents text) returns jsonb
language plpgsql volatile set search_path = '' set statement_timeout = '30s' as $$
declare
  header public.integration_staging_runs := mkt_private.enter_staging(p_tenant, p_integration, p_epoch, p_run_id,
                                                                      p_staging);
  v_batch constant jsonb := p_batch::jsonb;
  v_answer jsonb;
begin
  if p_number <= header.number then
    return header.answer;
  end if;
  if not header.direct then
    v_answer := mkt_private.write_staged(header, v_batch, p_documents);
    if v_answer ? 'wanted' then
      return v_answer;
    end if;
  end if;
  if jsonb_array_length(v_batch -> 'memory') > 0 then  -- before the feed, as a delivery does
    perform mkt_private.put_memory(p_tenant, p_integration, v_batch -> 'memory');
  end if;
  if header.direct then
    v_answer := mkt_private.write_direct(header, v_batch, p_documents);
  end if;
  update public.integration_staging_runs h set number = p_number, answer = v_answer, looked = null
  where h.tenant_id = p_tenant and h.integration = p_integration and h.staging = p_staging;
  return v_answer;
end $$;

-- What a delivery brings counts at once, and for the stagings of runs that have read the partner before it came: what
-- they staged of the record is taken out, and it counts as seen, as if they had read it now. A hold is left as it was
-- shown.
create function mkt_private.deliver(p_tenant text, p_integration text, p_batch jsonb, p_documents text)
returns jsonb
language plpgsql volatile set search_path = '' as $$
declare
  compared mkt_private.compared[];
  running bigint;
  counts jsonb;
begin
  perform mkt_private.lock_integration(p_tenant, p_integration);
  compared := mkt_private.compare(p_tenant, p_integration, p_batch, p_documents);
  select jsonb_build_object('created', count(*) filter (where r.kind = 'created'),
    'updated', count(*) filter (where r.kind = 'updated'), 'deleted', count(*) filter (where r.kind = 'deleted'))
  into counts from unnest(compared) r;
  perform mkt_private.unmark(p_tenant, p_integration, array(
    select row(s.stream, s.scope, s.external_id)::mkt_private.place
    from mkt_private.standing(p_batch, compared) s));
  for running in
    select h.staging from public.integration_staging_runs h
    where h.tenant_id = p_tenant and h.integration = p_integration and h.hold_id is null and not h.direct
  loop
    perform mkt_private.unstage(running, compared, p_all => true);
    perform mkt_private.list_rows(running, p_batch, compared);
    update public.integration_staging_runs h set looked = null
    where h.tenant_id = p_tenant and h.integration = p_integration and h.staging = running;
  end loop;
  perform mkt_private.write_rows(p_tenant, p_integration, p_batch, compared);
  return counts;
end $$;

-- what a staging changes --------------------------------------------------------------------------------------------

-- What a staging has listed and not taken back; an id may come more than once.
create function mkt_private.seen(p_staging bigint) returns table (stream text, scope text, external_id text)
language plpgsql stable rows 100000 set search_path = '' as $$
begin
  if not exists (select from public.integration_staging_lists l where l.staging = p_staging and l.unseen <> '{}') then
    return query
      select l.stream, l.scope, i.id from public.integration_staging_lists l cross join unnest(l.seen) i(id)
      where l.staging = p_staging;
    return;
  end if;
  return query
    with taken as materialized (
      select l.stream, i.id, max(l.position) as at
      from public.integration_staging_lists l cross join unnest(l.unseen) i(id)
      where l.staging = p_staging group by l.stream, i.id
    )
    select l.stream, l.scope, i.id
    from public.integration_staging_lists l cross join unnest(l.seen) i(id)
    left join taken t on t.stream = l.stream and t.id = i.id
    where l.staging = p_staging and (t.at is null or t.at < l.position);
end $$;

create function mkt_private.forget_search(p_staging bigint) returns void
language sql volatile set search_path = '' as $$
  delete from mkt_private.absent a where a.staging = p_staging;
  delete from mkt_private.gone g where g.staging = p_staging;
$$;

-- A bad record may be one of those that seem to be absent: its stream deletes and marks nothing.
create function mkt_private.find_absent(p_tenant text, p_integration text, p_staging bigint) returns void
language plpgsql volatile set search_path = ''
set enable_nestloop = off set enable_mergejoin = off set plan_cache_mode = force_custom_plan set jit = off
set work_mem = '32MB' as $$
begin
  perform mkt_private.forget_search(p_staging);
  with done as materialized (
    select c.stream, c.scope, c.trusted from public.integration_staging_completes c
    left join public.integration_staging_streams t on t.staging = c.staging and t.stream = c.stream
    where c.staging = p_staging and coalesce(t.invalid, 0) = 0
  ),
  seen as materialized (
    select s.stream, s.scope, s.external_id from mkt_private.seen(p_staging) s
  ),
  unseen as (
    select r.stream, '' as scope, r.external_id, d.trusted
    from done d join public.integration_records r
      on r.tenant_id = p_tenant and r.integration = p_integration and r.stream = d.stream and not r.deleted
        and r.unscoped
    where d.scope = ''
    union all
    select m.stream, m.scope, m.external_id, d.trusted
    from done d join public.integration_record_scopes m
      on m.tenant_id = p_tenant and m.integration = p_integration and m.stream = d.stream and m.scope = d.scope
    where d.scope <> ''
  )
  insert into mkt_private.absent (staging, stream, scope, external_id, removed)
  select p_staging, u.stream, u.scope, u.external_id,
    u.trusted or exists (select from public.integration_absences k
                         where k.tenant_id = p_tenant and k.integration = p_integration and k.stream = u.stream
                           and k.scope = u.scope and k.external_id = u.external_id)
  from unseen u
  where not exists (select from seen s
                    where s.stream = u.stream and s.scope = u.scope and s.external_id = u.external_id)
    and not exists (select from public.integration_staging g
                    where g.staging = p_staging and g.change = 'deleted' and g.stream = u.stream
                      and g.external_id = u.external_id);
  insert into mkt_private.gone (staging, stream, external_id, position)
  select p_staging, x.stream, x.external_id, row_number() over (order by x.stream, x.external_id)
  from mkt_private.missing(p_staging) x
  where not exists (select from public.integration_record_scopes m
                    where m.tenant_id = p_tenant and m.integration = p_integration and m.stream = x.stream
                      and m.external_id = x.external_id
                      and not exists (select from mkt_private.absent a
                                      where a.staging = p_staging and a.stream = m.stream and a.scope = m.scope
                                        and a.external_id = m.external_id and a.removed))
    and not exists (select from public.integration_records r
                    where r.tenant_id = p_tenant and r.integration = p_integration and r.stream = x.stream
                      and r.external_id = x.external_id and r.unscoped
                      and not exists (select from mkt_private.absent a
                                      where a.staging = p_staging and a.stream = r.stream and a.scope = ''
                                        and a.external_id = r.external_id and a.removed));
  insert into mkt_private.gone (staging, stream, external_id, position)
  select p_staging, g.stream, g.external_id,
    (select count(*) from mkt_private.gone n where n.staging = p_staging) + row_number() over (order by g.position)
  from public.integration_staging g where g.staging = p_staging and g.change = 'deleted';
end $$;

-- Those absent records that no scope listed.
create function mkt_private.missing(p_staging bigint) returns table (stream text, external_id text)
language plpgsql stable set search_path = '' set enable_nestloop = off set enable_mergejoin = off as $$
begin
  if exists (select from mkt_private.absent a where a.staging = p_staging) then
    return query
      select distinct a.stream, a.external_id from mkt_private.absent a
      where a.staging = p_staging
        and not exists (select from mkt_private.seen(p_staging) s
                        where s.stream = a.stream and s.external_id = a.external_id);
  end if;
end $$;

-- From now on every scope that still holds such a record has it marked, and one of them for the first time.
create function mkt_private.first_absent(p_tenant text, p_integration text, p_staging bigint)
returns table (stream text, external_id text)
language sql stable set search_path = '' set enable_nestloop = off set enable_mergejoin = off set jit = off
set work_mem = '32MB' as $$
  select x.stream, x.external_id from mkt_private.missing(p_staging) x
  where exists (select from mkt_private.absent a
                where a.staging = p_staging and a.stream = x.stream and a.external_id = x.external_id
                  and not a.removed)
    and not exists (select from public.integration_record_scopes m
                    where m.tenant_id = p_tenant and m.integration = p_integration and m.stream = x.stream
                      and m.external_id = x.external_id
                      and not exists (select from mkt_private.absent a
                                      where a.staging = p_staging and a.stream = m.stream and a.scope = m.scope
                                        and a.external_id = m.external_id)
                      and not exists (select from public.integration_absences k
                                      where k.tenant_id = p_tenant and k.integration = p_integration
                                        and k.stream = m.stream and k.scope = m.scope
                                        and k.external_id = m.external_id))
    and not exists (select from public.integration_records r
                    where r.tenant_id = p_tenant and r.integration = p_integration and r.stream = x.stream
                      and r.external_id = x.external_id and r.unscoped
                      and not exists (select from mkt_private.absent a
                                      where a.staging = p_staging and a.stream = r.stream and a.scope = ''
                                        and a.external_id = r.external_id)
                      and not exists (select from public.integration_absences k
                                      where k.tenant_id = p_tenant and k.integration = p_integration
                                        and k.stream = r.stream and k.scope = '' and k.external_id = r.external_id))
$$;

create function mkt_private.changes(p_tenant text, p_integration text, p_staging bigint, p_streams jsonb)
returns jsonb
language sql stable set search_path = ''
set enable_nestloop = off set enable_mergejoin = off set jit = off set work_mem = '32MB' as $$
  with wanted as (select jsonb_array_elements_text(p_streams) as stream),
  live as (
    select r.stream, count(*) as number from public.integration_records r
    where r.tenant_id = p_tenant and r.integration = p_integration and not r.deleted group by r.stream
  ),
  staged as (
    select g.stream, count(*) filter (where g.change = 'created') as created,
      count(*) filter (where g.change = 'updated') as updated
    from public.integration_staging g where g.staging = p_staging group by g.stream
  ),
  seen as (
    select d.stream, count(*) as number
    from (select distinct s.stream, s.external_id from mkt_private.seen(p_staging) s) d group by d.stream
  ),
  gone as (select g.stream, count(*) as number from mkt_private.gone g where g.staging = p_staging group by g.stream),
  first as (
    select f.stream, count(*) as number from mkt_private.first_absent(p_tenant, p_integration, p_staging) f
    group by f.stream
  )
  select coalesce(jsonb_object_agg(w.stream, jsonb_build_object(
    'live', coalesce(l.number, 0),
    'created', coalesce(g.created, 0),
    'updated', coalesce(g.updated, 0),
    'unchanged', coalesce(s.number, 0) - coalesce(g.created, 0) - coalesce(g.updated, 0),
    'deleted', coalesce(d.number, 0),
    'absent', coalesce(f.number, 0),
    'invalid', coalesce(t.invalid, 0),
    'seen', coalesce(s.number, 0),
    'listed', exists (select from public.integration_staging_completes c
                      where c.staging = p_staging and c.stream = w.stream))), '{}')
  from wanted w
  left join live l using (stream) left join staged g using (stream) left join seen s using (stream)
  left join gone d using (stream) left join first f using (stream)
  left join public.integration_staging_streams t on t.staging = p_staging and t.stream = w.stream
$$;

-- Finds out what a run's staging changes, once: until more is staged it stays so.
create function mkt_private.look(p_tenant text, p_integration text, p_run_id text, p_staging bigint, p_streams jsonb)
returns jsonb
language plpgsql volatile set search_path = '' as $$
declare v_looked jsonb;
begin
  select h.looked into v_looked from public.integration_staging_runs h
  where h.tenant_id = p_tenant and h.integration = p_integration and h.run_id = p_run_id and h.staging = p_staging;
  if not found then
    perform mkt_private.refuse('lease_lost', format('%s/%s', p_tenant, p_integration));
  end if;
  if v_looked is null then
    perform mkt_private.find_absent(p_tenant, p_integration, p_staging);
    v_looked := mkt_private.changes(p_tenant, p_integration, p_staging, p_streams);
    update public.integration_staging_runs h set looked = v_looked
    where h.tenant_id = p_tenant and h.integration = p_integration and h.staging = p_staging;
  end if;
  return v_looked;
end $$;

create function public.mkt_sync_changes(p_tenant text, p_integration text, p_run_id text, p_staging bigint,
  p_streams jsonb) returns jsonb
language plpgsql volatile set search_path = '' set statement_timeout = '10min' as $$
begin
  perform mkt_private.lock_integration(p_tenant, p_integration);
  return mkt_private.look(p_tenant, p_integration, p_run_id, p_staging, p_streams);
end $$;

-- {stream: [[external id, change, before, after], …]}: what goes first, as that is what a person looks for.
create function public.mkt_sync_preview(p_tenant text, p_integration text, p_run_id text, p_staging bigint,
  p_streams jsonb, p_limit bigint) returns jsonb
language plpgsql volatile set search_path = '' set statement_timeout = '10min'
set enable_nestloop = off set enable_mergejoin = off set plan_cache_mode = force_custom_plan
set jit = off set work_mem = '32MB' as $$
declare v_answer jsonb;
begin
  perform mkt_private.lock_integration(p_tenant, p_integration);
  perform mkt_private.look(p_tenant, p_integration, p_run_id, p_staging, p_streams);
  with changed as (
    select 0 as part, g.position, g.stream, g.external_id, 'deleted' as change, r.data as before, null::jsonb as after
    from mkt_private.gone g
    join public.integration_records r
      on r.tenant_id = p_tenant and r.integration = p_integration and r.stream = g.stream
        and r.external_id = g.external_id and not r.deleted
    where g.staging = p_staging
    union all
    select 1, r.seq, r.stream, r.external_id, 'absent', r.data, null
    from mkt_private.first_absent(p_tenant, p_integration, p_staging) f
    join public.integration_records r
      on r.tenant_id = p_tenant and r.integration = p_integration and r.stream = f.stream
        and r.external_id = f.external_id
    union all
    select case g.change when 'updated' then 2 else 3 end, g.position, g.stream, g.external_id, g.change, r.data,
      g.document
    from public.integration_staging g
    left join public.integration_records r
      on r.tenant_id = p_tenant and r.integration = p_integration and r.stream = g.stream
        and r.external_id = g.external_id and not r.deleted
    where g.staging = p_staging and g.change <> 'deleted'
  ),
  numbered as (
    select c.*, row_number() over (partition by c.stream order by c.part, c.position) as n from changed c
  )
  select jsonb_object_agg(w.stream, coalesce((
    select jsonb_agg(jsonb_build_array(c.external_id, c.change, c.before, c.after) order by c.n)
    from numbered c where c.stream = w.stream and c.n <= p_limit), '[]'))
  into v_answer from jsonb_array_elements_text(p_streams) w(stream);
  return v_answer;
end $$;

-- applying ----------------------------------------------------------------------------------------------------------

create function mkt_private.put_staged(p_tenant text, p_integration text, p_staging bigint, p_kinds text[],
  p_start bigint) returns void
language plpgsql volatile set search_path = '' as $$
declare now constant timestamptz := mkt_private.clock();
begin
  with listed as materialized (
    select distinct s.stream, s.external_id from mkt_private.seen(p_staging) s where s.scope = ''
  )
  insert into public.integration_records as r (seq, tenant_id, integration, stream, external_id, hash, deleted,
    unscoped, first_seen_at, changed_at, data)
  select p_start + row_number() over (order by g.position), p_tenant, p_integration, g.stream, g.external_id, g.hash,
    false, l.stream is not null, now, now, g.document
  from public.integration_staging g
  left join listed l on l.stream = g.stream and l.external_id = g.external_id
  where g.staging = p_staging and g.change = any (p_kinds)
  on conflict (tenant_id, integration, stream, external_id) do update
    set seq = excluded.seq, hash = excluded.hash, deleted = false, unscoped = r.unscoped or excluded.unscoped,
        changed_at = excluded.changed_at, data = excluded.data;
end $$;

create function mkt_private.bury_gone(p_tenant text, p_integration text, p_staging bigint, p_start bigint)
returns void
language sql volatile set search_path = '' as $$
  update public.integration_records r
  set seq = g.seq, deleted = true, unscoped = false, changed_at = mkt_private.clock()
  from (select n.stream, n.external_id, p_start + row_number() over (order by n.position) as seq
        from mkt_private.gone n where n.staging = p_staging) g
  where r.tenant_id = p_tenant and r.integration = p_integration and r.stream = g.stream
    and r.external_id = g.external_id and not r.deleted
$$;

-- Scopes and marks: who is gone leaves every scope, after the marks, because those of its other scopes go as well.
create function mkt_private.apply_scopes(p_tenant text, p_integration text, p_staging bigint) returns void
language plpgsql volatile set search_path = '' as $$
begin
  if exists (select from mkt_private.absent a where a.staging = p_staging) then
    insert into public.integration_absences (tenant_id, integration, stream, scope, external_id)
    select p_tenant, p_integration, a.stream, a.scope, a.external_id
    from mkt_private.absent a where a.staging = p_staging and not a.removed
    on conflict do nothing;
    delete from public.integration_record_scopes m using mkt_private.absent a
    where a.staging = p_staging and a.removed and a.scope <> '' and m.tenant_id = p_tenant
      and m.integration = p_integration and m.stream = a.stream and m.scope = a.scope
      and m.external_id = a.external_id;
    update public.integration_records r set unscoped = false from mkt_private.absent a
    where a.staging = p_staging and a.removed and a.scope = '' and r.tenant_id = p_tenant
      and r.integration = p_integration and r.stream = a.stream and r.external_id = a.external_id and r.unscoped
      and not exists (select from mkt_private.gone g
                      where g.staging = p_staging and g.stream = a.stream and g.external_id = a.external_id);
  end if;
  if exists (select from mkt_private.gone g where g.staging = p_staging) then
    delete from public.integration_record_scopes m using mkt_private.gone g
    where g.staging = p_staging and m.tenant_id = p_tenant and m.integration = p_integration
      and m.stream = g.stream and m.external_id = g.external_id;
    delete from public.integration_absences k using mkt_private.gone g
    where g.staging = p_staging and k.tenant_id = p_tenant and k.integration = p_integration
      and k.stream = g.stream and k.external_id = g.external_id;
  end if;
  if exists (select from public.integration_staging_lists l where l.staging = p_staging and l.scope <> '') then
    insert into public.integration_record_scopes (tenant_id, integration, stream, scope, external_id)
    select distinct p_tenant, p_integration, s.stream, s.scope, s.external_id
    from mkt_private.seen(p_staging) s where s.scope <> ''
    on conflict do nothing;
  end if;
  -- Only the few live records outside the default scope are looked at: a partial index holds them.
  if exists (select from public.integration_records r
             where r.tenant_id = p_tenant and r.integration = p_integration and not r.deleted and not r.unscoped) then
    update public.integration_records r set unscoped = true
    from (select distinct s.stream, s.external_id from mkt_private.seen(p_staging) s where s.scope = '') l
    where r.tenant_id = p_tenant and r.integration = p_integration and r.stream = l.stream
      and r.external_id = l.external_id and not r.deleted and not r.unscoped;
  end if;
  if exists (select from public.integration_absences k
             where k.tenant_id = p_tenant and k.integration = p_integration) then
    delete from public.integration_absences k
    where k.tenant_id = p_tenant and k.integration = p_integration
      and ((k.stream, k.scope, k.external_id) in (select s.stream, s.scope, s.external_id
                                                 from mkt_private.seen(p_staging) s)
           or (k.stream, k.scope, k.external_id) in (select a.stream, a.scope, a.external_id
                                                    from mkt_private.absent a
                                                    where a.staging = p_staging and a.removed));
  end if;
end $$;

create function mkt_private.promote(p_tenant text, p_integration text, p_staging bigint) returns void
language plpgsql volatile set search_path = ''
set enable_nestloop = off set enable_mergejoin = off set plan_cache_mode = force_custom_plan
set jit = off set work_mem = '32MB' as $$
declare
  put bigint;
  buried bigint;
  start bigint;
begin
  perform mkt_private.apply_scopes(p_tenant, p_integration, p_staging);
  select count(*) into put from public.integration_staging g
  where g.staging = p_staging and g.change in ('created', 'updated');
  select count(*) into buried from mkt_private.gone g
  join public.integration_records r
    on r.tenant_id = p_tenant and r.integration = p_integration and r.stream = g.stream
      and r.external_id = g.external_id and not r.deleted
  where g.staging = p_staging;
  if put + buried = 0 then
    return;
  end if;
  start := mkt_private.take_seqs(put + buried);
  if put > 0 then
    perform mkt_private.put_staged(p_tenant, p_integration, p_staging, array['created', 'updated'], start);
  end if;
  if buried > 0 then
    perform mkt_private.bury_gone(p_tenant, p_integration, p_staging, start + put);
  end if;
end $$;

create function mkt_private.promote_part(p_tenant text, p_integration text, p_staging bigint, p_kinds text[])
returns void
language plpgsql volatile set search_path = ''
set enable_nestloop = off set enable_mergejoin = off set plan_cache_mode = force_custom_plan
set jit = off set work_mem = '32MB' as $$
declare put bigint;
begin
  select count(*) into put from public.integration_staging g
  where g.staging = p_staging and g.change = any (p_kinds);
  if put = 0 then
    return;
  end if;
  insert into public.integration_record_scopes (tenant_id, integration, stream, scope, external_id)
  select distinct p_tenant, p_integration, s.stream, s.scope, s.external_id
  from mkt_private.seen(p_staging) s
  join public.integration_staging g
    on g.staging = p_staging and g.stream = s.stream and g.external_id = s.external_id and g.change = any (p_kinds)
  where s.scope <> ''
  on conflict do nothing;
  perform mkt_private.put_staged(p_tenant, p_integration, p_staging, p_kinds, mkt_private.take_seqs(put));
  delete from public.integration_staging g where g.staging = p_staging and g.change = any (p_kinds);
end $$;

create function mkt_private.finish_streams(p_tenant text, p_integration text, p_cursors jsonb, p_as_of timestamptz,
  p_fingerprint text) returns void
language sql volatile set search_path = '' as $$
  insert into public.integration_streams (tenant_id, integration, stream, cursor, as_of, fingerprint)
  select p_tenant, p_integration, c.key, nullif(c.value, 'null'::jsonb), p_as_of, p_fingerprint
  from jsonb_each(p_cursors) c
  on conflict (tenant_id, integration, stream) do update
    set cursor = excluded.cursor, as_of = excluded.as_of, fingerprint = excluded.fingerprint
$$;

-- A cursor belongs to the settings that it was made with.
create function mkt_private.staged_cursors(p_tenant text, p_integration text, p_staging bigint) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_object_agg(coalesce(s.stream, t.stream), coalesce(t.cursor,
    case when not h.fresh and s.fingerprint = h.fingerprint then s.cursor end)), '{}')
  from (select s.stream, s.cursor, s.fingerprint from public.integration_streams s
        where s.tenant_id = p_tenant and s.integration = p_integration) s
  full join (select t.stream, t.cursor from public.integration_staging_streams t where t.staging = p_staging) t
    on t.stream = s.stream
  join public.integration_staging_runs h
    on h.tenant_id = p_tenant and h.integration = p_integration and h.staging = p_staging
$$;

create function mkt_private.remove_staging(p_tenant text, p_integration text, p_staging bigint) returns void
language plpgsql volatile set search_path = '' as $$
begin
  delete from public.integration_staging_runs h
  where h.tenant_id = p_tenant and h.integration = p_integration and h.staging = p_staging;
  if found then
    delete from public.integration_staging g where g.staging = p_staging;
    delete from public.integration_staging_seen s where s.staging = p_staging;
    delete from public.integration_staging_lists l where l.staging = p_staging;
    delete from public.integration_staging_streams t where t.staging = p_staging;
    delete from public.integration_staging_completes c where c.staging = p_staging;
    perform mkt_private.forget_search(p_staging);
  end if;
end $$;

create function mkt_private.let_go(p_tenant text, p_integration text, p_staging bigint) returns boolean
language plpgsql volatile set search_path = '' as $$
begin
  if (select count(*) from (select from public.integration_staging g where g.staging = p_staging limit 20001) n)
     <= 20000 then
    perform mkt_private.remove_staging(p_tenant, p_integration, p_staging);
    return false;
  end if;
  perform mkt_private.forget_search(p_staging);
  update public.integration_staging_runs h set hold_id = null, resumable = false
  where h.tenant_id = p_tenant and h.integration = p_integration and h.staging = p_staging;
  return true;
end $$;

-- Removes what was let go, in a transaction of its own: nobody waits for it.
create function public.mkt_sync_clear(p_tenant text, p_integration text, p_staging bigint) returns jsonb
language plpgsql volatile set search_path = '' set statement_timeout = '10min' as $$
begin
  if exists (select from public.integration_staging_runs h
             where h.tenant_id = p_tenant and h.integration = p_integration and h.staging = p_staging
               and h.hold_id is null and not h.resumable) then
    perform mkt_private.remove_staging(p_tenant, p_integration, p_staging);
  end if;
  return jsonb_build_object('cleared', true);
end $$;

-- Applies everything at once. The same call again, whose answer was lost, waits for the first and gets its answer.
-- p_cursors is null for a window, which moves none and finishes no stream.
create function public.mkt_sync_promote(p_tenant text, p_integration text, p_epoch bigint, p_run_id text,
  p_staging bigint, p_streams jsonb, p_cursors jsonb, p_fingerprint text, p_as_of timestamptz) returns jsonb
language plpgsql volatile set search_path = '' set statement_timeout = '10min' as $$
declare
  header public.integration_staging_runs;
  changes jsonb;
  v_answer jsonb;
  large boolean := false;
begin
  perform mkt_private.lock_integration(p_tenant, p_integration);
  select p.answer into v_answer from public.integration_promotions p
  where p.tenant_id = p_tenant and p.integration = p_integration and p.run_id = p_run_id;
  if found then
    return v_answer;
  end if;
  header := mkt_private.enter_staging(p_tenant, p_integration, p_epoch, p_run_id, p_staging);
  if jsonb_typeof(p_cursors) = 'object' then
    perform mkt_private.finish_streams(p_tenant, p_integration, p_cursors, p_as_of, p_fingerprint);
  end if;
  if header.direct then
    changes := header.counts;
    perform mkt_private.remove_staging(p_tenant, p_integration, p_staging);
  else
    changes := mkt_private.look(p_tenant, p_integration, p_run_id, p_staging, p_streams);
    perform mkt_private.promote(p_tenant, p_integration, p_staging);
    large := mkt_private.let_go(p_tenant, p_integration, p_staging);
  end if;
  v_answer := jsonb_build_object('changes', changes, 'large', large);
  insert into public.integration_promotions (tenant_id, integration, run_id, answer)
  values (p_tenant, p_integration, p_run_id, v_answer)
  on conflict (tenant_id, integration) do update set run_id = excluded.run_id, answer = excluded.answer;
  perform mkt_private.check_lease(p_tenant, p_integration, p_epoch);  -- its 30 s begin here, however long this took
  return v_answer;
end $$;

create function public.mkt_sync_discard(p_tenant text, p_integration text, p_epoch bigint, p_run_id text,
  p_staging bigint, p_fingerprint text, p_restart jsonb) returns jsonb
language plpgsql volatile set search_path = '' set statement_timeout = '10min' as $$
begin
  perform mkt_private.enter(p_tenant, p_integration, p_epoch);
  if exists (select from public.integration_staging_runs h
             where h.tenant_id = p_tenant and h.integration = p_integration and h.staging = p_staging
               and h.run_id = p_run_id) then
    update public.integration_streams s set cursor = null, fingerprint = p_fingerprint
    where s.tenant_id = p_tenant and s.integration = p_integration
      and s.stream in (select jsonb_array_elements_text(p_restart));
    perform mkt_private.remove_staging(p_tenant, p_integration, p_staging);
  end if;
  return jsonb_build_object('discarded', true);
end $$;

-- holding -----------------------------------------------------------------------------------------------------------

-- Equal sets give equal digests, in whatever order they came. To be missing and to be deleted is the same in them.
create function mkt_private.change_set(p_staging bigint) returns bytea
language sql stable set search_path = '' as $$
  select decode(lpad(to_hex(coalesce(bit_xor(('x' || left(d.digest, 16))::bit(64)::bigint), 0)), 16, '0')
    || lpad(to_hex(coalesce(bit_xor(('x' || right(d.digest, 16))::bit(64)::bigint), 0)), 16, '0'), 'hex')
  from (select md5(jsonb_build_array(g.stream, g.external_id,
                                     case g.change when 'absent' then 'deleted' else g.change end, g.hash)::text)
               as digest
        from public.integration_staging g where g.staging = p_staging) d
$$;

create function mkt_private.hold_json(p_hold public.integration_holds) returns jsonb
language sql stable set search_path = '' as $$ select to_jsonb(p_hold) - 'change_set' $$;

-- Writes down who would go without having been said to be deleted; after find_absent.
create function mkt_private.note_absences(p_tenant text, p_integration text, p_staging bigint) returns void
language sql volatile set search_path = ''
set enable_nestloop = off set enable_mergejoin = off set jit = off set work_mem = '32MB' as $$
  insert into public.integration_staging (staging, stream, external_id, change, hash, before_hash)
  select p_staging, r.stream, r.external_id, 'deleted', '', r.hash
  from mkt_private.gone g
  join public.integration_records r
    on r.tenant_id = p_tenant and r.integration = p_integration and r.stream = g.stream
      and r.external_id = g.external_id and not r.deleted
  where g.staging = p_staging order by g.position
  on conflict do nothing;
  insert into public.integration_staging (staging, stream, external_id, change, hash, before_hash)
  select p_staging, r.stream, r.external_id, 'absent', '', r.hash
  from mkt_private.first_absent(p_tenant, p_integration, p_staging) f
  join public.integration_records r
    on r.tenant_id = p_tenant and r.integration = p_integration and r.stream = f.stream
      and r.external_id = f.external_id
  order by r.seq
  on conflict do nothing;
$$;

-- Gives the staging to a hold: a rejected one of the same set, else a new one. The same call again gets the same.
create function public.mkt_sync_hold(p_tenant text, p_integration text, p_epoch bigint, p_run_id text,
  p_staging bigint, p_streams jsonb, p_cursors jsonb, p_hold_id text, p_connector text, p_reasons jsonb,
  p_fingerprint text, p_windowed boolean, p_as_of timestamptz) returns jsonb
language plpgsql volatile set search_path = '' set statement_timeout = '10min' as $$
declare
  header public.integration_staging_runs;
  hold public.integration_holds;
  before public.integration_holds;
begin
  header := mkt_private.enter_staging(p_tenant, p_integration, p_epoch, p_run_id, p_staging);
  if header.hold_id is not null then
    select * into strict hold from public.integration_holds o
    where o.tenant_id = p_tenant and o.integration = p_integration and o.id = header.hold_id;
    return mkt_private.hold_json(hold);
  end if;
  insert into public.integration_staging_streams (staging, stream, cursor, invalid)
  select p_staging, c.key, c.value, 0 from jsonb_each(p_cursors) c
  on conflict (staging, stream) do update set cursor = excluded.cursor;
  hold := row(p_hold_id, p_tenant, p_integration, p_connector, p_run_id, 'open', p_reasons,
    mkt_private.look(p_tenant, p_integration, p_run_id, p_staging, p_streams), ''::bytea, p_fingerprint, p_windowed,
    p_as_of, mkt_private.clock(), 0, null, '')::public.integration_holds;
  perform mkt_private.note_absences(p_tenant, p_integration, p_staging);
  perform mkt_private.forget_search(p_staging);
  hold.change_set := mkt_private.change_set(p_staging);
  delete from public.integration_holds o
  where o.tenant_id = p_tenant and o.integration = p_integration
    and o.id = (select s.id from public.integration_holds s
                where s.tenant_id = p_tenant and s.integration = p_integration and s.state = 'rejected'
                  and s.change_set = hold.change_set
                order by s.opened_at desc limit 1)
  returning * into before;
  if found then
    hold.id := before.id;
    hold.opened_at := before.opened_at;
    hold.reopened := before.reopened + 1;
  end if;
  insert into public.integration_holds values (hold.*);
  update public.integration_staging_runs h set hold_id = hold.id, resumable = false
  where h.tenant_id = p_tenant and h.integration = p_integration and h.staging = p_staging;
  perform mkt_private.check_lease(p_tenant, p_integration, p_epoch);  -- its 30 s begin here
  return mkt_private.hold_json(hold);
end $$;

-- opening -----------------------------------------------------------------------------------------------------------

-- Deletes what a first load with other settings wrote: nothing would ever take it away.
create function mkt_private.bury_other_settings(p_tenant text, p_integration text, p_fingerprint text) returns void
language plpgsql volatile set search_path = ''
set enable_nestloop = off set enable_mergejoin = off set jit = off set work_mem = '32MB' as $$
declare
  others text[];
  buried bigint;
  start bigint;
begin
  select array_agg(s.stream) into others from public.integration_streams s
  where s.tenant_id = p_tenant and s.integration = p_integration and s.fingerprint <> p_fingerprint
    and s.fingerprint <> '';
  update public.integration_streams s set cursor = null, fingerprint = p_fingerprint
  where s.tenant_id = p_tenant and s.integration = p_integration
    and s.fingerprint is distinct from p_fingerprint;
  if others is null then
    return;
  end if;
  delete from public.integration_record_scopes m
  where m.tenant_id = p_tenant and m.integration = p_integration and m.stream = any (others);
  delete from public.integration_absences k
  where k.tenant_id = p_tenant and k.integration = p_integration and k.stream = any (others);
  select count(*) into buried from public.integration_records r
  where r.tenant_id = p_tenant and r.integration = p_integration and r.stream = any (others) and not r.deleted;
  if buried > 0 then
    start := mkt_private.take_seqs(buried);
    update public.integration_records r
    set seq = g.at, deleted = true, unscoped = false, changed_at = mkt_private.clock()
    from (select l.seq, start + row_number() over (order by l.seq) as at
          from public.integration_records l
          where l.tenant_id = p_tenant and l.integration = p_integration and l.stream = any (others)
            and not l.deleted) g
    where r.tenant_id = p_tenant and r.integration = p_integration and r.seq = g.seq;
  end if;
end $$;

-- Returns the staging that the run may go on from, or else makes a new one and removes what is in its way.
create function mkt_private.take_staging(p_tenant text, p_integration text, p_epoch bigint, p_run_id text,
  p_streams jsonb, p_fingerprint text, p_direct boolean, p_fresh boolean, p_dry_run boolean, p_windowed boolean,
  out staging bigint, out resumed boolean)
language plpgsql volatile set search_path = '' as $$
begin
  update public.integration_staging_runs h
  set run_id = p_run_id, epoch = p_epoch, touched_at = mkt_private.clock(), number = 0, answer = null, opened = null,
      counts = '{}', looked = null
  where h.tenant_id = p_tenant and h.integration = p_integration and h.hold_id is null and h.resumable
    and not p_dry_run and not p_windowed and not p_fresh and h.direct = p_direct and h.fingerprint = p_fingerprint
    and h.streams = p_streams and h.touched_at >= mkt_private.clock() - interval '24 hours'
  returning h.staging into staging;
  resumed := found;
  if resumed then
    return;
  end if;
  if not p_dry_run and not (p_windowed and p_direct) then
    perform mkt_private.remove_staging(p_tenant, p_integration, h.staging) from public.integration_staging_runs h
    where h.tenant_id = p_tenant and h.integration = p_integration and h.hold_id is null;
  end if;
  insert into public.integration_staging_runs as h (run_id, tenant_id, integration, direct, resumable, fresh,
    fingerprint, streams, touched_at, epoch)
  values (p_run_id, p_tenant, p_integration, p_direct, not p_dry_run and not p_windowed, p_fresh, p_fingerprint,
    p_streams, mkt_private.clock(), p_epoch)
  returning h.staging into staging;
end $$;

create function mkt_private.open_direct(p_tenant text, p_integration text, p_streams jsonb, p_fingerprint text,
  p_staging bigint, p_resumed boolean, p_windowed boolean) returns jsonb
language plpgsql volatile set search_path = '' as $$
declare
  v_counts jsonb;
  cursors jsonb := '{}';
begin
  insert into public.integration_streams (tenant_id, integration, stream)
  select p_tenant, p_integration, jsonb_array_elements_text(p_streams) on conflict do nothing;
  if not p_windowed then  -- a part of time is no new beginning
    perform mkt_private.bury_other_settings(p_tenant, p_integration, p_fingerprint);
    if not p_resumed then
      update public.integration_streams s set cursor = null
      where s.tenant_id = p_tenant and s.integration = p_integration;
    end if;
  end if;
  if p_resumed then
    select jsonb_object_agg(s.stream, s.cursor) into cursors from public.integration_streams s
    where s.tenant_id = p_tenant and s.integration = p_integration;
  end if;
  select jsonb_object_agg(w.stream, jsonb_build_object(
    'live', (select count(*) from public.integration_records r
             where r.tenant_id = p_tenant and r.integration = p_integration and r.stream = w.stream
               and not r.deleted),
    'created', 0, 'updated', 0, 'unchanged', 0, 'deleted', 0, 'absent', 0, 'invalid', 0, 'seen', 0,
    'listed', false))
  into v_counts from jsonb_array_elements_text(p_streams) w(stream);
  update public.integration_staging_runs h
  set counts = coalesce(v_counts, '{}'), first_seq = (select f.last_seq + 1 from mkt_private.feed f)
  where h.tenant_id = p_tenant and h.integration = p_integration and h.staging = p_staging;
  return jsonb_build_object('cursors', cursors, 'counts', coalesce(v_counts, '{}'));
end $$;

-- Decides between direct and staged, and between going on and starting anew. The same call again, under the same
-- lease, gets the same answer.
create function public.mkt_sync_open(p_tenant text, p_integration text, p_epoch bigint, p_run_id text,
  p_streams jsonb, p_fingerprint text, p_fresh boolean, p_dry_run boolean, p_windowed boolean, p_run jsonb,
  p_killed jsonb) returns jsonb
language plpgsql volatile set search_path = '' set statement_timeout = '10min' as $$
declare
  staged boolean;
  taken record;
  v_answer jsonb;
begin
  perform mkt_private.enter(p_tenant, p_integration, p_epoch);
  select h.opened into v_answer from public.integration_staging_runs h
  where h.tenant_id = p_tenant and h.integration = p_integration and h.run_id = p_run_id and h.epoch = p_epoch
    and h.number = 0;
  if v_answer is not null then
    return v_answer;
  end if;
  if jsonb_typeof(p_run) = 'object' then
    perform public.mkt_start_run(p_tenant, p_integration, p_run, p_killed);
  end if;
  perform mkt_private.remove_staging(p_tenant, p_integration, h.staging) from public.integration_staging_runs h
  where h.tenant_id = p_tenant and h.integration = p_integration and h.hold_id is null and not h.resumable;
  staged := p_dry_run or exists (select from public.integration_streams s
                                 where s.tenant_id = p_tenant and s.integration = p_integration
                                   and s.as_of is not null);
  select * into taken from mkt_private.take_staging(p_tenant, p_integration, p_epoch, p_run_id, p_streams,
    p_fingerprint, not staged, p_fresh, p_dry_run, p_windowed);
  if staged then
    v_answer := jsonb_build_object('cursors', mkt_private.staged_cursors(p_tenant, p_integration, taken.staging));
  else
    v_answer := mkt_private.open_direct(p_tenant, p_integration, p_streams, p_fingerprint, taken.staging,
      taken.resumed, p_windowed);
  end if;
  v_answer := v_answer
    || jsonb_build_object('staging', taken.staging, 'direct', not staged, 'resumed', taken.resumed);
  update public.integration_staging_runs h set opened = v_answer
  where h.tenant_id = p_tenant and h.integration = p_integration and h.staging = taken.staging;
  return v_answer;
end $$;

-- The scopes that hold a live record.
create function public.mkt_scopes(p_tenant text, p_integration text, p_stream text) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(s.scope), '[]') from (
    select distinct m.scope from public.integration_record_scopes m
    where m.tenant_id = p_tenant and m.integration = p_integration and m.stream = p_stream
    union
    select '' where exists (select from public.integration_records r
                            where r.tenant_id = p_tenant and r.integration = p_integration and r.stream = p_stream
                              and not r.deleted and r.unscoped)
  ) s
$$;

do $$ declare made regprocedure; begin
  for made in
    select p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname = 'mkt_private' and p.proname in ('lock_integration', 'enter', 'enter_staging', 'compare',
        'standing', 'unmark', 'leave_scopes', 'write_rows',
        'counts_as', 'count_rows', 'write_direct', 'write_staged', 'stage_rows',
        'is_unchanged', 'unstage', 'list_rows', 'deliver', 'seen', 'forget_search', 'find_absent', 'missing',
        'first_absent', 'changes', 'look', 'put_staged', 'bury_gone', 'apply_scopes', 'promote', 'promote_part',
        'finish_streams', 'staged_cursors', 'remove_staging', 'let_go', 'change_set', 'hold_json', 'note_absences',
        'bury_other_settings', 'take_staging', 'open_direct')
      or n.nspname = 'public' and (p.proname like 'mkt\_sync\_%' or p.proname = 'mkt_scopes')
  loop
    execute format('revoke all on function %s from public, anon, authenticated', made);
    execute format('grant execute on function %s to service_role', made);
  end loop;
end $$;

insert into mkt_private.migrations (name) values ('20261123000006_mkt_sync');
