-- The read views: one for each stream, typed columns. A public, versioned interface.
-- security_invoker: who reads them sees what the policies of integration_records let them see, and no more.

create view public.people with (security_invoker = true) as
select r.tenant_id as tenant, r.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted,
  r.data ->> 'employee_number' as "employee_number",
  r.data ->> 'user_name' as "user_name",
  r.data ->> 'given_name' as "given_name",
  r.data ->> 'family_name' as "family_name",
  r.data ->> 'formatted_name' as "formatted_name",
  r.data ->> 'email' as "email",
  r.data ->> 'status' as "status",
  r.data ->> 'title' as "title",
  r.data ->> 'user_type' as "user_type",
  r.data ->> 'manager_id' as "manager_id",
  r.data ->> 'department' as "department",
  r.data ->> 'cost_center' as "cost_center",
  r.data ->> 'hire_date' as "hire_date",
  r.data ->> 'termination_date' as "termination_date",
  r.data ->> 'job_role_id' as "job_role_id",
  r.data ->> 'job_role' as "job_role",
  r.data ->> 'org_unit_id' as "org_unit_id",
  r.data ->> 'org_unit' as "org_unit",
  r.data ->> 'location' as "location",
  r.data ->> 'last_modified' as "last_modified",
  case jsonb_typeof(r.data -> 'active') when 'boolean' then (r.data -> 'active')::boolean end as "active"
from public.integration_records r where r.stream = 'people';

create view public.org_units with (security_invoker = true) as
select r.tenant_id as tenant, r.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted,
  r.data ->> 'name' as "name",
  r.data ->> 'type' as "type",
  r.data ->> 'identifier' as "identifier",
  r.data ->> 'parent_id' as "parent_id"
from public.integration_records r where r.stream = 'org_units';

create view public.memberships with (security_invoker = true) as
select r.tenant_id as tenant, r.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted,
  r.data ->> 'person_id' as "person_id",
  r.data ->> 'org_unit_id' as "org_unit_id",
  r.data ->> 'role' as "role",
  r.data ->> 'role_type' as "role_type",
  r.data ->> 'begin_date' as "begin_date",
  r.data ->> 'end_date' as "end_date",
  case jsonb_typeof(r.data -> 'primary') when 'boolean' then (r.data -> 'primary')::boolean end as "primary"
from public.integration_records r where r.stream = 'memberships';

create view public.job_roles with (security_invoker = true) as
select r.tenant_id as tenant, r.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted,
  r.data ->> 'name' as "name"
from public.integration_records r where r.stream = 'job_roles';

create view public.accounts with (security_invoker = true) as
select r.tenant_id as tenant, r.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted,
  r.data ->> 'name' as "name",
  r.data ->> 'domain' as "domain",
  r.data ->> 'industry' as "industry",
  r.data ->> 'parent_id' as "parent_id",
  r.data ->> 'owner' as "owner"
from public.integration_records r where r.stream = 'accounts';

create view public.contacts with (security_invoker = true) as
select r.tenant_id as tenant, r.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted,
  r.data ->> 'account_id' as "account_id",
  r.data ->> 'given_name' as "given_name",
  r.data ->> 'family_name' as "family_name",
  r.data ->> 'email' as "email",
  r.data ->> 'title' as "title"
from public.integration_records r where r.stream = 'contacts';

create view public.opportunities with (security_invoker = true) as
select r.tenant_id as tenant, r.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted,
  r.data ->> 'account_id' as "account_id",
  r.data ->> 'name' as "name",
  r.data ->> 'stage' as "stage",
  r.data ->> 'amount' as "amount",
  r.data ->> 'currency' as "currency",
  r.data ->> 'close_date' as "close_date",
  case jsonb_typeof(r.data -> 'is_won') when 'boolean' then (r.data -> 'is_won')::boolean end as "is_won",
  r.data -> 'products' as "products"
from public.integration_records r where r.stream = 'opportunities';

create view public.content_items with (security_invoker = true) as
select r.tenant_id as tenant, r.integration, r.external_id, r.seq, r.changed_at, r.first_seen_at, r.deleted,
  r.data ->> 'title' as "title",
  r.data ->> 'type' as "type",
  r.data ->> 'href' as "href",
  r.data ->> 'parent_id' as "parent_id",
  r.data ->> 'standard' as "standard",
  r.data ->> 'standard_version' as "standard_version",
  r.data ->> 'launch_method' as "launch_method",
  r.data ->> 'move_on' as "move_on",
  case jsonb_typeof(r.data -> 'position') when 'number' then trunc((r.data -> 'position')::numeric)::bigint end as "position",
  case jsonb_typeof(r.data -> 'mastery_score') when 'number' then (r.data -> 'mastery_score')::double precision end as "mastery_score"
from public.integration_records r where r.stream = 'content_items';

revoke all on public.people, public.org_units, public.memberships, public.job_roles, public.accounts,
  public.contacts, public.opportunities, public.content_items
  from public, anon, authenticated, service_role;
grant select on public.people, public.org_units, public.memberships, public.job_roles, public.accounts,
  public.contacts, public.opportunities, public.content_items
  to authenticated, service_role;

insert into mkt_private.migrations (name) values ('20261123000002_mkt_views');
