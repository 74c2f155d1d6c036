-- What was spent of the partners' budgets, for all hosts. A budget is of a host, an account or a tenant, the latter two
-- known by digests: all of it is of the whole fleet.
--
-- A window is counted in slots, each with how many requests it has. They are times of the database's clock; what is
-- ahead of any that could be, as after it was set back, is forgotten. A hold is until the partner's own time and counts
-- from when it was set, so a clock that was set back ends it.

create table public.integration_budgets (
  per     text not null,
  name    text not null,
  seconds double precision not null,
  slots   bigint[] not null default '{}',
  counts  bigint[] not null default '{}',
  ends    double precision not null default 0,
  primary key (per, name, seconds)
) with (fillfactor = 50);
create index integration_budgets_ends on public.integration_budgets (ends);
create table public.integration_budget_holds (
  per    text not null,
  name   text not null,
  set_at timestamptz not null,
  until  timestamptz not null,
  primary key (per, name)
);

do $$ declare made text; begin
  foreach made in array array['integration_budgets', 'integration_budget_holds'] loop
    execute format('alter table public.%I enable row level security', made);
    execute format('revoke all on table public.%I from public, anon, authenticated, service_role', made);
    execute format('grant select, insert, update, delete on table public.%I to service_role', made);
  end loop;
end $$;

-- Seconds for which the partner still asks all who share the budget to wait.
create function mkt_private.held_for(p_per text, p_name text) returns double precision
language sql volatile set search_path = '' as $$
  select coalesce((
    select greatest(0, extract(epoch from h.until - t.now))::double precision
    from public.integration_budget_holds h cross join (select mkt_private.clock() as now) t
    where h.per = p_per and h.name = p_name and t.now >= h.set_at - interval '5 seconds'), 0)
$$;

create function public.mkt_held_budget(p_per text, p_name text) returns jsonb
language sql volatile set search_path = '' as
$$ select jsonb_build_object('wait', mkt_private.held_for(p_per, p_name)) $$;

-- Of two holds at once the longer one stays: both were answers to requests that were on their way.
create function public.mkt_hold_budget(p_per text, p_name text, p_until timestamptz) returns jsonb
language plpgsql volatile set search_path = '' as $$
declare v_now timestamptz;
begin
  perform 1 from public.integration_budget_holds h where h.per = p_per and h.name = p_name for update;
  v_now := mkt_private.clock();
  insert into public.integration_budget_holds as h (per, name, set_at, until) values (p_per, p_name, v_now, p_until)
  on conflict (per, name) do update set set_at = v_now, until = greatest(excluded.until,
    case when v_now >= h.set_at - interval '5 seconds' then h.until end);
  delete from public.integration_budget_holds h where (h.per, h.name) in (
    select o.per, o.name from public.integration_budget_holds o where o.until <= v_now for update skip locked);
  return '{}';
end $$;

-- Takes places for at most p_most requests in the first slot that has one, not before one that is spent already, nor
-- in one that ends within p_late seconds, which the answer takes. So that an answer comes in time, a slot has a quarter
-- of a second at least; a request counts until the end of its slot is a whole window ago, so that of a budget of one
-- second four fifths are spent, and of one of ten seconds nearly all.
create function public.mkt_reserve_budget(
  p_per text, p_name text, p_requests bigint, p_seconds double precision, p_most bigint, p_patience double precision,
  p_late double precision
) returns jsonb
language plpgsql volatile set search_path = '' as $$
declare
  v_width constant double precision := greatest(p_seconds / 32, least(0.25, p_seconds / 2));
  v_window constant bigint := ceil(p_seconds / v_width);
  v_wait double precision := mkt_private.held_for(p_per, p_name);
  v_now double precision;
  v_slots bigint[];
  v_counts bigint[];
  v_slot bigint;
  v_free bigint;
  v_first bigint;
begin
  if v_wait > 0 then
    return jsonb_build_object('requests', 0, 'wait', v_wait, 'lasts', 0, 'held', true);
  end if;
  select b.slots, b.counts into v_slots, v_counts from public.integration_budgets b
  where b.per = p_per and b.name = p_name and b.seconds = p_seconds for update;
  if not found then
    v_now := extract(epoch from mkt_private.clock());
    delete from public.integration_budgets b where (b.per, b.name, b.seconds) in (
      select o.per, o.name, o.seconds from public.integration_budgets o
      where o.ends < v_now or o.ends > v_now + 1.1 * o.seconds + 121 for update skip locked);
    insert into public.integration_budgets (per, name, seconds, ends)
    values (p_per, p_name, p_seconds, v_now + p_seconds) on conflict do nothing;
    select b.slots, b.counts into v_slots, v_counts from public.integration_budgets b
    where b.per = p_per and b.name = p_name and b.seconds = p_seconds for update;
  end if;

  v_now := extract(epoch from mkt_private.clock());
  v_slot := floor((v_now + p_late) / v_width);
  select array_agg(u.slot), array_agg(u.number), greatest(v_slot, max(u.slot)) into v_slots, v_counts, v_slot
  from unnest(v_slots, v_counts) u (slot, number)
  where u.slot >= floor(v_now / v_width) - v_window
    and (select max(s) from unnest(v_slots) s) * v_width <= v_now + 120 + v_width;
  loop
    select p_requests - coalesce(sum(u.number), 0), min(u.slot) into v_free, v_first
    from unnest(v_slots, v_counts) u (slot, number) where u.slot >= v_slot - v_window;
    exit when v_free > 0;
    v_slot := v_first + v_window + 1;
  end loop;

  v_wait := greatest(0, v_slot * v_width - v_now);
  if v_wait > p_patience then
    return jsonb_build_object('requests', 0, 'wait', v_wait, 'lasts', 0, 'held', false);
  end if;
  v_free := least(v_free, p_most);
  if v_slot = any (v_slots) then
    v_counts[array_position(v_slots, v_slot)] := v_counts[array_position(v_slots, v_slot)] + v_free;
  else
    v_slots := v_slots || v_slot;
    v_counts := v_counts || v_free;
  end if;
  update public.integration_budgets b
  set slots = v_slots, counts = v_counts, ends = (v_slot + v_window + 1) * v_width
  where b.per = p_per and b.name = p_name and b.seconds = p_seconds;
  return jsonb_build_object('requests', v_free, 'wait', v_wait,
    'lasts', (v_slot + 1) * v_width - v_now - v_wait, 'held', false);
end $$;

-- Forgets the budgets of a tenant, whose names begin with its digest.
create function public.mkt_purge_budgets(p_digest text) returns jsonb
language plpgsql volatile set search_path = '' as $$
begin
  delete from public.integration_budgets b where b.per = 'tenant' and starts_with(b.name, p_digest);
  delete from public.integration_budget_holds h where h.per = 'tenant' and starts_with(h.name, p_digest);
  return '{}';
end $$;

-- who may call them -------------------------------------------------------------------------------------------------

do $$ declare made regprocedure; begin
  for made in select p.oid::regprocedure from pg_catalog.pg_proc p
    where p.pronamespace = 'public'::regnamespace
        and p.proname in ('mkt_held_budget', 'mkt_hold_budget', 'mkt_reserve_budget', 'mkt_purge_budgets')
      or p.pronamespace = 'mkt_private'::regnamespace and p.proname = 'held_for'
  loop
    execute format('revoke all on function %s from public, anon, authenticated', made);
    execute format('grant execute on function %s to service_role', made);
  end loop;
end $$;

insert into mkt_private.migrations (name) values ('20261123000013_mkt_pace');
