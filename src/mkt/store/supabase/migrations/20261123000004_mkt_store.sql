-- What the functions of the store have in common. Arguments are called p_…, so that no column hides one.

-- The time that leases, retention and changes go by: the database's, so that hosts need not agree on it.
create function mkt_private.clock() returns timestamptz
language sql volatile set search_path = '' as
$$ select clock_timestamp() $$;

-- One word on why, and what it is about: `mkt` knows both by the answer's message. What the transaction did is undone.
create function mkt_private.refuse(p_word text, p_about text default '') returns void
language plpgsql volatile set search_path = '' as $$
begin
  raise exception using errcode = 'PT409', message = btrim(format('mkt.%s %s', p_word, p_about));
end $$;

-- [["northwind", "roster"], …] as rows.
create function mkt_private.keys(p_keys jsonb) returns table (tenant_id text, integration text)
language sql immutable set search_path = '' as
$$ select k ->> 0, k ->> 1 from jsonb_array_elements(p_keys) k $$;

-- In every transaction of a run: nothing is stored under a lease that somebody else has taken over. The row stays
-- locked until the end, so that nobody takes it over in between; and whoever commits is alive.
create function mkt_private.check_lease(p_tenant text, p_integration text, p_epoch bigint) returns void
language plpgsql volatile set search_path = '' as $$
begin
  update public.integration_leases l
  set expires_at = greatest(l.expires_at, mkt_private.clock() + interval '30 seconds')
  where l.tenant_id = p_tenant and l.integration = p_integration and l.epoch = p_epoch;
  if not found then
    perform mkt_private.refuse('lease_lost', format('%s/%s', p_tenant, p_integration));
  end if;
end $$;

-- `seq` follows the order of commits over the whole store: who takes numbers keeps the others waiting until its
-- commit, so they are taken as late as can be, all that a transaction needs at once.
create table mkt_private.feed (
  one      boolean primary key default true check (one),
  last_seq bigint not null
);
alter table mkt_private.feed enable row level security;
insert into mkt_private.feed (last_seq) values (0);
grant select, update on mkt_private.feed to service_role;

-- Returns the number before the first of them.
create function mkt_private.take_seqs(p_count bigint) returns bigint
language sql volatile set search_path = '' as
$$ update mkt_private.feed set last_seq = last_seq + p_count returning last_seq - p_count $$;

revoke all on function mkt_private.clock(), mkt_private.refuse(text, text), mkt_private.keys(jsonb),
  mkt_private.check_lease(text, text, bigint), mkt_private.take_seqs(bigint) from public, anon, authenticated;
grant execute on function mkt_private.clock(), mkt_private.refuse(text, text), mkt_private.keys(jsonb),
  mkt_private.check_lease(text, text, bigint), mkt_private.take_seqs(bigint) to service_role;

insert into mkt_private.migrations (name) values ('20261123000004_mkt_store');
