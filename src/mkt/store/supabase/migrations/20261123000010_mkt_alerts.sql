-- Which causes were told to the operator, and what is still to be sent. All of it is of the whole fleet: a cause is one
-- of many tenants. What a tenant is named in is found by what the body says.

create table public.integration_alerts (
  fingerprint text primary key,
  opened_at   timestamptz not null,
  body        jsonb not null check (jsonb_typeof(body) = 'object')
);
create table public.integration_alert_look (
  one   boolean primary key default true check (one),
  as_of timestamptz not null
);
create table public.integration_alert_messages (
  position    bigint generated always as identity primary key,
  id          text not null,
  sink        text not null,
  fingerprint text not null,
  body        jsonb not null check (jsonb_typeof(body) = 'object'),
  created_at  timestamptz not null,
  next_try_at timestamptz not null,
  tries       integer not null,
  state       text not null check (state in ('waiting', 'sent', 'failed')),
  error       text not null,
  token       text,
  unique (id, sink)
);
comment on column public.integration_alert_messages.token is
  'Of the last call that claimed it: made again after a lost answer, it is known by it.';
create index integration_alert_messages_waiting on public.integration_alert_messages (sink, position)
  where state = 'waiting';
create index integration_alert_messages_before on public.integration_alert_messages (sink, fingerprint, position)
  where state = 'waiting';
create index integration_alert_messages_unsent on public.integration_alert_messages (position) where state <> 'sent';
create index integration_alert_messages_old on public.integration_alert_messages (created_at);

do $$ declare made text; begin
  foreach made in array array['integration_alerts', 'integration_alert_look', 'integration_alert_messages'] loop
    execute format('alter table public.%I enable row level security', made);
    execute format('revoke all on table public.%I from public, anon, authenticated, service_role', made);
    execute format('grant select, insert, update, delete on table public.%I to service_role', made);
  end loop;
end $$;
revoke all on sequence public.integration_alert_messages_position_seq from public, anon, authenticated;

-- A run counts from the last one that was ok: what came before is another story.
create function public.mkt_failing_since() returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_array(f.tenant_id, f.integration, f.fingerprint, f.since)), '[]') from (
    select s.tenant_id, s.integration, r.error ->> 'fingerprint' as fingerprint, min(r.finished_at) as since
    from public.integration_state s
    join public.integration_runs r on r.tenant_id = s.tenant_id and r.integration = s.integration
    where s.last_error is not null and r.command = 'sync' and r.error is not null
      and r.finished_at > coalesce(s.last_ok_at, '-infinity')
    group by s.tenant_id, s.integration, r.error ->> 'fingerprint') f
  where f.fingerprint <> ''
$$;

create function public.mkt_open_alerts() returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_array(a.fingerprint, a.opened_at, a.body)
                            order by a.opened_at, a.fingerprint), '[]')
  from public.integration_alerts a
$$;

-- p_found: [{fingerprint, kind, at, body}], each fingerprint once. What is said again changes nothing. A look that is
-- older than another's is of no account; a clock that was set back looks like that for a while only.
create function public.mkt_record_alerts(p_found jsonb, p_sinks jsonb, p_as_of timestamptz) returns jsonb
language plpgsql volatile set search_path = '' as $$
declare v_new bigint;
begin
  insert into public.integration_alert_look as l (as_of) values (p_as_of)
  on conflict (one) do update set as_of = excluded.as_of
  where not (excluded.as_of < l.as_of and l.as_of <= excluded.as_of + interval '5 minutes');
  if not found then
    return '{"new": 0}';
  end if;
  with given as (
    select g.value ->> 'fingerprint' as fingerprint, g.value ->> 'kind' as kind,
      (g.value ->> 'at')::timestamptz as at, g.value -> 'body' as body, g.place
    from jsonb_array_elements(p_found) with ordinality g (value, place)
  ), began as (
    insert into public.integration_alerts (fingerprint, opened_at, body)
    select g.fingerprint, g.at, g.body from given g where g.kind = 'opened'
    on conflict (fingerprint) do nothing
    returning fingerprint
  ), over as (
    delete from public.integration_alerts a using given g
    where g.kind = 'ended' and a.fingerprint = g.fingerprint
    returning a.fingerprint
  ), queued as (
    insert into public.integration_alert_messages
      (id, sink, fingerprint, body, created_at, next_try_at, tries, state, error)
    select g.body ->> 'id', s.sink, g.fingerprint, g.body, p_as_of, p_as_of, 0, 'waiting', ''
    from given g cross join jsonb_array_elements_text(p_sinks) s (sink)
    where g.fingerprint in (select b.fingerprint from began b union all select o.fingerprint from over o)
    order by g.place, s.sink
    on conflict (id, sink) do nothing
    returning 1
  )
  select count(*) into v_new from queued;
  return jsonb_build_object('new', v_new);
end $$;

create function mkt_private.alert_message(p_message public.integration_alert_messages) returns jsonb
language sql immutable set search_path = '' as $$
  select jsonb_build_array(p_message.id, p_message.sink, p_message.fingerprint, p_message.body, p_message.created_at,
    p_message.tries, p_message.state = 'failed', p_message.error, p_message.next_try_at)
$$;

