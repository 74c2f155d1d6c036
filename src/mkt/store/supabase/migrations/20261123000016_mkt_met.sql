-- A first load that goes on counts for itself: what the run before it has met is forgotten. As of
-- 20261123000006_mkt_sync but for that.
create or replace function mkt_private.take_staging(p_tenant text, p_integration text, p_epoch bigint, p_run_id text,
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
    delete from public.integration_staging_seen s where p_direct and s.staging = take_staging.staging;
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

insert into mkt_private.migrations (name) values ('20261123000016_mkt_met');
