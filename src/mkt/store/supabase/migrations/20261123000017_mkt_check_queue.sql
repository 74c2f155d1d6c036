-- `mkt db check` looks at the queue's tables too, of which pgmq owns all but who may read them, and tells a disabled
-- trigger from one that is missing. As of 20261123000003_mkt_check but for that.
create or replace function public.mkt_check() returns jsonb
language sql stable set search_path = '' as $$
with recursive
  roles (oid, name) as (
    select 0::oid, 'public' union all
    select r.oid, r.rolname::text from pg_catalog.pg_roles r
    where r.rolname in ('anon', 'authenticated', 'service_role')
  ),
  tables as (
    select c.oid, c.relrowsecurity, c.relacl, format('%s.%s', n.nspname, c.relname) as name, n.nspname = 'pgmq' as queued
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p')
      and (n.nspname = 'mkt_private'
           or n.nspname = 'public' and (c.relname in ('integrations', 'connectors') or c.relname like 'integration\_%')
           or n.nspname = 'pgmq' and c.relname in ('q_mkt_sync', 'a_mkt_sync'))
  ),
  reading (oid) as (  -- every view through which our tables can be read, also by way of another one
    select oid from tables
    union
    select w.ev_class from reading
      join pg_catalog.pg_depend d on d.refobjid = reading.oid and d.refclassid = 'pg_catalog.pg_class'::regclass
        and d.classid = 'pg_catalog.pg_rewrite'::regclass
      join pg_catalog.pg_rewrite w on w.oid = d.objid
  ),
  views as (
    select c.oid, c.relacl, format('%s.%s', n.nspname, c.relname) as name, c.relkind = 'm' as materialized,
      coalesce((select o.option_value::boolean from pg_catalog.pg_options_to_table(c.reloptions) o
                where o.option_name = 'security_invoker'), false) as invoker
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('v', 'm') and c.oid in (select oid from reading)
  ),
  relations as (
    select oid, relacl, name from tables union all select oid, relacl, name from views
  ),
  columns as (
    select a.attrelid, a.attname, a.attacl,
      concat_ws(' ', pg_catalog.format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end) as type
    from pg_catalog.pg_attribute a
    where a.attrelid in (select oid from relations) and a.attnum > 0 and not a.attisdropped
  ),
  rights as (
    select c.oid, x.grantee, lower(x.privilege_type) as what
    from relations c cross join lateral pg_catalog.aclexplode(c.relacl) x
    union all
    select c.attrelid, x.grantee, format('%s(%s)', lower(x.privilege_type), c.attname)
    from columns c cross join lateral pg_catalog.aclexplode(c.attacl) x
  ),
  grants as (
    select g.oid, jsonb_object_agg(g.name, g.what) as granted from (
      select t.oid, r.name, jsonb_agg(t.what order by t.what) as what
      from rights t join roles r on r.oid = t.grantee group by t.oid, r.name
    ) g group by g.oid
  ),
  functions as (
    select p.oid, p.prosecdef, p.proconfig, p.prosrc, p.proowner, p.proacl,
      format('%s.%s(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)) as name
    from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where n.nspname = 'mkt_private' or n.nspname = 'public' and p.proname like 'mkt\_%'
  )
select jsonb_build_object(
  'migrations', (select coalesce(jsonb_agg(m.name order by m.name), '[]') from mkt_private.migrations m),
  'tables', (select jsonb_object_agg(t.name, jsonb_build_object(
    'rls', t.relrowsecurity,
    'grants', coalesce((select g.granted from grants g where g.oid = t.oid), '{}'),
    'columns', (select jsonb_object_agg(c.attname, c.type) from columns c where c.attrelid = t.oid),
    'policies', (select coalesce(jsonb_object_agg(p.polname, jsonb_build_object(
        'command', p.polcmd, 'permissive', p.polpermissive,
        'roles', (select jsonb_agg(coalesce(r.rolname::text, 'public') order by r.rolname) from unnest(p.polroles) u (oid)
                  left join pg_catalog.pg_roles r on r.oid = u.oid),
        'using', regexp_replace(pg_catalog.pg_get_expr(p.polqual, p.polrelid), '\s', '', 'g'),
        'check', regexp_replace(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), '\s', '', 'g'))), '{}')
      from pg_catalog.pg_policy p where p.polrelid = t.oid),
    'indexes', (select coalesce(jsonb_agg(i.relname order by i.relname), '[]') from pg_catalog.pg_index x
      join pg_catalog.pg_class i on i.oid = x.indexrelid where x.indrelid = t.oid and x.indisvalid),
    'constraints', (select coalesce(jsonb_agg(k.conname order by k.conname), '[]') from pg_catalog.pg_constraint k
      where k.conrelid = t.oid and k.contype <> 'n'),
    'triggers', (select coalesce(jsonb_agg(g.tgname order by g.tgname), '[]') from pg_catalog.pg_trigger g
      where g.tgrelid = t.oid and not g.tgisinternal and g.tgenabled in ('O', 'A')),
    'disabled', (select coalesce(jsonb_agg(g.tgname order by g.tgname), '[]') from pg_catalog.pg_trigger g
      where g.tgrelid = t.oid and not g.tgisinternal and g.tgenabled not in ('O', 'A'))
  )) from tables t where not t.queued),
  'queue', (select coalesce(jsonb_object_agg(t.name, jsonb_build_object(
    'rls', t.relrowsecurity,
    'grants', coalesce((select g.granted from grants g where g.oid = t.oid), '{}')
  )), '{}') from tables t where t.queued),
  'views', (select coalesce(jsonb_object_agg(v.name, jsonb_build_object(
    'invoker', v.invoker, 'materialized', v.materialized,
    'grants', coalesce((select g.granted from grants g where g.oid = v.oid), '{}'),
    'columns', (select jsonb_object_agg(c.attname, c.type) from columns c where c.attrelid = v.oid)
  )), '{}') from views v),
  'functions', (select jsonb_object_agg(f.name, jsonb_build_object(
    'definer', f.prosecdef,
    'path', (select c from unnest(f.proconfig) c where c like 'search_path=%'),
    'body', md5(f.prosrc),
    'grants', (select coalesce(jsonb_agg(r.name order by r.name), '[]')
      from pg_catalog.aclexplode(coalesce(f.proacl, pg_catalog.acldefault('f', f.proowner))) x
      join roles r on r.oid = x.grantee)
  )) from functions f)
) $$;

insert into mkt_private.migrations (name) values ('20261123000017_mkt_check_queue');