-- What a dead sender took for the last time is not tried again. That a cause has ended is not said before that it
-- began. Each sink has a limit of its own: one that takes nothing keeps no message from another.
create function public.mkt_claim_alerts(
  p_sinks jsonb, p_now timestamptz, p_until timestamptz, p_most integer, p_limit integer, p_token text
) returns jsonb
language plpgsql volatile set search_path = '' as $$
begin
  if not exists (select 1 from public.integration_alert_messages m
                 where m.state = 'waiting' and m.next_try_at = p_until and m.token = p_token) then
    update public.integration_alert_messages m
    set state = 'failed', error = 'whoever sent it ended before it was sent'
    where m.state = 'waiting' and m.tries >= p_most and m.next_try_at <= p_now;

    update public.integration_alert_messages m set tries = m.tries + 1, next_try_at = p_until, token = p_token
    from jsonb_array_elements_text(p_sinks) s (sink) cross join lateral (
      select d.position from public.integration_alert_messages d
      where d.state = 'waiting' and d.next_try_at <= p_now and d.sink = s.sink
        and not exists (
          select 1 from public.integration_alert_messages e
          where e.state = 'waiting' and e.sink = d.sink and e.fingerprint = d.fingerprint and e.position < d.position)
      order by d.position limit p_limit
      for update skip locked) due
    where m.position = due.position;
  end if;
  return coalesce((
    select jsonb_agg(mkt_private.alert_message(m) order by m.position)
    from public.integration_alert_messages m
    where m.state = 'waiting' and m.next_try_at = p_until and m.token = p_token), '[]');
end $$;

-- Whoever was overtaken changes nothing.
create function public.mkt_settle_alert(
  p_id text, p_sink text, p_tries integer, p_error text, p_retry_at timestamptz
) returns jsonb
language sql volatile set search_path = '' as $$
  with settled as (
    update public.integration_alert_messages m
    set state = case when p_error = '' then 'sent' when p_retry_at is null then 'failed' else 'waiting' end,
      error = p_error, next_try_at = coalesce(p_retry_at, m.next_try_at)
    where m.id = p_id and m.sink = p_sink and m.state = 'waiting' and m.tries = p_tries
    returning 1
  )
  select jsonb_build_object('settled', count(*)) from settled
$$;

-- `p_until` is what it was claimed with: by then it may be another's, with the same number of tries.
create function public.mkt_release_alert(
  p_id text, p_sink text, p_tries integer, p_until timestamptz, p_now timestamptz
) returns jsonb
language sql volatile set search_path = '' as $$
  with released as (
    update public.integration_alert_messages m set tries = m.tries - 1, next_try_at = p_now
    where m.id = p_id and m.sink = p_sink and m.state = 'waiting' and m.tries = p_tries and m.next_try_at = p_until
    returning 1
  )
  select jsonb_build_object('released', count(*)) from released
$$;

create function public.mkt_unsent_alerts(p_after bigint, p_limit integer) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_array(u.position, mkt_private.alert_message(u.m)) order by u.position), '[]')
  from (select m, m.position from public.integration_alert_messages m
        where m.state <> 'sent' and m.position > p_after order by m.position limit p_limit) u
$$;

-- Where a body can name a tenant. A tenant may be called `held` or `alert`: elsewhere these are words of ours.
create function mkt_private.without_tenant(p_body jsonb, p_tenant text) returns jsonb
language sql immutable set search_path = '' as $$
  with named as (
    select format('(?<![\w-])%s(?![\w-])(/[\w-]+)?', regexp_replace(p_tenant, '([^a-zA-Z0-9])', '\\\1', 'g')) as it,
      regexp_split_to_array(btrim(coalesce(p_body #>> '{data,next_command}', '')), '\s+') as words
  ), changed as (
    select d.key, case
      when d.key in ('summary', 'message', 'remedy') and jsonb_typeof(d.value) = 'string'
        then to_jsonb(regexp_replace(d.value #>> '{}', n.it, '(purged)', 'g'))
      when d.key in ('tenants', 'integrations') and jsonb_typeof(d.value) = 'array'
        then (select coalesce(jsonb_agg(i.value order by i.place), '[]')
              from jsonb_array_elements(d.value) with ordinality i (value, place)
              where split_part(i.value #>> '{}', '/', 1) <> p_tenant)
      when d.key = 'next_command' and n.words[2] <> 'triage'
          and p_tenant in (select split_part(w, '/', 1) from unnest(n.words[3:]) w)
        then '"mkt status"'::jsonb
      else d.value end as value
    from jsonb_each(case jsonb_typeof(p_body -> 'data') when 'object' then p_body -> 'data' else '{}' end) d
    cross join named n
  )
  select case when jsonb_typeof(p_body -> 'data') = 'object'
    then p_body || jsonb_build_object('data', coalesce((select jsonb_object_agg(c.key, c.value) from changed c), '{}'))
    else p_body end
$$;

-- Takes a tenant out of everything that was told or is to be told, in the caller's transaction.
create function mkt_private.erase_alerts(p_tenant text) returns void
language sql volatile set search_path = '' as $$
  update public.integration_alerts a set body = mkt_private.without_tenant(a.body, p_tenant)
  where a.body <> mkt_private.without_tenant(a.body, p_tenant);
  update public.integration_alert_messages m set body = mkt_private.without_tenant(m.body, p_tenant)
  where m.body <> mkt_private.without_tenant(m.body, p_tenant);
$$;

-- who may call them -------------------------------------------------------------------------------------------------

do $$ declare made regprocedure; begin
  for made in select p.oid::regprocedure from pg_catalog.pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.proname in ('mkt_failing_since', 'mkt_open_alerts',
        'mkt_record_alerts', 'mkt_claim_alerts', 'mkt_settle_alert', 'mkt_release_alert', 'mkt_unsent_alerts')
      or p.pronamespace = 'mkt_private'::regnamespace
        and p.proname in ('alert_message', 'without_tenant', 'erase_alerts')
  loop
    execute format('revoke all on function %s from public, anon, authenticated', made);
    execute format('grant execute on function %s to service_role', made);
  end loop;
end $$;

insert into mkt_private.migrations (name) values ('20261123000010_mkt_alerts');
